"""Gallery: the most typical, or the most borderline, cells of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, QSize, Qt
from qtpy.QtGui import QAction, QColor, QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QLabel,
    QListView,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QToolButton,
    QWidget,
)

from napari_splicer.gui.binding import bind
from napari_splicer.gui.jobs import Errand
from napari_splicer.gui.thumbnails import Query, Thumbnails, excerpt, make_thumbnails
from napari_splicer.gui.widgets.panel import Panel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from qtpy.QtCore import QEvent

    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.theme import Theme

EMPTY = "Here will be pictures of each group's cells. Step ⑤ Cluster makes the groups."
NO_IMAGE = "Choose the table's image in step ① Image to see pictures of its cells."
TYPICAL, BORDERLINE = "typical", "borderline"
_SIDE = 72  # px of a picture on screen
_COUNT = 24
_MOST_CHANNELS = 3
_CELL = Qt.ItemDataRole.UserRole


class Gallery(Panel):
    """Cells of one group as pictures; a click selects the cell and flies to it in the viewer.

    Parameters
    ----------
    session : Session
        Read and written.
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        self.pictures, self.legend = QListWidget(), QLabel()
        self.channels = QToolButton(text="Channels  ")
        self.legend.setWordWrap(True)
        super().__init__("Cells", self._lay_out(), parent)
        self._session = session
        self._channels: tuple[str, ...] = ()
        self._shown: tuple[object, ...] = ()
        self._errand = Errand(self, self._show)
        self._dress()
        self.group.currentIndexChanged.connect(self._ask)
        self.kind.currentIndexChanged.connect(self._ask)
        self.pictures.clicked.connect(self._clicked)
        self.pictures.entered.connect(self._entered)
        events = session.events
        for signal in (events.table, events.clustering, events.groups):
            bind(self, signal, self._groups_changed)
        bind(self, events.image, self._image_changed)
        self._image_changed()
        self._groups_changed()

    def _lay_out(self) -> QWidget:
        content = QWidget()
        layout = QGridLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.pictures, 0, 0, 1, 2)
        layout.addWidget(self.channels, 1, 0)
        layout.addWidget(self.legend, 1, 1)
        layout.setColumnStretch(1, 1)
        return content

    def _dress(self) -> None:
        self.group, self.kind = QComboBox(), QComboBox()
        self.group.setToolTip("Group whose cells are shown")
        self.kind.addItems([TYPICAL, BORDERLINE])
        self.kind.setToolTip(
            "Typical: nearest to the group's centre. Borderline: nearest to another group."
        )
        self.channels.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.channels.setMenu(QMenu(self.channels))
        self.channels.setToolTip("Up to three channels; automatic: those highest in the group")
        self.group.setMinimumWidth(64)
        # napari's arrow is wider than the style's own hint for it.
        self.kind.setMinimumWidth(self.fontMetrics().horizontalAdvance(BORDERLINE) + 44)
        self.tools.addWidget(self.group, stretch=1)
        self.tools.addWidget(self.kind)
        self.pictures.setViewMode(QListView.ViewMode.IconMode)
        self.pictures.setResizeMode(QListView.ResizeMode.Adjust)
        self.pictures.setMovement(QListView.Movement.Static)
        self.pictures.setIconSize(QSize(_SIDE, _SIDE))
        self.pictures.setGridSize(QSize(_SIDE + 4, _SIDE + 4))
        self.pictures.setUniformItemSizes(True)
        self.pictures.setMouseTracking(True)

    def set_theme(self, theme: Theme) -> None:
        """Put the pictures on the theme's background."""
        self.pictures.setStyleSheet(f"QListWidget {{ background: {theme.background} }}")

    # what is asked for -------------------------------------------------------------------------

    def _image_changed(self) -> None:
        image = self._session.image
        names = () if image is None else image.channels
        self._channels = tuple(name for name in self._channels if name in names)
        menu = self.channels.menu()
        menu.clear()
        automatic = menu.addAction("Automatic")
        automatic.triggered.connect(self._automatic)
        menu.addSeparator()
        for name in names:
            action = menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(name in self._channels)
            action.toggled.connect(self._channels_chosen)
        self._ask()

    def _actions(self) -> list[QAction]:
        return [action for action in self.channels.menu().actions() if action.isCheckable()]

    def _automatic(self) -> None:
        for action in self._actions():
            action.setChecked(False)

    def _channels_chosen(self) -> None:
        chosen = [action.text() for action in self._actions() if action.isChecked()]
        for action in self._actions():
            action.setEnabled(action.isChecked() or len(chosen) < _MOST_CHANNELS)
        self._channels = tuple(chosen)
        self._ask()

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
            swatch = QPixmap(12, 12)
            swatch.fill(QColor(group.colour))
            self.group.setItemIcon(row, QIcon(swatch))

    def _ask(self) -> None:
        session, group = self._session, self.group.currentIndex()
        if session.table is None or not session.groups or group < 0:
            self.say(EMPTY)
        elif session.image is None:
            self.say(NO_IMAGE)
        else:
            self._errand.ask(
                make_thumbnails,
                Query(
                    image=session.image,
                    table=excerpt(session.table),
                    codes=session.codes(),
                    group=group,
                    borderline=self.kind.currentText() == BORDERLINE,
                    channels=self._channels,
                    count=_COUNT,
                ),
            )

    # what comes --------------------------------------------------------------------------------

    def _show(self, thumbnails: Thumbnails) -> None:
        self.pictures.clear()
        for cell, picture in zip(thumbnails.ids, thumbnails.pictures, strict=True):
            item = QListWidgetItem(_icon(picture), "", self.pictures)
            item.setData(_CELL, int(cell))
            item.setToolTip(f"cell {cell}: click to fly there")
        names = zip(thumbnails.channels, thumbnails.hues, strict=True)
        marks = [f'<span style="color:{hue}">■</span>&nbsp;{name}' for name, hue in names]
        self.legend.setText(" ".join(marks) if len(marks) > 1 else thumbnails.channels[0])
        self.show_content()

    def _entered(self, index: QModelIndex) -> None:
        self._session.hovered = int(index.data(_CELL))

    def leaveEvent(self, event: QEvent) -> None:
        """Let no cell be under the mouse once it has left."""
        self._session.hovered = None
        super().leaveEvent(event)

    def _clicked(self, index: QModelIndex) -> None:
        cell = int(index.data(_CELL))
        self._session.select([cell])
        self._session.cell_requested.emit(cell)


def _icon(picture: NDArray[np.uint8]) -> QIcon:
    height, width, _ = picture.shape
    image = QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return QIcon(QPixmap.fromImage(image).scaled(_SIDE, _SIDE))
