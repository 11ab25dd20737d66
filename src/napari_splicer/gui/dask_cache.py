"""napari's cache of computed dask blocks, made fit for use by several threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from dask.cache import Cache
from napari.utils import resize_dask_cache

if TYPE_CHECKING:
    from collections.abc import Callable

MOMENTS = ("_start", "_pretask", "_posttask", "_finish")


class _OwnNotes(threading.local):
    """A cache for each thread, over the same store."""

    def __init__(self, store: object) -> None:
        self.cache = Cache(store)


def share_between_threads() -> None:
    """Let threads compute what napari shows while napari itself computes; done once.

    napari has one ``dask.cache.Cache`` for all layers, and that notes when a task began in one
    dictionary, which the computation that ends first empties: the other then fails with a
    KeyError, in the thread or in the window. Here each thread notes for itself; what was computed
    is still shared, so that a layer made in a thread is drawn without being read again.
    """
    shared = resize_dask_cache()
    if "_start" in vars(shared):
        return
    own, lock = _OwnNotes(shared.cache), threading.Lock()

    def by_thread(moment: str) -> Callable[..., None]:
        def noted(*told: Any) -> None:
            with lock:
                getattr(own.cache, moment)(*told)

        return noted

    for moment in MOMENTS:
        setattr(shared, moment, by_thread(moment))
