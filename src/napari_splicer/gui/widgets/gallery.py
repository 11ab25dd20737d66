"""Gallery: the most typical, or the most borderline, cells of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

from napari_splicer.gui.binding import bind
from napari_splicer.gui.jobs import Errand
from napari_splicer.gui.numbering import shown_cells
from napari_splicer.gui.thumbnails import Query, Thumbnails, excerpt, make_thumbnails
from napari_splicer.gui.widgets.channel_menu import ChannelMenu
from napari_splicer.gui.widgets.narrow_box import NarrowBox
from napari_splicer.gui.widgets.panel import Panel
from napari_splicer.gui.widgets.picture_list import PictureList
from napari_splicer.gui.widgets.swatch import swatch
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.theme import Theme

EMPTY = "Here will be pictures of each group's cells. Step ⑤ Cluster makes the groups."
READING = "Reading pictures of cells …"
NO_IMAGE = "Choose the table's image in step ① Image to see pictures of its cells."
TYPICAL, BORDERLINE = "typical", "borderline"
_COUNT = 24


class Gallery(Panel):
    """Cells of one group as pictures; a click selects the cell and flies to it in the viewer.

    Parameters
    ----------
    session : Session
        Read and written.
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        self.pictures = PictureList(session)
        self.channels = ChannelMenu(session, "those highest in the group")
        super().__init__("Cells", self._lay_out(), parent)
        self._session = session
        self._wording = Wording(self, session)
        self._wording.put(self.heading.setText, "Cells")
        self._shown: tuple[object, ...] = ()
        self._errand = Errand(self, self._show)
        self._dress()
        self.group.currentIndexChanged.connect(self._ask)
        self.kind.currentIndexChanged.connect(self._ask)
        self.channels.changed.connect(self._ask)
        self.pictures.pressed_on.connect(self._fly_to)
        events = session.events
        for signal in (events.table, events.clustering, events.groups):
            bind(self, signal, self._groups_changed)
        bind(self, events.lights, self._ask)
        self._groups_changed()

    def _lay_out(self) -> QWidget:
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.pictures, 1)
        layout.addWidget(self.channels)
        return content

    def _dress(self) -> None:
        self.group, self.kind = QComboBox(), NarrowBox()
        self._wording.put(self.group.setToolTip, "Group whose cells are shown")
        self.kind.addItems([TYPICAL, BORDERLINE])
        self.kind.tip = (
            "Typical: nearest to the group's centre. Borderline: nearest to another group."
        )
        self.group.setMinimumWidth(64)
        # napari's arrow is wider than the style's own hint for it.
        self.kind.setMinimumWidth(self.fontMetrics().horizontalAdvance(TYPICAL) + 60)
        self.tools.addWidget(self.group, stretch=1)
        self.tools.addWidget(self.kind)

    def set_theme(self, theme: Theme) -> None:
        """Put the pictures on the theme's background."""
        self.pictures.set_theme(theme)

    # what is asked for -------------------------------------------------------------------------

    def _groups_changed(self) -> None:
        session = self._session
        names = [group.name for group in session.groups]
        shown = (id(session.table), session.clustering, names)
        if shown != self._shown:
            self._shown = shown
            kept = max(self.group.currentIndex(), 0)
            self.group.blockSignals(True)
            self.group.clear()
            self.group.addItems(names)
            self.group.setCurrentIndex(min(kept, len(names) - 1))
            self.group.blockSignals(False)
            self._ask()
        for row, group in enumerate(session.groups):
            self.group.setItemIcon(row, swatch(group.colour))

    def _ask(self) -> None:
        session, group = self._session, self.group.currentIndex()
        if session.table is None or not session.groups or group < 0:
            self._errand.forget()
            self.say(self._session.words(EMPTY))
        elif (image := session.snapshot().image_of_cells) is None:
            self._errand.forget()  # or pictures of the image before would still come
            self.say(self._session.words(NO_IMAGE))
        else:
            if self.message:
                self.say(self._session.words(READING))
            self._errand.ask(
                make_thumbnails,
                Query(
                    image=image,
                    table=excerpt(session.table, shown_cells(session)),
                    codes=session.codes(),
                    group=group,
                    borderline=self.kind.currentText() == BORDERLINE,
                    channels=self.channels.chosen,
                    count=_COUNT,
                    lights=session.lights,
                ),
            )

    # what comes --------------------------------------------------------------------------------

    def _show(self, thumbnails: Thumbnails) -> None:
        self.pictures.show_pictures(thumbnails)
        self.channels.explain(thumbnails)
        self.show_content()

    def _fly_to(self, cell: int) -> None:
        self._session.select([cell])
        self._session.cell_requested.emit(cell)
