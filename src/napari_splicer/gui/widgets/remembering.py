"""Remembering: controls of a dock begin as a person left them at the last start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import QApplication, QDockWidget, QMainWindow

from napari_splicer.gui.binding import when_destroyed
from napari_splicer.gui.remembered import remembered

if TYPE_CHECKING:
    from qtpy.QtWidgets import QComboBox, QSplitter, QTabWidget, QWidget
    from superqt import QCollapsible

    from napari_splicer.gui.remembered import Value

_WAIT = 1000  # ms after a change, in which more are awaited


class Remembering(QObject):
    """Sets controls to what is remembered of them, and remembers what they are set to.

    What no longer exists, a page for instance, is passed over.

    Parameters
    ----------
    dock : QWidget
        With it ends the remembering.
    """

    def __init__(self, dock: QWidget) -> None:
        super().__init__(dock)
        self.memory = remembered()
        self._dock = dock
        self._size: tuple[str, Qt.Orientation] | None = None
        self._placed = False
        self._due = QTimer(self, singleShot=True, interval=_WAIT)
        self._due.timeout.connect(self._write)
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self._write)
        when_destroyed(dock, self.memory.write)

    def put(self, name: str, value: Value) -> None:
        """Remember a value, and write it soon."""
        if self.memory.put(name, value):
            self._due.start()

    def _write(self) -> None:
        self.memory.write()

    def fold(self, name: str, fold: QCollapsible) -> None:
        """Remember whether a fold is open."""
        if self.memory.value(name, fold.isExpanded()):
            fold.expand(animate=False)
        fold.toggled.connect(lambda opened: self.put(name, bool(opened)))

    def choice(self, name: str, box: QComboBox, *, begin: bool = True) -> None:
        """Remember which entry is chosen, of a list that is always the same.

        Without ``begin``, the list begins as it is.
        """
        index = box.findText(self.memory.value(name, ""))
        if begin and index >= 0:
            box.setCurrentIndex(index)
            box.activated.emit(index)  # as if a person had chosen it
        box.activated.connect(lambda _: self.put(name, box.currentText()))

    def page(self, name: str, pages: QTabWidget) -> None:
        """Remember which page is open, by its title."""
        titles = [pages.tabText(i) for i in range(pages.count())]
        title = self.memory.value(name, "")
        if title in titles:
            pages.setCurrentIndex(titles.index(title))
        pages.currentChanged.connect(lambda i: self.put(name, pages.tabText(i)))

    def division(self, name: str, splitter: QSplitter) -> None:
        """Remember how the room is divided between parts side by side."""
        sizes = self.memory.numbers(name, splitter.count())
        if any(sizes):
            splitter.setSizes(sizes)
        splitter.splitterMoved.connect(lambda *_: self.put(name, splitter.sizes()))

    def size(self, name: str, orientation: Qt.Orientation) -> None:
        """Remember how wide, or high, the dock is: from when :meth:`place` has been called."""
        self._size = name, orientation

    def place(self) -> None:
        """Give the dock the size it had; once, when it lies in its window."""
        window = self._dock.window()
        holder = self._dock.parentWidget()
        while holder is not None and not isinstance(holder, QDockWidget):
            holder = holder.parentWidget()
        if self._placed or self._size is None or not isinstance(window, QMainWindow):
            return
        self._placed = True
        name, orientation = self._size
        size = self.memory.value(name, 0)
        if size > 0 and holder is not None:
            window.resizeDocks([holder], [size], orientation)

    def resized(self) -> None:
        """Note the size of the dock; to be called when it changes."""
        if self._placed and self._size is not None:
            name, orientation = self._size
            across = orientation == Qt.Orientation.Horizontal
            self.put(name, self._dock.width() if across else self._dock.height())
