"""Which cells are alike: nearest neighbours, and the weighted graph that groups are found in."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.errors import NoCells
from napari_splicer.shares import waited_for

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

NUMBA_LOCK = threading.Lock()
"""Held around everything that runs numba: two of its parallel jobs at once abort the process."""

# Comparing all pairs takes 2 s at 20,000 cells on one core. Of 50 numbers a cell, 34 s of processor
# time at 100,000 cells and 75 s at 150,000, where descent takes 4 and 11 s, once it is compiled.
_EXACT_UP_TO = 100_000
_FAILURES = (ImportError, OSError, RuntimeError, MemoryError, ValueError, TypeError, AttributeError)
_QUERIES = 5_000  # that are compared with all others between two looks at whether to go on


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest neighbours of every cell.

    Parameters
    ----------
    indices : int64 (n, k)
        Row numbers, nearest first; the first is the cell itself.
    distances : float32 (n, k)
        Euclidean; the first is 0.
    remarks : tuple of str
        What differs from what was asked.
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float32]
    remarks: tuple[str, ...] = ()


def nearest(
    x: NDArray[np.float32], count: int, *, seed: int = 0
) -> Generator[float, None, Neighbours]:
    """Find the ``count`` nearest other cells of every cell; yields the share that is done.

    Exact up to 100,000 cells, and of any number on the GPU (see :class:`Search`); by
    nearest-neighbour descent (pynndescent) beyond. Where this is given up on the way, the descent
    ends on a thread of its own.

    Parameters
    ----------
    x : float32 (n, d)
        Finite features; Euclidean distance.
    count : int
        Neighbours besides the cell itself; fewer, and said so, where there are fewer cells.

    Raises
    ------
    NoCells
        If there are fewer than three cells.
    """
    n = len(x)
    if n < 3:
        raise NoCells(
            f"There {'is' if n == 1 else 'are'} {n} cell{'' if n == 1 else 's'} to compare.",
            "Grouping needs at least three: check the mask, or add images.",
        )
    remarks: tuple[str, ...] = ()
    if count > n - 1:
        remarks = (
            f"Compared each cell with {n - 1} others instead of {count}: there are no more.",
        )
        count = n - 1
    search = Search(x, count + 1)
    if n <= _EXACT_UP_TO or search.on_gpu:
        indices, distances = yield from _exact(search, x)
    else:
        indices, distances = yield from waited_for(lambda: _descent(x, count, seed))
    return Neighbours(*_self_first(indices, distances), (*remarks, *search.remarks))


class Search:
    """The ``count`` nearest of ``x`` float32 (n, d), found exactly by comparing with all of them.

    On the GPU by cuML where it is installed and works, else by scikit-learn. Called with (q, d)
    points, it returns indices int64 (q, count), nearest first, and Euclidean distances float32
    (q, count).

    Attributes
    ----------
    on_gpu : bool
        Whether cuML compares.
    remarks : tuple of str
        That it does, or why it could not.
    """

    def __init__(self, x: NDArray[np.float32], count: int) -> None:
        from sklearn.neighbors import NearestNeighbors

        self.on_gpu = False
        self.remarks: tuple[str, ...] = ()
        self._count, self._search = count, NearestNeighbors(n_neighbors=count, algorithm="brute")
        if find_spec("cuml") is not None:
            self._try_gpu(x)
        if not self.on_gpu:
            self._search.fit(x)

    def _try_gpu(self, x: NDArray[np.float32]) -> None:
        try:
            from cuml.neighbors import NearestNeighbors

            search = NearestNeighbors(
                n_neighbors=self._count, algorithm="brute", output_type="numpy"
            ).fit(x)
            search.kneighbors(x[:1])
        # No GPU, an old driver, libraries that do not fit each other, too little memory.
        except _FAILURES as error:
            reason = str(error).strip() or type(error).__name__
            self.remarks = (f"cuML is installed but could not be used ({reason.splitlines()[0]}).",)
        else:
            self.on_gpu, self._search = True, search
            self.remarks = ("Cells were compared on the GPU, by cuML.",)

    def __call__(
        self, points: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return indices and distances."""
        if not len(points):
            return np.empty((0, self._count), np.int64), np.empty((0, self._count), np.float32)
        distances, indices = self._search.kneighbors(points)
        return indices.astype(np.int64, copy=False), distances.astype(np.float32, copy=False)


def _exact(
    search: Search, x: NDArray[np.float32]
) -> Generator[float, None, tuple[NDArray[np.int64], NDArray[np.float32]]]:
    found = []
    for start in range(0, len(x), _QUERIES):
        rows = np.arange(start, min(start + _QUERIES, len(x)))
        found.append(_without_self(*search(x[rows]), rows))
        yield (rows[-1] + 1) / len(x)
    indices, distances = zip(*found, strict=True)
    return np.concatenate(indices), np.concatenate(distances)


def _descent(
    x: NDArray[np.float32], count: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    with NUMBA_LOCK:
        from pynndescent import NNDescent

        index = NNDescent(x, n_neighbors=count + 1, random_state=seed)
        indices, distances = index.neighbor_graph
    return _without_self(indices, distances, np.arange(len(x)))


def _without_self(
    indices: NDArray[np.int64], distances: NDArray[np.float32], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Take cells, by row, off their own lists (q, k + 1)."""
    # A cell is missing from its own list where more than count others lie on the same spot.
    own = indices == rows[:, None]
    own[~own.any(axis=1), -1] = True
    others, width = ~own, indices.shape[1] - 1
    return indices[others].reshape(-1, width), distances[others].reshape(-1, width)


def _self_first(
    indices: NDArray[np.int64], distances: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    own = np.arange(len(indices))[:, None]
    zero = np.zeros((len(indices), 1), np.float32)
    return np.hstack([own, indices]).astype(np.int64), np.hstack([zero, distances])


def fuzzy_graph(neighbours: Neighbours) -> csr_array:
    """Turn distances into how strongly two cells are connected.

    The fuzzy simplicial set of UMAP (McInnes, Healy, Melville 2018, arXiv:1802.03426, section 3.1):
    symmetric, weights in (0, 1], scaled to the local density. The graph that scanpy clusters too.

    Returns
    -------
    csr_array of float32 (n, n)
    """
    from scipy.sparse import csr_array

    with NUMBA_LOCK:
        from umap.umap_ import fuzzy_simplicial_set

        n, k = neighbours.indices.shape
        graph, _, _ = fuzzy_simplicial_set(
            np.empty((n, 1), np.float32),  # only its length is read where neighbours are given
            n_neighbors=k,
            random_state=None,
            metric="euclidean",
            knn_indices=neighbours.indices,
            knn_dists=neighbours.distances,
        )
    return csr_array(graph)
