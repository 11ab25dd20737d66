"""Ending workers before Python ends, where napari's own event loop does not see to that."""

from __future__ import annotations

import atexit
from functools import cache
from importlib import import_module

from superqt.utils import WorkerBase


@cache
def end_workers_at_exit() -> None:
    """Have all workers stop, with what they did kept, before Python ends; asked once, for good.

    napari waits for them when its event loop ends. In a notebook, or a script that drives its
    window itself, that loop never ran: Python would end under a worker that still writes, and Qt
    then waits for that one for ever, or crashes.
    """
    # What is registered later is called earlier, and multiprocessing kills a training's process as
    # soon as it is called: it must have been registered before.
    import_module("multiprocessing.util")
    atexit.register(WorkerBase.await_workers)
