"""Categories of cells by name, such as annotations, row by row of the session's table. No Qt.

Groupings are no categories here: the active one has its own place on the session.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from napari_splicer.analysis.groups import clustering_names
from napari_splicer.analysis.palette import group_colours
from napari_splicer.analysis_settings import COLOUR
from napari_splicer.gui.numbering import called
from napari_splicer.gui.numbers import further_numbers
from napari_splicer.gui.snapshot import MIXTURE

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.gui.session import Session

MOST = 200
"""Of more categories, nobody can tell the colours apart."""

_WORDS = {
    "region": "image",
    "touches_border": "touches the border",
    "area": "area (px)",
    "y": "y (px)",
    "x": "x (px)",
}


class Categories(NamedTuple):
    """Which category every cell is of.

    Parameters
    ----------
    codes : int64 (n,)
        Index into ``names``; -1 for cells of none.
    names, colours : tuple of str
        One per category; colours are ``"#rrggbb"``.
    """

    codes: NDArray[np.int64]
    names: tuple[str, ...]
    colours: tuple[str, ...]


def category_names(session: Session) -> tuple[str, ...]:
    """Return the table's columns of categories, or of yes and no, that cells can differ in."""
    table = session.table
    if table is None:
        return ()
    taken = {*clustering_names(table), *table.var_names, *session.measures}
    return tuple(
        str(name)
        for name in table.obs.columns
        if name not in taken and _tells(table.obs[name], 2 if name == "region" else 1)
    )


def _tells(column: pd.Series[Any], least: int) -> bool:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return least <= len(column.cat.categories) <= MOST
    return column.dtype == np.bool_


def categories_of(session: Session, name: str) -> Categories | None:
    """Return the categories of a column; None where it has none, or is no such column."""
    table = session.table
    if table is None or name not in category_names(session):
        return None
    column = table.obs[name]
    if column.dtype == np.bool_:
        names = (f"not: {in_words(name)}", in_words(name))
        return Categories(column.to_numpy(np.int64), names, group_colours(2))
    found = tuple(map(str, column.cat.categories))
    codes = np.asarray(column.cat.codes, np.int64)
    return Categories(codes, found, _colours(table, name, len(found)))


def _colours(table: AnnData, name: str, count: int) -> tuple[str, ...]:
    """Return the colours that the table notes for a column, if they fit, or the palette's."""
    noted = [str(colour) for colour in table.uns.get(f"{name}_colors", ())]
    fit = len(noted) == count and all(re.match(COLOUR, colour) for colour in noted)
    return tuple(noted) if fit else group_colours(count)


def colour_names(session: Session) -> tuple[str, ...]:
    """Return everything, beside the active grouping, that cells can be coloured by."""
    if session.table is None:
        return ()
    markers = tuple(map(str, session.table.var_names))
    further = (*category_names(session), *further_numbers(session))
    return (MIXTURE, *session.measures, *markers, *further)


def in_words(name: str) -> str:
    """Return what a column is called in a menu.

    Examples
    --------
    >>> in_words("touches_border"), in_words("type")
    ('touches the border', 'type')
    """
    return _WORDS.get(name, name)


def said_of(session: Session, row: int) -> str:
    """Say which cell a row of the table is, and what its colour stands for: category, or group."""
    said = session.words(called(session, int(session.ids()[row])))
    name = session.colour_by
    shown = None if name is None else categories_of(session, name)
    if shown is None:
        code = int(session.codes()[row])
        return f"{said} · {_group(session.groups[code].name)}" if code >= 0 else said
    code = int(shown.codes[row])
    return f"{said} · {shown.names[code]}" if code >= 0 else said


def _group(name: str) -> str:
    """Return what a group is called where its name alone would be a mere number."""
    return f"group {name}" if name[:1].isdigit() else name
