"""Layers are computed in a thread while napari computes others."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import dask.array as da
import numpy as np
import pytest
from napari.utils import resize_dask_cache

from napari_splicer.gui.dask_cache import share_between_threads

PATIENCE = 60  # s


@pytest.fixture
def cache():
    """napari's cache, shared, and given back as it was."""
    found = resize_dask_cache()
    before = dict(vars(found))
    share_between_threads()
    yield found
    vars(found).clear()
    vars(found).update(before)
    found.cache.clear()


def summed(array: da.Array, cache) -> float:
    with cache:
        return float(array.sum().compute(scheduler="synchronous"))


def test_a_computation_that_ends_does_not_end_another(cache) -> None:
    begun, other_done = threading.Event(), threading.Event()

    def slow(block: np.ndarray) -> np.ndarray:
        begun.set()
        assert other_done.wait(PATIENCE)
        return block

    long = da.ones(4, chunks=2).map_blocks(slow, dtype=float, meta=np.ones(0))
    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(summed, long, cache)
        assert begun.wait(PATIENCE)
        assert summed(da.ones(9, chunks=3), cache) == 9
        other_done.set()
        assert other.result(PATIENCE) == 4


def test_what_a_thread_computed_is_not_computed_again(cache) -> None:
    read = []

    def counted(block: np.ndarray) -> np.ndarray:
        read.append(len(block))
        return block

    data = da.ones(6000, chunks=3000).map_blocks(counted, dtype=float, meta=np.ones(0))
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(summed, data, cache).result(PATIENCE) == 6000
    assert summed(data, cache) == 6000
    assert read == [3000, 3000]


def test_sharing_twice_changes_nothing(cache) -> None:
    made = cache._start
    share_between_threads()
    assert cache._start is made
