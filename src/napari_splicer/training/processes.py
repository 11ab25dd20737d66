"""The processes of one training, seen from the one that started them: listened to, and ended."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import socket
import sys
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from napari_splicer.errors import SplicerError, TrainingFailed
from napari_splicer.events import Cancel, Event, Finished
from napari_splicer.training.group import OthersEnded
from napari_splicer.training.worker import GO_ON, PAUSE, STOP, work

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from multiprocessing.process import BaseProcess

_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_LOOK = 0.2  # seconds between two looks at what is asked for
_LOADED_ONCE = ["lightning_fabric", "napari_splicer.training.worker", "sklearn.linear_model"]


def train_together(count: int, job: bytes, cancel: Cancel) -> Generator[Event, None, Finished]:
    """Start processes that train together; yield what the first one tells, return its last event.

    None of them is left when this ends, however it ends.

    Parameters
    ----------
    count : int
        Processes.
    job : bytes
        For :func:`~napari_splicer.training.worker.work`.
    cancel : Cancel
        Looked at whenever something is told, and five times a second.

    Raises
    ------
    SplicerError
        What one of them can't go on for.
    TrainingFailed
        If one was ended from outside.
    """
    processes: list[_Process] = []
    with ExitStack() as ending:
        port = _free_port()
        with _deaf_to_interrupts():
            for rank in range(count):
                processes.append(_start(rank, count, port, job))
                ending.callback(processes[-1].end)
        return (yield from _listen(processes, cancel))


@dataclass(frozen=True)
class _Process:
    """One of the processes: what it tells comes through ``pipe``."""

    name: str
    running: BaseProcess
    pipe: Connection

    def end(self) -> None:
        """End it at once; does nothing where it has ended."""
        self.running.kill()
        self.running.join()
        self.pipe.close()


def _start(rank: int, count: int, port: int, job: bytes) -> _Process:
    context = multiprocessing.get_context(_METHOD)
    if _METHOD == "forkserver":  # what all need is loaded once, as loading takes seconds
        context.set_forkserver_preload(_LOADED_ONCE)
    mine, its = context.Pipe()
    environment = {
        "RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count,
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
    }  # fmt: skip
    running = context.Process(target=work, args=(environment, its, job), daemon=True)  # type: ignore[attr-defined]
    with nullcontext() if b"__main__" in job else _script_hidden():
        running.start()
    its.close()  # so that the pipe ends with the process
    name = "that trains" if count == 1 else f"of device {rank + 1} of {count}"
    return _Process(name, running, mine)


def _listen(processes: Sequence[_Process], cancel: Cancel) -> Generator[Event, None, Finished]:
    """Yield what the first process tells; return its last event.

    Raises
    ------
    SplicerError
        What one of them can't go on for.
    """
    first, asked = processes[0], GO_ON
    unreached = TrainingFailed("The training ended without a model.")
    speaking = list(processes)
    try:
        while speaking:
            ready = wait([process.pipe for process in speaking], timeout=_LOOK)
            for process in [process for process in speaking if process.pipe in ready]:
                told = _told(process)
                match told:
                    case None:
                        speaking.remove(process)
                    case Finished():
                        return told
                    case OthersEnded():  # which of them, and why, is to come
                        unreached = told
                    case SplicerError():
                        raise told
                    case _:
                        yield told
            wish = STOP if cancel.requested else PAUSE if cancel.paused else GO_ON
            if wish != asked and asked != STOP:
                asked = wish
                _ask(first, wish)
    except GeneratorExit:
        _ask(first, STOP)
        while not isinstance(_told(first), Finished | SplicerError | None):
            pass  # until its checkpoint is written
        raise
    raise unreached


def _told(process: _Process) -> Event | SplicerError | None:
    """Wait for the next that a process tells; None where it has ended as it should.

    Raises
    ------
    TrainingFailed
        If it has ended otherwise.
    """
    with suppress(EOFError, ConnectionResetError):
        told: Event | SplicerError = pickle.loads(process.pipe.recv_bytes())
        return told
    process.running.join()
    code = process.running.exitcode
    if not code:
        return None
    how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
    raise TrainingFailed(
        f"The process {process.name} was ended {how}, and training with it.",
        "It was ended from outside, or memory ran out. Training can be gone on with from its last "
        "checkpoint.",
    )


def _ask(process: _Process, wish: bytes) -> None:
    with suppress(OSError):  # that it has ended is told elsewhere
        process.pipe.send_bytes(wish)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let processes that are started within not hear Ctrl+C, which a terminal sends to all.

    It is this process's to ask them to stop.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _script_hidden() -> Iterator[None]:
    """Keep processes that are started within from running the script that this process runs.

    multiprocessing has them do so, for what the script defines. One that opens a napari window
    would open another in every process, which then never trains.
    """
    script = sys.modules["__main__"]
    names: dict[str, object] = vars(script)
    kept = ("__file__", "__spec__")
    hidden: dict[str, object] = {name: names[name] for name in kept if name in names}
    names.pop("__file__", None)
    script.__spec__ = None
    try:
        yield
    finally:
        names.update(hidden)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
