"""How points become groups: Leiden on the neighbour graph or k-means, and how others join them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.analysis.neighbours import fuzzy_graph
from napari_splicer.errors import NoCells
from napari_splicer.shares import part

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from napari_splicer.analysis.space import CellSpace
    from napari_splicer.config import ClusteringSettings
    from napari_splicer.shares import Shares

    Groups = tuple[NDArray[np.int64], tuple[str, ...]]

_STARTS = 10  # of k-means, each from other cells; the one whose groups are densest is taken
_ITERATIONS = 3  # full Leiden cycles, each from the groups of the one before


def group(space: CellSpace, settings: ClusteringSettings) -> Shares[Groups]:
    """Divide all cells of a space into groups.

    Returns
    -------
    groups : int64 (n,)
        -1 for cells without any finite value.
    remarks : tuple of str
        What differs from what was asked.
    """
    method = _by_kmeans if settings.method == "kmeans" else _by_leiden
    found = yield from method(space, settings)
    return found


def _by_leiden(space: CellSpace, settings: ClusteringSettings) -> Shares[Groups]:
    half = 0.5 if space.sampled else 1.0
    neighbours = yield from part(
        space.neighbours(settings.neighbours, seed=settings.seed), 0, half / 2
    )
    graph = fuzzy_graph(neighbours)
    communities = leiden(graph, resolution=settings.resolution, seed=settings.seed)
    own = yield from part(communities, half / 2, half)
    groups = np.full(space.count, -1)
    groups[space.rows] = own
    if space.sampled:
        near = yield from part(space.near(settings.neighbours), half, 1)
        groups[near.rows] = voted(own, near.indices, near.distances)
    return groups, neighbours.remarks


def leiden(graph: csr_array, *, resolution: float, seed: int) -> Shares[NDArray[np.int64]]:
    """Find communities: the Leiden algorithm, maximising modularity; yields after every cycle.

    Traag, Waltman, van Eck 2019, doi:10.1038/s41598-019-41695-z.

    Parameters
    ----------
    graph : csr_array (n, n)
        Symmetric, non-negative weights.
    resolution : float
        Higher finds more, smaller groups.

    Returns
    -------
    int64 (n,)
        Group of every node; a node without edges is a group of its own.
    """
    from graspologic_native import leiden as native_leiden
    from scipy.sparse import triu

    upper = triu(graph, k=1, format="coo")
    node = [str(i) for i in range(graph.shape[0])]
    edges = [
        (node[i], node[j], weight)
        for i, j, weight in zip(
            upper.row.tolist(), upper.col.tolist(), upper.data.tolist(), strict=True
        )
    ]
    found: dict[str, int] | None = None
    for cycle in range(_ITERATIONS):
        yield cycle / _ITERATIONS
        _, found = native_leiden(
            edges, starting_communities=found, resolution=resolution, seed=seed + cycle
        )
    alone = len(edges) + len(node)
    return np.array(
        [(found or {}).get(name, alone + i) for i, name in enumerate(node)], dtype=np.int64
    )


def voted(
    groups: NDArray[np.int64], indices: NDArray[np.int64], distances: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return the group that most of the nearest are in, nearer ones weighing more (1 / distance).

    Parameters
    ----------
    groups : int64 (m,)
        Of those that can be near.
    indices : int64 (r, k)
        Of the nearest, into ``groups``.
    distances : float32 (r, k)

    Returns
    -------
    int64 (r,)
    """
    names, code = np.unique(groups, return_inverse=True)
    votes = np.zeros((len(indices), len(names)), np.float32)
    row = np.arange(len(indices))
    for place, weight in zip(indices.T, 1 / np.maximum(distances.T, 1e-6), strict=True):
        votes[row, code[place]] += weight
    return np.asarray(names[votes.argmax(axis=1)], np.int64)


def _by_kmeans(space: CellSpace, settings: ClusteringSettings) -> Shares[Groups]:
    """k-means; beyond the landmarks its centres go on moving with every piece of the others.

    Sculley 2010, doi:10.1145/1772690.1772862 (mini-batch k-means).
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans

    yield 0.0
    x = space.x
    if len(x) < 3:
        raise NoCells(f"There are {len(x)} cells to group.", "Grouping needs at least three.")
    distinct = len(np.unique(x, axis=0))
    count = min(settings.clusters, distinct)
    remarks: tuple[str, ...] = ()
    if count < settings.clusters:
        remarks = (
            f"Made {count} groups instead of {settings.clusters}: "
            f"there are only {distinct} different cells.",
        )
    # As with n_init=_STARTS, but that it can be given up between two of them.
    random = np.random.RandomState(settings.seed)
    model: Any = None
    for start in range(_STARTS):
        yield (0.3 if space.sampled else 1.0) * start / _STARTS
        found = KMeans(n_clusters=count, n_init=1, random_state=random).fit(x)
        model = found if model is None or found.inertia_ < model.inertia_ else model
    groups = np.full(space.count, -1)
    groups[space.rows] = model.labels_
    if space.sampled:
        model = MiniBatchKMeans(
            n_clusters=count, init=model.cluster_centers_, n_init=1, random_state=settings.seed
        ).partial_fit(x)
        for done, (_, others) in space.others():
            if len(others):
                model.partial_fit(others)
            yield 0.3 + 0.35 * done
        groups[space.rows] = model.predict(x)
        for done, (rows, others) in space.others():
            if len(rows):
                groups[rows] = model.predict(others)
            yield 0.65 + 0.35 * done
    return groups, remarks


def numbered_by_size(labels: NDArray[np.int64]) -> tuple[NDArray[np.int32], int]:
    """Renumber groups so that 0 is the largest; equal sizes in order of their first cell.

    Parameters
    ----------
    labels : int64 (n,)
        Any numbers; negative ones are left out.

    Returns
    -------
    codes : int32 (n,)
        -1 where left out.
    count : int
        Groups.
    """
    codes = np.full(len(labels), -1, np.int32)
    kept = labels >= 0
    _, first, inverse, sizes = np.unique(
        labels[kept], return_index=True, return_inverse=True, return_counts=True
    )
    order = np.lexsort((first, -sizes))
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    codes[kept] = rank[inverse]
    return codes, len(order)
