"""The groups that a table holds: which one each cell is in, and in which colour it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_splicer.analysis.palette import group_colours
from napari_splicer.errors import InvalidSettings

if TYPE_CHECKING:
    from anndata import AnnData

_KEEP_CELLS = ("rename", "colour")  # how edits begin that leave every cell in its group


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

    The table's count where they are as many as the groups: other programs that merge groups leave
    the colours of before.

    Raises
    ------
    InvalidSettings
        If the table has no such clustering.
    """
    count = len(groups_of(table, clustering).cat.categories)
    kept = table.uns.get(f"{clustering}_colors", ())
    return [str(colour) for colour in (kept if len(kept) == count else group_colours(count))]


def clustering_names(table: AnnData) -> tuple[str, ...]:
    """Return the names of a table's clusterings, oldest first.

    They stand as their columns do: files keep the order of columns, but sort what is noted.
    """
    noted = table.uns.get("splicer", {}).get("clusterings", {})
    return tuple(str(column) for column in table.obs.columns if column in noted)


def edits_of(table: AnnData, clustering: str) -> tuple[str, ...]:
    """Return what was changed by hand in a clustering, in words, as the table notes it."""
    noted = table.uns.get("splicer", {}).get("edits", {})
    return tuple(map(str, noted.get(clustering, ())))


def regrouped_by_hand(table: AnnData, clustering: str) -> bool:
    """Return whether cells were given other groups by hand, not names and colours alone."""
    return any(words.split(" ")[0] not in _KEEP_CELLS for words in edits_of(table, clustering))


def note_edits(table: AnnData, clustering: str, edits: tuple[str, ...]) -> None:
    """Note in a table what was changed by hand in a clustering; nothing, where it was made anew."""
    noted = table.uns.setdefault("splicer", {}).setdefault("edits", {})
    if edits:
        noted[clustering] = np.array(edits)
    else:
        noted.pop(clustering, None)


def earlier_model(table: AnnData, clustering: str) -> str:
    """Return the model, in words, by whose numbers groups were found that a table holds no more.

    Empty for all others.
    """
    return str(table.uns.get("splicer", {}).get("earlier", {}).get(clustering, ""))


def note_earlier_model(table: AnnData, clustering: str, model: str) -> None:
    """Note in a table that groups were found by a model before; nothing, where by its own."""
    noted = table.uns.setdefault("splicer", {}).setdefault("earlier", {})
    if model:
        noted[clustering] = model
    else:
        noted.pop(clustering, None)
