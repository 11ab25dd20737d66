"""FocusRing: shows which control the keyboard is at, which napari's style sheet does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QApplication, QFocusFrame

from napari_splicer.gui.widgets.theme import DARK

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.widgets.theme import Theme

_WIDTH = 2  # px


class FocusRing(QObject):
    """Draws a frame around the widget of a dock that has the focus, unless a click gave it.

    Parameters
    ----------
    dock : QWidget
        With it dies the ring.
    """

    def __init__(self, dock: QWidget) -> None:
        super().__init__(dock)
        self._dock, self._theme = dock, DARK
        self.frame: QFocusFrame | None = None
        QApplication.instance().focusChanged.connect(self._follow)

    def set_theme(self, theme: Theme) -> None:
        """Draw in the theme's colour from the next focus on."""
        self._theme = theme

    def _follow(self, _before: QWidget | None, now: QWidget | None) -> None:
        if self.frame is not None:
            self.frame.hide()
            self.frame.deleteLater()
            self.frame = None
        clicked = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        if now is None or clicked or not self._dock.isAncestorOf(now):
            return
        # A new one each time: it is a child of what the widget lies in, and may go with that.
        self.frame = _Frame(self._theme.accent, now)
        self.frame.destroyed.connect(self._forget)
        self.frame.setWidget(now)

    def _forget(self, gone: QObject) -> None:
        if self.frame is gone:
            self.frame = None


class _Frame(QFocusFrame):
    def __init__(self, colour: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._colour = QColor(colour)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the frame alone."""
        painter = QPainter(self)
        painter.setPen(QPen(self._colour, _WIDTH))
        painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
