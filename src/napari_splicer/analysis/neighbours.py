"""Which cells are alike: nearest neighbours, and the weighted graph that groups are found in."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.errors import NoCells

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

NUMBA_LOCK = threading.Lock()
"""Held around everything that runs numba: two of its parallel jobs at once abort the process."""

# Comparing all pairs takes 2 s at 20,000 cells on one core; descent compiles for most of a minute.
_EXACT_UP_TO = 50_000


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


def nearest(x: NDArray[np.float32], count: int, *, seed: int = 0) -> Neighbours:
    """Find the ``count`` nearest other cells of every cell.

    Exact up to 50,000 cells, by nearest-neighbour descent (pynndescent) beyond.

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
    search = _exact if n <= _EXACT_UP_TO else _descent
    indices, distances = search(x, count, seed)
    return Neighbours(*_self_first(indices, distances), remarks)


def _exact(
    x: NDArray[np.float32], count: int, _seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(x)
    distances, indices = search.kneighbors()  # without an argument, a cell is not its own
    return indices, distances.astype(np.float32)


def _descent(
    x: NDArray[np.float32], count: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    with NUMBA_LOCK:
        from pynndescent import NNDescent

        index = NNDescent(x, n_neighbors=count + 1, random_state=seed)
        indices, distances = index.neighbor_graph
    # A cell is missing from its own list where more than count others lie on the same spot.
    own = indices == np.arange(len(x))[:, None]
    own[~own.any(axis=1), -1] = True
    others = ~own
    return indices[others].reshape(-1, count), distances[others].reshape(-1, count)


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
