"""One worker at a time: a run's events reach the session in the GUI thread, five times a second.

napari knows of the worker: it asks before its window closes on one, and its way of stopping one is
the run's cancel token, so that a stage always ends by itself and keeps what it has.
"""

from __future__ import annotations

from contextlib import closing
from inspect import isgeneratorfunction
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakMethod

from napari.qt.threading import create_worker
from napari.utils.notifications import notification_manager, show_error, show_warning
from psygnal import Signal
from superqt.utils import FunctionWorker, WorkerBase
from superqt.utils._qthreading import GeneratorWorkerSignals

from napari_splicer.errors import SplicerError, WouldOverwrite
from napari_splicer.events import Warned
from napari_splicer.gui import commands
from napari_splicer.gui.binding import when_destroyed
from napari_splicer.gui.exiting import end_workers_at_exit
from napari_splicer.gui.session import session_for, unwrapped
from napari_splicer.gui.stage_worker import Handed, StageWorker

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtCore import QObject

    from napari_splicer.events import Event
    from napari_splicer.gui.commands import Run
    from napari_splicer.gui.session import Session
    from napari_splicer.shares import Shares

_REPLACE = "Choose another folder, or tick 'Replace files that are there'."
# Whoever waits for a worker. Its signals are on their way through Qt's queue when the one that they
# are for may be gone: PySide would then call into memory that was given back.
_WAITING: set[object] = set()


class JobRunner:
    """Starts runs for one session, one at a time, and what follows them by itself.

    Its signal ``begun`` is emitted when a run begins, ``idle`` when nothing runs any more.
    """

    begun = Signal()
    idle = Signal()

    def __init__(self, session: Session) -> None:
        end_workers_at_exit()
        self.session = session
        self._run: Run | None = None
        self._wanted: Run | None = None
        self._said: set[str] = set()
        self._failed = False

    @property
    def busy(self) -> bool:
        """Whether a run is under way."""
        return self._run is not None

    def start(self, run: Run) -> bool:
        """Start ``run`` in a worker; False, and nothing happens, while another is under way.

        Where another has its result, but its thread has not ended yet, it starts after that.
        """
        if self._run is not None:
            self._wanted = run if self.session.job is None else None
            return self._wanted is not None
        self._said = set()
        self._start(run)
        return True

    def _start(self, run: Run) -> None:
        self._run, self._failed = run, False
        _WAITING.add(self)
        commands.begin(self.session, run)
        worker = create_worker(
            Handed(run),
            _worker_class=StageWorker,
            _connect={
                "yielded": self._on_events,
                "errored": self._on_error,
                "finished": self._on_finished,
            },
            _start_thread=False,
        )
        # napari connects with errors what takes none, which fails where PySide6 hands one over.
        worker.errored.disconnect()
        worker.errored.connect(self._on_error)
        worker.start()
        self.begun.emit()

    def cancel(self) -> None:
        """Ask the run under way to stop; harmless when there is none, or when asked twice."""
        if self._run is not None:
            commands.request_cancel(self.session, self._run)

    def pause(self, paused: bool = True) -> None:
        """Ask the run under way to hold, or to go on; harmless when there is none."""
        if self._run is not None:
            commands.request_pause(self.session, self._run, paused=paused)

    def _on_events(self, events: tuple[Event, ...]) -> None:
        if self._run is None:
            return
        for event in events:
            if isinstance(event, Warned) and event.message not in self._said:
                self._said.add(event.message)
                show_warning(event.message)
        commands.apply(self.session, self._run, events)

    def _on_error(self, error: Exception) -> None:
        self._failed = True
        if isinstance(error, WouldOverwrite):
            error = WouldOverwrite(error.message, _REPLACE)
        if self._run is not None:
            commands.fail(self.session, self._run, error)
        tell(error)

    def _on_finished(self) -> None:
        _WAITING.discard(self)
        run, self._run = self._run, None
        following = None
        if run is not None and not self._failed:
            following = commands.follow_up(self.session, run)
        wanted, self._wanted = self._wanted, None
        if following is None and wanted is not None:
            self.start(wanted)
        elif following is None:
            self.idle.emit()
        else:  # what training has said of an image, embedding need not say once more
            self._start(following)


def tell(error: Exception) -> None:
    """Show an error once: the input's as its sentence, the program's with all details."""
    if isinstance(error, SplicerError):
        show_error(str(error))
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)


class SharesWorker(WorkerBase):  # type: ignore[misc]  # Qt is untyped here
    """Runs work that yields how much of it is done; stops at its next share when asked to quit."""

    def __init__(self, shares: Shares[Any]) -> None:
        super().__init__(SignalsClass=GeneratorWorkerSignals)
        self._shares = shares

    def work(self) -> Any:
        """Return what the work made, None where it was stopped."""
        with closing(self._shares):
            try:
                while not self.abort_requested:
                    self.yielded.emit(next(self._shares))
            except StopIteration as end:
                return end.value
        return None


class Errand:
    """Small work in a thread for a widget, e.g. reading a preview; only the latest ask counts.

    Work that yields shares (:mod:`napari_splicer.shares`) is stopped when it is asked for
    anew; other work runs to its end.

    Parameters
    ----------
    widget : QWidget, or another object of Qt
        With it dies the errand: results that come later are dropped.
    done : callable
        Takes the result, in the GUI thread.
    failed : callable
        Takes the error, in the GUI thread.
    progress : callable, optional
        Takes the share that is done, 0 to 1, of work that yields shares; in the GUI thread.
    """

    def __init__(
        self,
        widget: QObject,
        done: Callable[[Any], None],
        failed: Callable[[Exception], None] = tell,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        end_workers_at_exit()
        self._done, self._failed, self._progress = done, failed, progress
        self._worker: Any = None
        self._wanted = True
        self._next: tuple[Callable[..., Any], tuple[Any, ...]] | None = None
        forgetting = WeakMethod(self.forget)

        def end() -> None:
            forget = forgetting()
            if forget is not None:
                forget()

        when_destroyed(widget, end)

    @property
    def busy(self) -> bool:
        """Whether something runs, of use or not."""
        return self._worker is not None

    @property
    def asked(self) -> bool:
        """Whether a result is waited for."""
        return self._next is not None or (self._wanted and self.busy)

    def forget(self) -> None:
        """Drop what was asked for; a result that still comes is of no use any more."""
        self._wanted = False
        self._next = None
        self._stop()

    def ask(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Run ``work(*arguments)`` as soon as the one under way is done; forget older asks."""
        self._next = (work, arguments)
        self._wanted = True
        if self._worker is None:
            self._start()
        else:
            self._stop()

    def _stop(self) -> None:
        if isinstance(self._worker, SharesWorker):
            self._worker.quit()

    def _start(self) -> None:
        if self._next is None:
            return
        (work, arguments), self._next = self._next, None
        if isgeneratorfunction(work):
            worker = SharesWorker(work(*arguments))
            worker.yielded.connect(self._on_share)
        else:
            worker = FunctionWorker(work, *arguments)
        self._worker = worker
        _WAITING.add(self)
        worker.returned.connect(self._on_returned)
        worker.errored.connect(self._on_errored)
        worker.finished.connect(self._on_finished)
        worker.start()

    def _on_share(self, share: float) -> None:
        if self._wanted and self._next is None and self._progress is not None:
            self._progress(share)

    def _on_returned(self, result: Any) -> None:
        if self._wanted and self._next is None:
            self._wanted = False  # nothing is waited for any more, though the thread has not ended
            self._done(result)

    def _on_errored(self, error: Exception) -> None:
        if self._wanted and self._next is None:
            self._wanted = False
            self._failed(error)

    def _on_finished(self) -> None:
        _WAITING.discard(self)
        self._worker = None
        self._start()


_RUNNERS: WeakKeyDictionary[Any, JobRunner] = WeakKeyDictionary()


def runner_for(viewer: object) -> JobRunner:
    """Return the viewer's runner, made when first asked for; it lives as long as the viewer."""
    viewer = unwrapped(viewer)
    if viewer not in _RUNNERS:
        _RUNNERS[viewer] = JobRunner(session_for(viewer))
    return _RUNNERS[viewer]
