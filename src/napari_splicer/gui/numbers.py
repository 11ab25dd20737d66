"""Numbers of cells by name, row by row of the session's table: for colours and axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_splicer.gui.session import Session

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
    column = table.X[:, table.var_names.get_loc(name)]
    return np.asarray(column.toarray() if hasattr(column, "toarray") else column, float).ravel()


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
