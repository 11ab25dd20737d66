"""Two divisions of the same cells compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_splicer.analysis.groups import groups_of
from napari_splicer.errors import InvalidSettings

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray


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


def _counted(
    a: NDArray[np.int8], b: NDArray[np.int8], rows: int, columns: int
) -> NDArray[np.int64]:
    pairs = a.astype(np.int64) * columns + b
    return np.bincount(pairs, minlength=rows * columns).reshape(rows, columns)
