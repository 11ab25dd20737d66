"""Saving the work of a window when it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt, QThread, QTimer
from qtpy.QtGui import QWindow
from qtpy.QtWidgets import QApplication, QMessageBox

from napari_splicer.errors import SplicerError
from napari_splicer.gui.binding import when_destroyed

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.keeper import Keeper

_LOOK = 50  # ms between two looks at whether a close is dealt with
PATIENCE = 120_000
"""ms for which a window that is gone but for its work waits to be told what becomes of that."""


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
        self._given_up = False  # a person has said that it is to be closed unsaved
        self._level: int | None = None  # of event loops, where a close is being dealt with
        self._over = QTimer(self, interval=_LOOK)
        self._over.timeout.connect(self._look)
        window.installEventFilter(self)
        self._watch_frame()
        when_destroyed(window, keeper.end)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Save before the window hears that it is closed, or keep that from it.

        It may stay after all, as napari asks only then whether it is closed in the middle of work:
        its project is its own until it is gone. What was done while napari asked is saved when it
        is hidden.
        """
        if isinstance(watched, QWindow):
            return self._comes_too_late(event)
        if watched is not self.parent():
            return False
        if event.type() == QEvent.Type.Show:
            self._watch_frame()
        if event.type() == QEvent.Type.Close:
            problem = self._save()
            self._given_up = bool(problem) and self._closes_unsaved(problem)
            if problem and not self._given_up:
                event.ignore()
                return True
        if event.type() == QEvent.Type.Hide and not event.spontaneous() and not self._given_up:
            while problem := self._save():
                if not self._try_again(problem):
                    break
        return False

    def _watch_frame(self) -> None:
        frame = self.parent().windowHandle()  # None until it is shown
        if frame is not None:
            frame.installEventFilter(self)

    def _comes_too_late(self, event: QEvent) -> bool:
        """Let nothing become of a second click on the cross while the first leads to questions.

        Qt would hide the window for it, whatever is answered.
        """
        if event.type() != QEvent.Type.Close:
            return False
        level = QThread.currentThread().loopLevel()
        if self._level is not None and level > self._level:  # a question has a loop of its own
            event.ignore()
            return True
        self._level = level
        self._over.start()
        return False

    def _look(self) -> None:
        if self._level is None or QThread.currentThread().loopLevel() <= self._level:
            self._level = None
            self._over.stop()

    def _save(self) -> str:
        """Save what is not saved yet; return why that is not possible, empty where it is."""
        QApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)
        try:
            self._keeper.finish()
        except SplicerError as error:
            return str(error)
        finally:
            QApplication.restoreOverrideCursor()
        return ""

    def _closes_unsaved(self, problem: str) -> bool:
        answer = QMessageBox.question(
            self.parent(),
            "SpliCER",
            f"The project is not saved. {problem}\n\nClose the window all the same? What was done "
            "since the last save is lost then.",
            QMessageBox.StandardButton.Close | QMessageBox.StandardButton.Cancel,
            QMessageBox.StandardButton.Cancel,
        )
        return bool(answer == QMessageBox.StandardButton.Close)

    def _try_again(self, problem: str) -> bool:
        """Tell of a save that failed when the window is as good as gone; whether to try it again.

        Where nobody answers, the window goes all the same.
        """
        project = self._keeper.project
        kept = "Nothing was saved of it before."
        if project is not None and project.saved is not None:
            kept = f"What was saved at {project.saved:%H:%M} is in {project.path}."
        buttons = QMessageBox.StandardButton.Retry | QMessageBox.StandardButton.Close
        box = QMessageBox(
            QMessageBox.Icon.Warning,
            "SpliCER",
            f"The last changes are not saved. {problem}\n\n{kept} Mend what is wrong and try "
            "again, or close without them.",
            buttons,
        )
        box.setDefaultButton(QMessageBox.StandardButton.Retry)
        timer = QTimer(box, singleShot=True, interval=PATIENCE)
        timer.timeout.connect(box.reject)
        timer.start()
        return bool(box.exec() == QMessageBox.StandardButton.Retry)
