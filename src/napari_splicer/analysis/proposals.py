"""Which cells are worth showing next: uncertain ones, and not all alike or from the same spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.analysis.standardised import StandardisedCells

COUNT = 12
_POOL = 500  # of the most uncertain cells, from which those that differ most are taken


def proposals(
    numbers: StandardisedCells,
    uncertainty: NDArray[np.float32],
    shown: NDArray[np.int64],
    count: int = COUNT,
) -> NDArray[np.int64]:
    """Return rows of uncertain cells, each far from those before, in numbers and in the tissue.

    The first is the most uncertain; each next one has the largest product of its uncertainty and
    its distance to the nearest before it: farthest-first traversal (Gonzalez 1985), which Sener
    and Savarese 2018 (arXiv:1708.00489) choose examples by.

    Parameters
    ----------
    numbers : StandardisedCells (n cells)
    uncertainty : float32 (n,)
        NaN for cells that are not to be shown.
    shown : int64 (m,)
        Rows of cells that are examples already.
    count : int
        At most so many.

    Returns
    -------
    int64 (k,)
        Fewer than ``count`` where there are no more cells of which the type is not sure.
    """
    doubt = np.nan_to_num(uncertainty)
    doubt[shown] = 0
    pool = np.argpartition(-doubt, min(_POOL, len(doubt) - 1))[:_POOL]
    pool = np.sort(pool[doubt[pool] > 0])
    if not len(pool):
        return np.empty(0, np.int64)
    points, doubt = _points(numbers, pool), doubt[pool]
    chosen = [int(doubt.argmax())]
    distance = np.full(len(pool), np.inf, np.float32)
    while len(chosen) < min(count, len(pool)):
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        score = doubt * np.sqrt(distance)
        score[chosen] = -1
        chosen.append(int(score.argmax()))
    return pool[chosen].astype(np.int64)


def _points(numbers: StandardisedCells, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return numbers and places of cells, each part with a total variance of 1 over all cells."""
    x = numbers.of(rows)
    return np.concatenate([x / np.sqrt(x.shape[1]), _places(numbers.table, rows)], axis=1)


def _places(table: AnnData, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    if not {"y", "x"} <= set(table.obs):
        return np.empty((len(rows), 0), np.float32)
    places = table.obs[["y", "x"]].to_numpy(np.float64)
    spread = max(float(np.sqrt(places.var(axis=0).sum())), 1e-9)
    return np.asarray(places[rows] / spread, np.float32)
