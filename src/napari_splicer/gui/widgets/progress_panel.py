"""ProgressPanel: how far the running stage is, how long it will take, and a way to stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_splicer.events import duration as in_words
from napari_splicer.gui.binding import bind

if TYPE_CHECKING:
    from napari_splicer.events import Stage
    from napari_splicer.gui.jobs import JobRunner
    from napari_splicer.gui.snapshot import Job

_NB = "\N{NO-BREAK SPACE}"  # a line may end before a number, not between it and its unit


class ProgressPanel(QWidget):
    """Seen only while ``stage`` runs.

    Parameters
    ----------
    runner : JobRunner
    stage : Stage
    keeps : str
        What stopping keeps, for the tooltip.
    pausable : bool
        Whether the stage can hold and go on.
    """

    def __init__(
        self,
        runner: JobRunner,
        stage: Stage,
        keeps: str,
        parent: QWidget | None = None,
        *,
        pausable: bool = False,
    ) -> None:
        super().__init__(parent)
        self._runner, self._stage = runner, stage
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._cancel = QPushButton("Cancel")
        self._cancel.setToolTip(f"Stop at the next batch. {keeps}")
        self._cancel.clicked.connect(runner.cancel)
        self.pause = QPushButton("Pause")
        self.pause.setVisible(pausable)
        self.pause.clicked.connect(self._pause)
        line = QHBoxLayout()
        line.addWidget(self._text, 1)
        line.addWidget(self.pause)
        line.addWidget(self._cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._bar)
        layout.addLayout(line)
        bind(self, runner.session.events.job, self._refresh)
        self._refresh()

    def _pause(self) -> None:
        job = self._runner.session.job
        self._runner.pause(job is not None and not job.paused)

    def _refresh(self) -> None:
        job = self._runner.session.job
        if job is None or job.stage != self._stage:
            self.hide()
            return
        fraction = job.fraction
        show_share(self._bar, fraction)
        self._text.setText(describe(job))
        self.pause.setText("Resume" if job.paused else "Pause")
        self.pause.setEnabled(not job.cancelling)
        self.pause.setToolTip(_why_no_pause(job))
        self._cancel.setEnabled(not job.cancelling)
        self._cancel.setText("Stopping …" if job.cancelling else "Cancel")
        self.show()


def show_share(bar: QProgressBar, share: float | None) -> None:
    """Show a share, 0 to 1, of what is done; None where it is unknown.

    Drawn when Qt next draws the window. Left to itself, a bar has all of it drawn at once, napari's
    scene too, which may have lost layers a moment before: that ends the program.
    """
    bar.setUpdatesEnabled(False)
    bar.setRange(0, 0 if share is None else 1000)
    if share is not None:
        bar.setValue(round(1000 * share))
    bar.setUpdatesEnabled(True)


def _why_no_pause(job: Job) -> str:
    if job.cancelling:
        return "It is stopping already"
    if job.paused:
        return "Go on where it is; nothing is different from a training without a pause"
    return "Hold after the current step, e.g. to have the computer to yourself for a while"


def describe(job: Job) -> str:
    """Say how far a job is, e.g. ``"120 of 3,000 steps · 4 min left"``."""
    parts = ["Paused"] if job.paused else []
    parts += [job.message] if job.message else []
    if job.unit == "%":
        parts.append(f"{job.done}{_NB}%")
    elif job.total:
        parts.append(f"{job.done:,} of {job.total:,}{_NB}{job.unit}".strip())
    if job.seconds_left is not None and not job.paused:
        parts.append(f"{duration(job.seconds_left)}{_NB}left")
    return " · ".join(parts) or "Getting ready …"


def duration(seconds: float) -> str:
    r"""Return a length of time in words that stay on one line.

    Examples
    --------
    >>> duration(42), duration(200), duration(5000)
    ('42\xa0s', '3\xa0min', '1.4\xa0h')
    """
    return in_words(seconds).replace(" ", _NB)
