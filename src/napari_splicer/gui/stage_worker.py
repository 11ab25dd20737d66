"""StageWorker: a run in a thread, whose events come in batches, five times a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from superqt.utils import WorkerBase
from superqt.utils._qthreading import GeneratorWorkerSignals

from napari_splicer.events import Progress
from napari_splicer.gui.torch_guard import load_torch

if TYPE_CHECKING:
    from napari_splicer.events import Event
    from napari_splicer.gui.commands import Run

# Seconds between two updates of the GUI. napari's window is composed as a whole for each of them,
# which holds the interpreter: 12 ms where it is drawn by software.
INTERVAL = 0.2


class Handed:
    """A run as napari gets it, which for ever keeps what its workers were made of: not a model."""

    def __init__(self, run: Run) -> None:
        self._runs, self._words = [run], str(run)
        self.cancel = run.cancel

    def __str__(self) -> str:
        return self._words

    def take(self) -> Run:
        """Return the run, once."""
        return self._runs.pop()


class StageWorker(WorkerBase):  # type: ignore[misc]  # Qt is untyped here
    """Runs a :class:`Run` in a thread and emits its events in batches."""

    def __init__(self, handed: Handed) -> None:
        super().__init__(SignalsClass=GeneratorWorkerSignals)
        self._handed = handed

    def quit(self) -> None:
        """Ask the run to stop; it ends by itself at its next batch."""
        self._handed.cancel.request()

    def work(self) -> None:
        """Consume the run's events."""
        run = self._handed.take()
        if run.stage in ("train", "embed"):
            load_torch()
        waiting: list[Event] = []
        last = 0.0
        for event in run.events():
            if isinstance(event, Progress) and waiting and isinstance(waiting[-1], Progress):
                waiting.pop()
            waiting.append(event)
            if time.monotonic() - last >= INTERVAL:
                self.yielded.emit(tuple(waiting))
                waiting.clear()
                last = time.monotonic()
        self.yielded.emit(tuple(waiting))
