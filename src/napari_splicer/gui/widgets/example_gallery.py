"""ExampleGallery: the examples of one type as pictures, to be looked at and taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedLayout, QVBoxLayout, QWidget

from napari_splicer.gui import lessons
from napari_splicer.gui.binding import bind
from napari_splicer.gui.jobs import Errand
from napari_splicer.gui.numbering import called, own_number, shown_cells
from napari_splicer.gui.shortcuts import TAKE_EXAMPLE_OUT
from napari_splicer.gui.thumbnails import Cells, picture
from napari_splicer.gui.widgets.channel_menu import ChannelMenu
from napari_splicer.gui.widgets.picture_list import PictureList

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QKeyEvent

    from napari_splicer.gui.session import Session
    from napari_splicer.gui.thumbnails import Thumbnails
    from napari_splicer.gui.widgets.theme import Theme
    from napari_splicer.gui.widgets.type_table import TypeTable

_PICTURES = 60  # the examples that were shown last
_DOUBTED = "by the other examples it would be of another type: is it right?"


class ExampleGallery(QWidget):
    """Pictures of the examples of the type that is chosen in a table, the last one first.

    Parameters
    ----------
    session : Session
        Read and written.
    types : TypeTable
    """

    def __init__(self, session: Session, types: TypeTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._types = session, types
        self._doubted: NDArray[np.int64] = np.empty(0, np.int64)
        self.pictures = PictureList(session, captioned=True)
        self.channels = ChannelMenu(session, "those highest in these cells")
        self.out = QPushButton("Take out")
        self.message = QLabel()
        self.message.setWordWrap(True)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.pictures)
        self._stack.addWidget(self.message)
        self._errand = Errand(self, self._show)
        line = QHBoxLayout()
        line.addWidget(self.channels, 1)
        line.addWidget(self.out)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(self._stack, 1)
        column.addLayout(line)
        self.pictures.pressed_on.connect(self._fly_to)
        self.pictures.itemSelectionChanged.connect(self._refresh)
        self.out.clicked.connect(self._take_out)
        self.channels.changed.connect(self._ask)
        types.currentCellChanged.connect(self._ask)
        for signal in (session.events.lesson, session.events.table, session.events.lights):
            bind(self, signal, self._ask)
        self._ask()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take out the example that is marked, with Delete."""
        if TAKE_EXAMPLE_OUT.matches(event):
            self._take_out()
        else:
            super().keyPressEvent(event)

    def set_theme(self, theme: Theme) -> None:
        """Put the pictures on the theme's background."""
        self.pictures.set_theme(theme)

    def doubt(self, cells: NDArray[np.int64]) -> None:
        """Mark the examples, by label id, that seem to be of another type."""
        if not np.array_equal(cells, self._doubted):
            self._doubted = cells
            self._ask()

    def _ask(self, *_: object) -> None:
        session, place = self._session, self._types.place
        chosen = session.table is not None and 0 <= place < len(session.lesson.types)
        rows = lessons.examples(session, place)[::-1][:_PICTURES] if chosen else ()
        if not len(rows):
            self._errand.forget()
            self.pictures.clear()
            self._say("Examples of the type chosen on the left will be shown here.")
        elif (image := session.snapshot().image_of_cells) is None:
            self._errand.forget()
            self._say("Choose the table's image in step ① Image to see pictures of its cells.")
        else:
            cells = Cells.of(session.table, shown_cells(session))
            self._errand.ask(picture, image, cells, rows, self.channels.chosen, session.lights)
        self._refresh()

    def _say(self, sentence: str) -> None:
        self.message.setText(sentence)
        self._stack.setCurrentIndex(1)

    def _show(self, thumbnails: Thumbnails) -> None:
        cells = thumbnails.ids.tolist()
        doubted = np.isin(cells, self._doubted).tolist()
        numbers = [own_number(self._session, cell) for cell in cells]
        captions = [
            f"{cell} ?" if doubt else f"{cell}"
            for cell, doubt in zip(numbers, doubted, strict=True)
        ]
        tips = [_DOUBTED if doubt else "an example" for doubt in doubted]
        self.pictures.show_pictures(thumbnails, captions, tips)
        self.channels.explain(thumbnails)
        self._stack.setCurrentIndex(0)
        self._refresh()

    def _fly_to(self, cell: int) -> None:
        self._session.cell_requested.emit(cell)

    def _take_out(self) -> None:
        if self.pictures.chosen:
            lessons.take_out(self._session, self.pictures.chosen)

    def _refresh(self) -> None:
        chosen = self.pictures.chosen
        self.out.setEnabled(bool(chosen))
        tip = "Click the picture of an example first"
        if chosen:
            name = called(self._session, chosen[0])
            tip = self._session.words(f"Let {name} be no example any more (Delete)")
        self.out.setToolTip(tip)
