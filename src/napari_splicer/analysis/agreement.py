"""Two divisions of the same cells compared, and what a division follows that is no biology."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from napari_splicer.analysis.clustering import clusterings, stability
from napari_splicer.analysis.groups import earlier_model, edits_of, groups_of
from napari_splicer.config import ClusteringSettings
from napari_splicer.embedding.spans import patch_spans
from napari_splicer.errors import InvalidSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anndata import AnnData
    from numpy.typing import NDArray

_FEWEST = 30  # cells of which stability can be told


@dataclass(frozen=True, eq=False)
class Agreement:
    """How two clusterings of the same cells go together.

    Parameters
    ----------
    counts : DataFrame of int (groups of the first, groups of the second)
        Cells; pairs of groups that match stand along the diagonal.
    rand_index : float
        Adjusted Rand index (Hubert and Arabie 1985): 1 where both divide alike, about 0 where they
        agree no more than at random.
    moved : bool (n,)
        Cells of the table whose groups are no match.
    """

    counts: pd.DataFrame
    rand_index: float
    moved: NDArray[np.bool_]


def compare_clusterings(table: AnnData, first: str, second: str) -> Agreement:
    """Compare two clusterings of a table.

    Every group is matched with one of the other clustering at most, so that as many cells as
    possible stay (Kuhn 1955, the Hungarian method). Cells without a group in either are left out.

    Raises
    ------
    InvalidSettings
        If the table has no such clustering, or no cell has a group in both.
    """
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_rand_score

    a, b = groups_of(table, first), groups_of(table, second)
    codes_a, codes_b = np.asarray(a.cat.codes), np.asarray(b.cat.codes)
    both = (codes_a >= 0) & (codes_b >= 0)
    if not both.any():
        raise InvalidSettings(
            f"No cell has a group in '{first}' and in '{second}'.", "Compare others."
        )
    counts = pd.DataFrame(
        _counted(codes_a[both], codes_b[both], len(a.cat.categories), len(b.cat.categories)),
        index=a.cat.categories.astype(str),
        columns=b.cat.categories.astype(str),
    )
    rows, columns = linear_sum_assignment(counts.to_numpy(), maximize=True)
    match = np.full(len(counts), -1)
    match[rows] = columns
    moved = both & (match[codes_a] != codes_b)
    further = np.setdiff1d(np.arange(counts.shape[1]), columns)
    unmatched = np.setdiff1d(np.arange(len(counts)), rows)
    ordered = counts.iloc[[*rows, *unmatched], [*columns, *further]]
    return Agreement(ordered, float(adjusted_rand_score(codes_a[both], codes_b[both])), moved)


class Trust(NamedTuple):
    """What speaks for and against groups; each number None where it can't be told.

    Attributes
    ----------
    stability : float
        Mean adjusted Rand index between groups found from several seeds; 1: always the same.
    image, border : float
        Adjusted mutual information (Vinh, Epps and Bailey 2010) of the group of a cell with its
        image, and with its patch reaching over the image's border; 0: nothing in common, 1: all.
    cells : int
        On how many, drawn at random, this was found.
    untold : str
        Why there is no stability; empty where there is one.
    """

    stability: float | None
    image: float | None
    border: float | None
    cells: int
    untold: str = ""


def trust(
    table: AnnData,
    clustering: str,
    *,
    shapes: Mapping[str, tuple[int, int]] | None = None,
    seeds: Sequence[int] = (1, 2, 3),
    most: int = 10_000,
) -> Trust:
    """Measure how far groups depend on chance, on the image, and on lying at its border.

    Parameters
    ----------
    table : AnnData
    clustering : str
    shapes : mapping of str to (int, int), optional
        Height and width in pixels of every image; without it, or where the table does not say
        how large its patches are, nothing is said of the border.
    seeds : sequence of int
        Groups are found once with each.
    most : int
        Of more cells than this, as many are drawn at random.

    Raises
    ------
    InvalidSettings
        If the table has no such clustering.
    """
    groups_of(table, clustering)
    if table.n_obs > most:
        rows = np.random.default_rng(0).choice(table.n_obs, most, replace=False)
        table = table[np.sort(rows)].copy()
    codes = np.asarray(groups_of(table, clustering).cat.codes)
    images = np.asarray(table.obs["region"].astype("category").cat.codes)
    at_border = _at_border(table, shapes or {})
    untold = _untold(table, clustering)
    return Trust(
        None if untold else _stability(table, clustering, seeds),
        _shared(codes, images),
        None if at_border is None else _shared(codes, at_border),
        table.n_obs,
        untold,
    )


def _counted(
    a: NDArray[np.int8], b: NDArray[np.int8], rows: int, columns: int
) -> NDArray[np.int64]:
    pairs = a.astype(np.int64) * columns + b
    return np.bincount(pairs, minlength=rows * columns).reshape(rows, columns)


def _untold(table: AnnData, clustering: str) -> str:
    """Say why groups of other seeds can't be compared; empty where a seed is all they depend on."""
    settings = clusterings(table).get(clustering)
    if table.n_obs < _FEWEST:
        return f"there are fewer than {_FEWEST} cells"
    if not settings:
        return "how the groups were made is not known"
    if settings.get("method") == "taught":
        return "they were taught by examples"
    if edits_of(table, clustering):
        return "they were edited by hand"
    return "they are of an earlier model" if earlier_model(table, clustering) else ""


def _stability(table: AnnData, clustering: str, seeds: Sequence[int]) -> float:
    settings = ClusteringSettings.model_validate(clusterings(table)[clustering])
    return stability(table, settings, seeds=seeds)


def _shared(codes: NDArray[np.int8], others: NDArray[np.int8]) -> float | None:
    from sklearn.metrics import adjusted_mutual_info_score

    if len(np.unique(others)) < 2:
        return None
    return float(adjusted_mutual_info_score(codes, others))


def _at_border(table: AnnData, shapes: Mapping[str, tuple[int, int]]) -> NDArray[np.int8] | None:
    """Return whose patch reaches over the border, int8 (n,)."""
    images, spans = table.obs["region"].astype(str), patch_spans(table)
    if not set(images) <= set(shapes) & set(spans):
        return None
    height, width = np.array([shapes[name] for name in images]).T
    y, x = table.obs["y"].to_numpy(), table.obs["x"].to_numpy()
    nearest = np.minimum.reduce([y, x, height - 1 - y, width - 1 - x])
    return np.asarray(nearest < images.map(spans).to_numpy() / 2, np.int8)
