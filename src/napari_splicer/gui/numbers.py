"""Numbers of cells by name, row by row of the session's table: for colours and axes."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import ArrayLike, NDArray

    from napari_splicer.gui.session import Session

_MOST_READ = 4  # columns of a matrix that is not in memory: 32 MB of a million cells


class _Column(NamedTuple):
    matrix: Any
    name: str
    values: NDArray[np.float64]


_READ: WeakKeyDictionary[Session, deque[_Column]] = WeakKeyDictionary()

_RANGE = (1, 99)  # percentiles that end the scale, so that one bright cell does not darken all


def values_of(session: Session, name: str) -> NDArray[np.float64]:
    """Return a measure, a channel's mean intensity in raw units, or a column of numbers, (n,)."""
    table = session.table
    if table is None:
        return np.empty(0)
    if name in session.measures:
        return np.asarray(session.measures[name], np.float64)
    if name not in table.var_names:
        known = name in table.obs  # a grouping's uncertainty goes when the grouping is removed
        return np.asarray(table.obs[name], np.float64) if known else np.full(table.n_obs, np.nan)
    return _intensities(session, table, name)


def _intensities(session: Session, table: AnnData, name: str) -> NDArray[np.float64]:
    """Return a column of the table's matrix; of one that is not in memory, those read last stay.

    Colours are asked for again whenever a group is under the mouse: that may not read a file.
    """
    matrix, place = table.X, table.var_names.get_loc(name)
    if isinstance(matrix, np.ndarray):
        return np.asarray(matrix[:, place], float)
    known = _READ.setdefault(session, deque(maxlen=_MOST_READ))
    if known and known[0].matrix is not matrix:
        known.clear()
    for column in known:
        if column.name == name:
            return column.values
    column = matrix[:, place]
    values = np.array(column.toarray() if hasattr(column, "toarray") else column, float).ravel()
    values.setflags(write=False)
    known.append(_Column(matrix, name, values))
    return values


def further_numbers(session: Session) -> tuple[str, ...]:
    """Return the names of the table's numbers beside intensities and measures, such as areas."""
    table = session.table
    if table is None:
        return ()
    columns = table.obs.select_dtypes("number").columns.drop("instance_id")
    taken = {*table.var_names, *session.measures}
    return tuple(str(name) for name in columns if name not in taken)


def scale_limits(values: ArrayLike) -> tuple[float, float]:
    """Return the values that both ends of a scale of colours stand for; they always differ."""
    finite = np.asarray(values)[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = map(float, np.percentile(finite, _RANGE))
    return (low, high) if high > low else (low, low + 1.0)


def range_of(session: Session, name: str, values: ArrayLike) -> tuple[float, float]:
    """Return the ends of the scale for a number: as a person has set them, or as values suggest."""
    return session.colour_ranges.get(name) or scale_limits(values)


def set_range(session: Session, name: str, limits: tuple[float, float] | None) -> None:
    """Let the colours of a number go from one value to a higher one; None: as its values suggest.

    The range holds for every image of the window.
    """
    others = {known: ends for known, ends in session.colour_ranges.items() if known != name}
    session.colour_ranges = others if limits is None else {**others, name: limits}
