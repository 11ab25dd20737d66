"""The groups that a table holds: which one each cell is in, and in which colour it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_splicer.analysis.palette import group_colours
from napari_splicer.errors import InvalidSettings

if TYPE_CHECKING:
    from anndata import AnnData


def groups_of(table: AnnData, clustering: str) -> pd.Series[Any]:
    """Return the group of every cell, categorical (n,).

    Raises
    ------
    InvalidSettings
        If the table has no such clustering.
    """
    column: pd.Series[Any] | None = table.obs.get(clustering)
    if column is None or not isinstance(column.dtype, pd.CategoricalDtype):
        raise InvalidSettings(
            f"The table has no clustering '{clustering}'.", "Cluster the cells first."
        )
    return column


def colours_of(table: AnnData, clustering: str) -> list[str]:
    """Return one colour per group (``"#RRGGBB"``): the table's, or the palette's without any.

    Raises
    ------
    InvalidSettings
        If the table has no such clustering.
    """
    count = len(groups_of(table, clustering).cat.categories)
    return [str(colour) for colour in table.uns.get(f"{clustering}_colors", group_colours(count))]
