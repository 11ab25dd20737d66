"""ProgressLine: how far some work is, how long it will take, and a way to stop it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from napari_splicer.gui.stage_worker import INTERVAL
from napari_splicer.gui.widgets.progress_panel import duration, show_share

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE = 400  # ms; what takes less long shows no bar, which would only flicker
_SURE = 1.0  # seconds, after which the time left can be told


class ProgressLine(QWidget):
    """Seen while the work takes longer than a blink.

    Parameters
    ----------
    stop : callable
        Called by *Cancel*.
    tip : str
        What stopping means.
    """

    def __init__(self, stop: Callable[[], None], tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._begun = self._shown = 0.0
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.left = QLabel()
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip(tip)
        self.cancel.clicked.connect(stop)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.bar, 1)
        line.addWidget(self.left)
        line.addWidget(self.cancel)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._reveal = QTimer(self, singleShot=True, interval=_PATIENCE)
        self._reveal.timeout.connect(self.show)
        self.hide()

    def begin(self) -> None:
        """Wait for the first share: work that yields none is of unknown length."""
        self._begun, self._shown = time.monotonic(), 0.0
        show_share(self.bar, None)
        self.left.clear()
        if not self.isVisibleTo(self.parentWidget()):
            self._reveal.start()

    def show_share(self, share: float) -> None:
        """Show how much is done, 0 to 1; what comes too often is passed over."""
        now = time.monotonic()
        if now - self._shown < INTERVAL:
            return
        self._shown = now
        show_share(self.bar, share)
        gone = now - self._begun
        if share > 0 and gone > _SURE:
            self.left.setText(f"{duration(gone / share - gone)} left")

    def end(self) -> None:
        """Hide: the work is done, or nobody waits for it any more."""
        self._reveal.stop()
        self.hide()
