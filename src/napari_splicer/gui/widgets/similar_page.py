"""SimilarPage: the cells most alike to a chosen one, as pictures, on the map and on the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import (
    QCheckBox,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_splicer.analysis.similarity import comparing
from napari_splicer.gui import similar
from napari_splicer.gui.binding import bind
from napari_splicer.gui.jobs import Errand
from napari_splicer.gui.naming import offered_sources, source_words
from napari_splicer.gui.numbering import shown_cells
from napari_splicer.gui.snapshot import detached
from napari_splicer.gui.thumbnails import Cells, picture
from napari_splicer.gui.widgets.alike_selector import AlikeSelector
from napari_splicer.gui.widgets.channel_menu import ChannelMenu
from napari_splicer.gui.widgets.narrow_box import NarrowBox
from napari_splicer.gui.widgets.panel import Panel
from napari_splicer.gui.widgets.picture_list import PictureList
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_splicer.analysis.similarity import Similarity
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.thumbnails import Thumbnails
    from napari_splicer.gui.widgets.theme import Theme

EMPTY = (
    "Here will be the cells that are most alike to one that you click. Step ④ Embed describes the "
    "cells first."
)
TEACHING = (
    "<b>Click a cell</b> in the image or on the map to find the cells that are like it.<br>Or "
    "select some on the map and press <b>Like the selected</b>: others are compared to their mean."
)
_NO_IMAGE = "Choose the table's image in step ① Image to see pictures of these cells."
_PICTURES = 40  # that are shown, beside those asked about
_ASKED = 4  # pictures of the cells that are asked about
_SHARES_SAID = 100_000  # cells above which it takes long enough to say how far it is


class SimilarPage(Panel):
    """Compares all cells to the one clicked, or to the mean of those selected.

    Parameters
    ----------
    session : Session
        Read and written.
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        self._session = session
        self._found: Similarity | None = None
        self.pictures = PictureList(session, captioned=True)
        self.channels = ChannelMenu(session, "those highest in the cells that are shown")
        self.selector = AlikeSelector(session)
        super().__init__("Similar cells", self._lay_out(), parent)
        self._comparison = Errand(self, self._take, self._refuse, self._say_share)
        self._picturing = Errand(self, self._show)
        self._wording = Wording(self, session)
        self._wording.put(self.heading.setText, "Similar cells")
        self._dress()
        self._connect()
        self._table_changed()

    def _lay_out(self) -> QWidget:
        self.remark = QLabel()
        self.remark.setWordWrap(True)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.pictures, 1)
        layout.addWidget(self.remark)
        layout.addWidget(self.channels)
        layout.addWidget(self.selector)
        return content

    def _dress(self) -> None:
        self.about = QLabel()
        self._wording.put(
            self.about.setToolTip, "The cell, or cells, that all others are compared to"
        )
        self.source = NarrowBox()
        self.source.tip = (
            "What must be alike: all the model sees, one component of it, or intensity"
        )
        self.coloured = QCheckBox("in colour")
        sought = self._session.sought  # there is one where a project is opened
        now = self._session.colour_by
        self.coloured.setChecked(sought is None or now == similar.measure_of(sought))
        self._wording.put(
            self.coloured.setToolTip, "Colour map and image by how alike each cell is"
        )
        self.like_selected = QPushButton("Like the selected")
        self.tools.addWidget(self.about)
        self.tools.addWidget(self.like_selected)
        self.tools.addWidget(QLabel("by"))
        self.tools.addWidget(self.source, 1)
        self.tools.addWidget(self.coloured)

    def _connect(self) -> None:
        session, events = self._session, self._session.events
        bind(self, events.table, self._table_changed)
        bind(self, events.sought, self._compare)
        bind(self, events.selection, self._selection_changed)
        bind(self, events.colour_by, self._colour_changed)
        bind(self, events.lights, self._picture)
        bind(self, session.cell_clicked, self._cell_clicked)
        self.channels.changed.connect(self._picture)
        self.pictures.pressed_on.connect(self._fly_to)
        self.source.activated.connect(self._source_chosen)
        self.coloured.toggled.connect(self._colour)
        self.like_selected.clicked.connect(lambda: self.ask(session.selection))
        self.selector.wanted.connect(self._select)

    def set_theme(self, theme: Theme) -> None:
        """Put the pictures on the theme's background."""
        self.pictures.set_theme(theme)

    # what is asked -----------------------------------------------------------------------------

    def ask(self, cells: Iterable[int]) -> None:
        """Ask which cells are like these (label ids)."""
        similar.ask(self._session, cells, self.source.currentData() or "intensity")

        if self._session.sought is not None:
            self._tick(True)  # a new question is one to be seen

    def _fly_to(self, cell: int) -> None:
        self._session.cell_requested.emit(cell)

    def _cell_clicked(self, cell: int) -> None:
        if self.isVisible():
            self.ask([cell])

    def _source_chosen(self) -> None:
        if self._session.sought is not None:
            sought = self._session.sought
            similar.ask(self._session, sought.cells, self.source.currentData())

    def _table_changed(self) -> None:
        self._list_sources()
        self._selection_changed()
        self._compare()

    def _list_sources(self) -> None:
        table, sought = self._session.table, self._session.sought
        chosen = self.source.currentData() if sought is None else sought.source
        self.source.clear()
        for source in () if table is None else offered_sources(table):
            self.source.addItem(source_words(source), source)
        # Of all numbers of a model, intensity included, those it made are the ones to look by.
        wanted = chosen or "representation"
        self.source.setCurrentIndex(max(self.source.findData(wanted), 0))

    def _compare(self) -> None:
        session, sought = self._session, self._session.sought
        self._found = None
        known = session.table is not None and sought is not None and similar.is_known(session)
        self.heading.setHidden(known)  # it leaves its room to the controls: the tab has its words
        self.about.setText(f"like {sought.words}" if known and sought is not None else "")
        if session.table is None or sought is None or not known:
            self._comparison.forget()
            self.say(session.words(EMPTY if session.table is None else TEACHING))
            return
        self.source.setCurrentIndex(max(self.source.findData(sought.source), 0))
        cells = similar.names_of(session, sought.cells)
        self._comparison.ask(comparing, detached(session.table), cells, sought.source)

    def _say_share(self, share: float) -> None:
        if len(self._session.ids()) > _SHARES_SAID:
            self.say(
                self._session.words(f"Comparing {len(self._session.ids()):,} cells: {share:.0%}")
            )

    # what comes --------------------------------------------------------------------------------

    def _refuse(self, error: Exception) -> None:
        self.say(str(error))

    def _take(self, found: Similarity) -> None:
        sought = self._session.sought
        if sought is None:
            return
        self._found = found
        similar.take(self._session, sought, found, shown=self.coloured.isChecked())
        self.remark.setText(" ".join(found.remarks))
        self.remark.setVisible(bool(found.remarks))
        self.selector.show_found(found)
        self.pictures.clear()  # they belong to other numbers
        self.show_content()
        self._picture()

    def _picture(self) -> None:
        session, found = self._session, self._found
        if found is None or session.table is None:
            return
        image = session.snapshot().image_of_cells
        if image is None:
            self._picturing.forget()
            self.say(self._session.words(_NO_IMAGE))
            return
        rows = np.concatenate([found.asked[:_ASKED], found.order[:_PICTURES]])
        cells = Cells.of(session.table, shown_cells(session))
        channels, lights = self.channels.chosen, session.lights
        self._picturing.ask(picture, image, cells, rows, channels, lights)

    def _show(self, thumbnails: Thumbnails) -> None:
        found = self._found
        if found is None:
            return
        asked = min(len(found.asked), _ASKED)
        nearest = found.values[found.order[:_PICTURES]]
        captions = [*["chosen"] * asked, *(f"{i}: {v:.2f}" for i, v in enumerate(nearest, 1))]
        tips = ["chosen"] * asked
        tips += [f"number {i}, similarity {v:.3f}" for i, v in enumerate(nearest, 1)]
        self.pictures.show_pictures(thumbnails, captions, tips)
        self.channels.explain(thumbnails)
        self.show_content()  # which another image may have taken the place of

    # what follows from it ----------------------------------------------------------------------

    def _select(self, count: int) -> None:
        if self._found is not None:
            rows = self._found.nearest(count)
            self._session.select(similar.cells_at(self._session, rows))

    def _selection_changed(self) -> None:
        count = len(self._session.selection)
        self.like_selected.setEnabled(count > 0)
        self.like_selected.setToolTip(
            self._session.words(
                f"Compare all cells to the mean of the {count:,} selected"
                if count
                else "Select cells first: drag around them on the map"
            )
        )

    def _colour(self, wanted: bool) -> None:
        sought = self._session.sought
        if self._found is None or sought is None:
            return
        name = similar.measure_of(sought)
        if wanted:
            self._session.colour_by = name
        elif self._session.colour_by == name:
            self._session.colour_by = None

    def _colour_changed(self) -> None:
        """Follow what the map is coloured by, once there is a similarity to colour it by."""
        sought = self._session.sought
        if self._found is not None and sought is not None:
            self._tick(self._session.colour_by == similar.measure_of(sought))

    def _tick(self, on: bool) -> None:
        self.coloured.blockSignals(True)
        self.coloured.setChecked(on)
        self.coloured.blockSignals(False)
