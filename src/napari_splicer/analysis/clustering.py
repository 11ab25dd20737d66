"""Groups of similar cells: Leiden on the neighbour graph, or k-means; any number side by side."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_splicer.analysis.features import features, principal_components
from napari_splicer.analysis.neighbours import fuzzy_graph, nearest
from napari_splicer.analysis.palette import UNASSIGNED, UNASSIGNED_COLOUR, group_colours
from napari_splicer.embedding.table import record
from napari_splicer.errors import InvalidSettings, NoCells, WouldOverwrite

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from anndata import AnnData
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from napari_splicer.config import ClusteringSettings

_ITERATIONS = 3  # full Leiden cycles, each from the groups of the one before


@dataclass(frozen=True, eq=False)
class Clustering:
    """One division of the cells into groups.

    Parameters
    ----------
    name : str
        Column of the table.
    cells : Index of str (n,)
        The cells' names in the table (``obs_names``): groups are joined by them, never by row.
    codes : int32 (n,)
        Index into ``names``.
    names, colours : tuple of str
        One per group, the largest group first; ``"unassigned"``, where there is one, last.
    settings : ClusteringSettings
        How it was made.
    remarks : tuple of str
        What the user should know, in sentences.
    """

    name: str
    cells: pd.Index[str]
    codes: NDArray[np.int32]
    names: tuple[str, ...]
    colours: tuple[str, ...]
    settings: ClusteringSettings
    remarks: tuple[str, ...] = ()

    @property
    def counts(self) -> NDArray[np.int64]:
        """Cells per group, int64 (groups,)."""
        return np.bincount(self.codes, minlength=len(self.names)).astype(np.int64)


def cluster_cells(table: AnnData, settings: ClusteringSettings) -> Clustering:
    """Group the cells of a table; the table is not changed.

    Groups are numbered from "1" by size. Cells without any finite value are "unassigned".

    Raises
    ------
    InvalidSettings, UnusableChannel
        As :func:`napari_splicer.analysis.features.features`.
    NoCells
        If there are fewer than three cells.
    """
    x = features(table, settings.source)
    known = np.isfinite(x).all(axis=1)
    groups, remarks = _group(x[known], settings)
    remarks = (*remarks, *_said_of_blank(table, settings.source))
    labels = np.full(len(x), -1)
    labels[known] = groups
    codes, count = numbered_by_size(labels)
    names, colours = [str(i + 1) for i in range(count)], [*group_colours(count)]
    if not known.all():
        codes[~known] = count
        names, colours = [*names, UNASSIGNED], [*colours, UNASSIGNED_COLOUR]
        remarks = (
            *remarks,
            f"{(~known).sum()} cells hold no finite value in '{settings.source}' "
            f"and are '{UNASSIGNED}'.",
        )
    return Clustering(
        settings.name, table.obs_names, codes, tuple(names), tuple(colours), settings, remarks
    )


def _said_of_blank(table: AnnData, source: str) -> Iterator[str]:
    """Say which images lack the component whose chunk the cells are compared by."""
    blank = table.uns.get("splicer", {}).get("blank", {"region": (), "component": ()})
    pairs = zip(blank["region"], blank["component"], strict=True)
    images = [str(region) for region, name in pairs if source == f"chunk:{name}"]
    if images:
        yield (
            f"'{source}' is of a component that {', '.join(images)} "
            f"{'lack' if len(images) > 1 else 'lacks'}: what it holds of cells there is guessed "
            "from the other components, so groups may follow the images."
        )


def _group(
    x: NDArray[np.float32], settings: ClusteringSettings
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    x = principal_components(x, seed=settings.seed)
    if settings.method == "kmeans":
        return _kmeans(x, settings)
    neighbours = nearest(x, settings.neighbours, seed=settings.seed)
    graph = fuzzy_graph(neighbours)
    groups = leiden(graph, resolution=settings.resolution, seed=settings.seed)
    return groups, neighbours.remarks


def leiden(graph: csr_array, *, resolution: float, seed: int) -> NDArray[np.int64]:
    """Find communities: the Leiden algorithm, maximising modularity.

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
    _, found = native_leiden(edges, resolution=resolution, iterations=_ITERATIONS, seed=seed)
    alone = len(edges) + len(node)
    return np.array([found.get(name, alone + i) for i, name in enumerate(node)], dtype=np.int64)


def _kmeans(
    x: NDArray[np.float32], settings: ClusteringSettings
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    from sklearn.cluster import KMeans

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
    found = KMeans(n_clusters=count, n_init=10, random_state=settings.seed).fit_predict(x)
    return np.asarray(found, dtype=np.int64), remarks


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


def add_clustering(table: AnnData, clustering: Clustering, *, replace: bool = False) -> int:
    """Write a clustering into a table, beside those it has.

    Adds ``obs[name]`` (categorical), ``uns["<name>_colors"]`` and
    ``uns["splicer"]["clusterings"][name]`` (its settings).

    Returns
    -------
    int
        Cells of the table that the clustering does not know; they become "unassigned".

    Raises
    ------
    WouldOverwrite, InvalidSettings
        As :func:`check_name`.
    NoCells
        If clustering and table have no cell in common.
    """
    name = clustering.name
    check_name(table, name, replace=replace)
    rows = clustering.cells.get_indexer(table.obs_names)
    missing = int((rows < 0).sum())
    if missing == table.n_obs:
        raise NoCells(
            f"None of the cells of the clustering '{name}' is in this table.",
            "Cluster this table anew.",
        )
    names, colours = list(clustering.names), list(clustering.colours)
    if missing and UNASSIGNED not in names:
        names, colours = [*names, UNASSIGNED], [*colours, UNASSIGNED_COLOUR]
    codes = np.where(rows >= 0, clustering.codes[rows], len(names) - 1)
    table.obs[name] = pd.Categorical.from_codes(codes, categories=pd.Index(names))
    table.uns[f"{name}_colors"] = np.array(colours)
    record(table).setdefault("clusterings", {})[name] = clustering.settings.model_dump()
    return missing


def clusterings(table: AnnData) -> dict[str, dict[str, object]]:
    """Return the settings of every clustering that a table holds, by name."""
    stored = table.uns.get("splicer", {}).get("clusterings", {})
    return {name: dict(settings) for name, settings in stored.items()}


def check_name(table: AnnData, name: str, *, replace: bool = False) -> None:
    """Check that a table can take a clustering of this name.

    Raises
    ------
    WouldOverwrite
        If the table has a clustering of that name and ``replace`` is off.
    InvalidSettings
        If the name is that of another column.
    """
    if name in clusterings(table):
        if not replace:
            raise WouldOverwrite(
                f"The table has a clustering called '{name}'.",
                "Give the new one another name, or replace the old one.",
            )
        return
    taken = next((c for c in table.obs.columns if c.lower() == name.lower()), None)
    if taken is not None or not name.strip("."):
        reason = f"the table has a column '{taken}'" if taken else "it is not a name"
        raise InvalidSettings(
            f"A clustering can't be called '{name}': {reason}.", "Give it another name."
        )


def stability(table: AnnData, settings: ClusteringSettings, *, seeds: Iterable[int]) -> float:
    """Measure how much a clustering depends on chance.

    Returns
    -------
    float
        Mean adjusted Rand index (Hubert and Arabie 1985) over pairs of seeds: 1 where all agree,
        about 0 where they agree no more than at random.
    """
    from sklearn.metrics import adjusted_rand_score

    x = features(table, settings.source)
    x = x[np.isfinite(x).all(axis=1)]
    found = [_group(x, settings.model_copy(update={"seed": seed}))[0] for seed in seeds]
    return float(np.mean([adjusted_rand_score(a, b) for a, b in combinations(found, 2)]))
