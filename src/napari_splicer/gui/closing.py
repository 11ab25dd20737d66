"""Saving the work of a window when it is closed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QApplication, QMessageBox

from napari_splicer.errors import SplicerError
from napari_splicer.gui.binding import when_destroyed

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.keeper import Keeper


class SaveOnClose(QObject):  # type: ignore[misc]  # Qt is untyped here
    """Watches one window; where its work can't be saved, asks whether it is closed all the same.

    Parameters
    ----------
    keeper : Keeper
    window : QWidget
        With it dies the watch.
    """

    def __init__(self, keeper: Keeper, window: QWidget) -> None:
        super().__init__(window)
        self._keeper = keeper
        window.installEventFilter(self)
        when_destroyed(window, keeper.end)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Save before the window hears that it is closed, or keep that from it.

        It may stay after all, as napari asks only then whether it is closed in the middle of work:
        its project is its own until it is gone. What was done while napari asked is saved when it
        is hidden.
        """
        if watched is not self.parent():
            return False
        if event.type() == QEvent.Type.Close and not self._finished():
            event.ignore()
            return True
        if event.type() == QEvent.Type.Hide and not event.spontaneous():
            with suppress(SplicerError):  # too late to ask
                self._keeper.finish()
        return False

    def _finished(self) -> bool:
        QApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)
        try:
            self._keeper.finish()
        except SplicerError as error:
            problem = str(error)
        else:
            return True
        finally:
            QApplication.restoreOverrideCursor()
        answer = QMessageBox.question(
            self.parent(),
            "SpliCER",
            f"The project is not saved. {problem}\n\nClose the window all the same? What was done "
            "since the last save is lost then.",
            QMessageBox.StandardButton.Close | QMessageBox.StandardButton.Cancel,
            QMessageBox.StandardButton.Cancel,
        )
        return bool(answer == QMessageBox.StandardButton.Close)
