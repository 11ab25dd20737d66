"""Cells that stand for a group: its most typical ones, and those on its border."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def typical_cells(
    x: NDArray[np.float32], codes: NDArray[np.int64], group: int, count: int
) -> NDArray[np.intp]:
    """Return the rows nearest to their group's mean, nearest first.

    Parameters
    ----------
    x : float32 (n, d)
        What cells are compared by; rows that are not finite stand for nothing.
    codes : int (n,)
        Group of each; negative for none.
    group : int
    count : int
        At most so many.
    """
    members = _members(x, codes, group)
    if not len(members):
        return members
    return members[np.argsort(_distances(x[members], x[members].mean(axis=0)))[:count]]


def borderline_cells(
    x: NDArray[np.float32], codes: NDArray[np.int64], group: int, count: int
) -> NDArray[np.intp]:
    """Return the rows that another group's mean is nearest to, as against their own; closest first.

    Parameters are those of :func:`typical_cells`. With a single group, its farthest cells.
    """
    members = _members(x, codes, group)
    if not len(members):
        return members
    own = _distances(x[members], x[members].mean(axis=0))
    others = [_members(x, codes, other) for other in np.unique(codes[codes >= 0]) if other != group]
    means = [x[rows].mean(axis=0) for rows in others if len(rows)]
    nearest = np.min([_distances(x[members], mean) for mean in means], axis=0) if means else 0.0
    return members[np.argsort(nearest - own)[:count]]


def _members(x: NDArray[np.float32], codes: NDArray[np.int64], group: int) -> NDArray[np.intp]:
    rows = np.flatnonzero(codes == group)
    return rows[np.isfinite(x[rows]).all(axis=1)]


def _distances(x: NDArray[np.float32], centre: NDArray[np.float32]) -> NDArray[np.float32]:
    distances: NDArray[np.float32] = np.linalg.norm(x - centre, axis=1)
    return distances
