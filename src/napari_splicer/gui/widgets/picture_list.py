"""PictureList: cells as pictures, which lead to the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QListView, QListWidget, QListWidgetItem

from napari_splicer.gui.numbering import called

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from qtpy.QtCore import QEvent
    from qtpy.QtGui import QKeyEvent
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.session import Session
    from napari_splicer.gui.thumbnails import Thumbnails
    from napari_splicer.gui.widgets.theme import Theme

_SIDE = 72  # px of a picture on screen
_CELL = Qt.ItemDataRole.UserRole


class PictureList(QListWidget):
    """Pictures of cells; the one under the mouse becomes ``session.hovered``. Emits ``pressed_on``.

    Parameters
    ----------
    session : Session
        Written.
    captioned : bool
        Whether there is a line of text under each picture.

    Signals
    -------
    pressed_on : (int,)
        Label id of a cell that was clicked.
    """

    pressed_on = Signal(object)

    def __init__(
        self, session: Session, *, captioned: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        line = self.fontMetrics().height() + 2 if captioned else 0
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setIconSize(QSize(_SIDE, _SIDE))
        self.setGridSize(QSize(_SIDE + 4, _SIDE + 4 + line))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.clicked.connect(self._clicked)
        self.entered.connect(self._entered)

    @property
    def cells(self) -> list[int]:
        """Label ids of the cells shown, in order."""
        return [int(self.item(i).data(_CELL)) for i in range(self.count())]

    @property
    def chosen(self) -> list[int]:
        """Label ids of the cells that are marked in the list."""
        return [int(item.data(_CELL)) for item in self.selectedItems()]

    def show_pictures(
        self, thumbnails: Thumbnails, captions: Sequence[str] = (), tips: Sequence[str] = ()
    ) -> None:
        """Show cells instead of those before, with a line under each and what a tool tip adds."""
        self.clear()
        for place, cell in enumerate(thumbnails.ids):
            caption = captions[place] if captions else ""
            item = QListWidgetItem(_icon(thumbnails.pictures[place]), caption, self)
            item.setData(_CELL, int(cell))
            tip = f"{tips[place]}; " if tips else ""
            name = called(self._session, int(cell))
            item.setToolTip(self._session.words(f"{name}: {tip}click to fly there"))

    def set_theme(self, theme: Theme) -> None:
        """Put the pictures on the theme's background."""
        self.setStyleSheet(f"QListWidget {{ background: {theme.background} }}")

    def _entered(self, index: QModelIndex) -> None:
        self._session.hovered = int(index.data(_CELL))

    def leaveEvent(self, event: QEvent) -> None:
        """Let no cell be under the mouse once it has left."""
        self._session.hovered = None
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave what is typed to the page, instead of looking for a caption that begins with it."""
        if event.text().isprintable() and event.text():
            event.ignore()
        else:
            super().keyPressEvent(event)

    def _clicked(self, index: QModelIndex) -> None:
        self.pressed_on.emit(int(index.data(_CELL)))


def _icon(picture: NDArray[np.uint8]) -> QIcon:
    height, width, _ = picture.shape
    image = QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return QIcon(QPixmap.fromImage(image).scaled(_SIDE, _SIDE))
