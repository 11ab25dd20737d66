"""FocusRing: shows which control the keyboard is at, which napari's style sheet does not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QApplication, QWidget

from napari_splicer.gui.widgets.theme import DARK

if TYPE_CHECKING:
    from weakref import ReferenceType

    from qtpy.QtGui import QPaintEvent

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
        self.frame: QWidget | None = None
        self._left: ReferenceType[QWidget] | None = None  # without a frame, to another window
        QApplication.instance().focusChanged.connect(self._follow)

    def set_theme(self, theme: Theme) -> None:
        """Draw in the theme's colour from the next focus on."""
        self._theme = theme

    def _follow(self, before: QWidget | None, now: QWidget | None) -> None:
        returned = before is None and self._left is not None and self._left() is now
        if before is not None:
            framed = self.frame is not None
            self._left = ref(before) if now is None and not framed else None
        if self.frame is not None:
            self.frame.destroyed.disconnect(self._forget)
            self.frame.hide()
            self.frame.deleteLater()
            self.frame = None
        clicked = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        if now is None or clicked or returned or not self._dock.isAncestorOf(now):
            return
        # A new one each time: it lies in the widget, and goes with it.
        self.frame = _Frame(self._theme.accent, now)
        self.frame.destroyed.connect(self._forget)

    def _forget(self) -> None:
        self.frame = None


class _Frame(QWidget):
    """Lies over a widget, as large as that, and lets the mouse through."""

    def __init__(self, colour: str, around: QWidget) -> None:
        super().__init__(around)
        self._colour = QColor(colour)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        around.installEventFilter(self)
        self.resize(around.size())
        self.show()
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay as large as the widget."""
        if event.type() == QEvent.Type.Resize:
            self.resize(watched.size())
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the frame alone."""
        painter = QPainter(self)
        painter.setPen(QPen(self._colour, _WIDTH))
        painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
