"""One process of a training, on several devices or by itself: takes part, tells what happens."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_splicer.errors import SplicerError, TrainingFailed
from napari_splicer.events import Cancel, Event, Finished
from napari_splicer.images.open import open_input
from napari_splicer.training.device import resolve_device
from napari_splicer.training.group import Joined
from napari_splicer.training.trainer import fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from napari_splicer.config import RunConfig
    from napari_splicer.images.masks import MaskedImage


STOP, PAUSE, GO_ON = b"stop", b"pause", b"go on"
"""What a process can be asked for."""


def work(environment: Mapping[str, object], pipe: Connection, job: bytes) -> None:
    """Train on one of the devices, or by itself, and tell what happens through ``pipe``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update({name: str(value) for name, value in environment.items()})
    cancel = Cancel()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threading.Thread(target=_hear, args=(pipe, cancel), daemon=True).start()
    try:
        sources, config, folder, resume = pickle.loads(job)
        fields = [open_input(*s) if isinstance(s, tuple) else s for s in sources]
        train = fit if environment["WORLD_SIZE"] == 1 else take_part
        for event in train(fields, config, folder=folder, resume=resume, cancel=cancel):
            if environment["RANK"] == 0:
                pipe.send_bytes(pickle.dumps(event))
    except SplicerError as error:
        pipe.send_bytes(pickle.dumps(error))
    except BaseException as error:
        pipe.send_bytes(pickle.dumps(_mistake(error)))
        raise


def take_part(
    fields: Sequence[MaskedImage],
    config: RunConfig,
    *,
    folder: Path | None,
    resume: bool,
    cancel: Cancel | None,
) -> Iterator[Event]:
    """Train as one of the processes that were started; the first one's events count."""
    group = Joined(resolve_device(config.device).type)
    try:
        events = fit(fields, config, folder=folder, resume=resume, cancel=cancel, group=group)
        for event in events:
            if group.rank == 0 or isinstance(event, Finished):
                yield event
    finally:
        group.leave()


def _end_with_parent() -> None:
    """Wait until the process that started this one has ended, then end this one, too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _hear(pipe: Connection, cancel: Cancel) -> None:
    """Follow what this process is asked for, until it is to stop."""
    with suppress(EOFError, OSError):
        while (asked := pipe.recv_bytes()) != STOP:
            (cancel.pause if asked == PAUSE else cancel.go_on)()
        cancel.request()


def _mistake(error: BaseException) -> TrainingFailed:
    """Return what to say of an error of the program's; where it arose goes with it as a note."""
    said = TrainingFailed(
        f"The training has stopped at a mistake of the program ({type(error).__name__}: {error}).",
        "Go on from its last checkpoint, or report it with the details.",
    )
    said.add_note("".join(traceback.format_exception(error)))
    return said
