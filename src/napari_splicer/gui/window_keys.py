"""WindowKeys: keys of a page that hold in all of napari's window, for as long as it is seen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QMainWindow, QShortcut

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.shortcuts import Shortcut


class WindowKeys(QObject):  # type: ignore[misc]  # Qt is untyped here
    """Whoever clicks a cell in the image has the focus there, where napari's layers have keys too.

    Fields in which one types keep their keys, and what is not allowed stays with napari.

    Parameters
    ----------
    page : QWidget
    shortcut : Shortcut
    pressed : callable
        Called with the place of the key among the shortcut's.
    """

    def __init__(self, page: QWidget, shortcut: Shortcut, pressed: Callable[[int], None]) -> None:
        super().__init__(page)
        self._page, self._shortcut, self._pressed = page, shortcut, pressed
        self._allowed = 0
        self._bound: list[QShortcut] = []
        page.installEventFilter(self)

    def allow(self, count: int) -> None:
        """Take only the first keys."""
        self._allowed = count
        for place, key in enumerate(self._bound):
            key.setEnabled(place < count)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the keys when the page is shown, and give them back when it is hidden."""
        if event.type() == QEvent.Type.Show:
            self._bind()
        elif event.type() == QEvent.Type.Hide:
            self._release()
        return False

    def _bind(self) -> None:
        self._release()
        window = self._page.parentWidget()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parentWidget()
        if window is None:
            return
        for place, sequence in enumerate(self._shortcut.keys):
            key = QShortcut(QKeySequence(sequence), window)
            key.setContext(Qt.ShortcutContext.WindowShortcut)
            key.setAutoRepeat(False)
            key.activated.connect(partial(self._pressed, place))
            self._bound.append(key)
        self.allow(self._allowed)

    def _release(self) -> None:
        for key in self._bound:
            key.setEnabled(False)
            key.deleteLater()
        self._bound = []
