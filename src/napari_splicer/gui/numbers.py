"""Numbers of cells by name, row by row of the session's table: for colours and axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_splicer.gui.session import Session


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
