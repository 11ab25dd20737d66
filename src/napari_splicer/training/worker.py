"""One process of a training on several devices: takes part, and tells what happens."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_splicer.errors import SplicerError
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


def work(environment: Mapping[str, object], pipe: Connection, job: bytes) -> None:
    """Train on one of the devices, and tell what happens through ``pipe``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update({name: str(value) for name, value in environment.items()})
    cancel = Cancel()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threading.Thread(target=_hear, args=(pipe, cancel), daemon=True).start()
    try:
        sources, config, folder, resume = pickle.loads(job)
        fields = [open_input(*s) if isinstance(s, tuple) else s for s in sources]
        for event in take_part(fields, config, folder, resume, cancel):
            if environment["RANK"] == 0:
                pipe.send_bytes(pickle.dumps(event))
    except SplicerError as error:
        pipe.send_bytes(pickle.dumps(error))


def take_part(
    fields: Sequence[MaskedImage],
    config: RunConfig,
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
    """Wait until this process is asked to stop."""
    with suppress(EOFError, OSError):
        pipe.recv_bytes()
        cancel.request()
