"""WorkLine: how far work for a widget is, how long it will take, and a way to stop it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from napari_splicer.gui.jobs import Errand, tell
from napari_splicer.gui.widgets.progress_panel import duration

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE = 400  # ms; what takes less long shows no bar, which would only flicker
_SURE = 1.0  # seconds, after which the time left can be told


class WorkLine(QWidget):
    """An :class:`~napari_splicer.gui.jobs.Errand` that is seen, while it takes longer than a blink.

    Its signal ``stopped`` follows a press on *Cancel*; nothing comes of the work then.

    Parameters
    ----------
    done, failed : callable
        As an errand has them.
    progress : callable, optional
        Takes the share that is done, beside the bar.

    Attributes
    ----------
    asked : bool
        Whether a result is waited for.
    """

    stopped = Signal()

    def __init__(
        self,
        done: Callable[[Any], None],
        failed: Callable[[Exception], None] = tell,
        progress: Callable[[float], None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._done, self._failed, self._progress = done, failed, progress
        self.errand = Errand(self, self._on_done, self._on_failed, self._on_share)
        self.asked = False
        self._begun = 0.0
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.left = QLabel()
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop this; nothing else is lost")
        self.cancel.clicked.connect(self.stop)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.bar, 1)
        line.addWidget(self.left)
        line.addWidget(self.cancel)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._reveal = QTimer(self, singleShot=True, interval=_PATIENCE)
        self._reveal.timeout.connect(self.show)
        self.hide()

    def ask(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Run ``work(*arguments)``; forget older asks."""
        self.asked, self._begun = True, time.monotonic()
        self.bar.setRange(0, 0)  # work that yields no shares is of unknown length
        self.left.clear()
        if not self.isVisibleTo(self.parentWidget()):
            self._reveal.start()
        self.errand.ask(work, *arguments)

    def forget(self) -> None:
        """Drop what was asked for."""
        self.errand.forget()
        self._end()

    def stop(self) -> None:
        """Do as *Cancel* does."""
        self.forget()
        self.stopped.emit()

    def _end(self) -> None:
        self.asked = False
        self._reveal.stop()
        self.hide()

    def _on_share(self, share: float) -> None:
        self.bar.setRange(0, 1000)
        self.bar.setValue(round(1000 * share))
        gone = time.monotonic() - self._begun
        if share > 0 and gone > _SURE:
            self.left.setText(f"{duration(gone / share - gone)} left")
        if self._progress is not None:
            self._progress(share)

    def _on_done(self, result: Any) -> None:
        self._end()
        self._done(result)

    def _on_failed(self, error: Exception) -> None:
        self._end()
        self._failed(error)
