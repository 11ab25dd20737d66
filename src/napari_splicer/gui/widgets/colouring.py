"""What colour each cell has: that of its group, its category, a number, or of what is like it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.gui.categories import categories_of
from napari_splicer.gui.numbers import range_of, values_of
from napari_splicer.gui.snapshot import MIXTURE

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_splicer.gui.session import Session

NOTHING = "#808080"  # cells without a group, or without a value
_SHADES = 6  # of red, green and blue
_MIXED = (
    *(
        "#{:02x}{:02x}{:02x}".format(*(round(255 * part / (_SHADES - 1)) for part in mixed))
        for mixed in product(range(_SHADES), repeat=3)
    ),
    NOTHING,
)
_STEPS = 48  # of the scale: more can't be told apart on a point


@dataclass(frozen=True, eq=False)
class Colouring:
    """A colour for every cell.

    Parameters
    ----------
    codes : int (n,)
        Index into ``colours``.
    colours : tuple of str
        ``"#rrggbb"``; the last is for cells of which nothing is known.
    shown : bool (n,)
        False for cells of hidden groups.
    limits : (float, float), optional
        Values at both ends of the scale; None where the colours have no order.
    names : tuple of str
        What all colours but the last stand for, where that is said beside the map.
    """

    codes: NDArray[np.int64]
    colours: tuple[str, ...]
    shown: NDArray[np.bool_]
    limits: tuple[float, float] | None = None
    names: tuple[str, ...] = ()


def colouring_of(session: Session) -> Colouring:
    """Return the colours that the session asks for, in the order of its table's rows."""
    codes = session.codes()
    visible = np.array([*(group.visible for group in session.groups), True])
    groups = np.where(codes < 0, len(session.groups), codes)
    shown = visible[groups]
    if session.table is None or session.colour_by is None:
        colours = (*(group.colour for group in session.groups), NOTHING)
        return Colouring(groups, colours, shown)
    if session.colour_by == MIXTURE:
        return Colouring(_mixed(session), _MIXED, shown)
    kinds = categories_of(session, session.colour_by)
    if kinds is not None:
        codes = np.where(kinds.codes < 0, len(kinds.names), kinds.codes)
        return Colouring(codes, (*kinds.colours, NOTHING), shown, names=kinds.names)
    values = values_of(session, session.colour_by)
    limits = range_of(session, session.colour_by, values)
    return Colouring(scale_codes(values, limits), (*scale_colours(), NOTHING), shown, limits)


def _mixed(session: Session) -> NDArray[np.int64]:
    """Return the nearest of few colours for every cell; grey where none is known yet."""
    if session.mixture is None:
        return np.full(len(session.ids()), len(_MIXED) - 1)
    steps = np.rint(session.mixture / 255 * (_SHADES - 1)).astype(np.int64)
    codes: NDArray[np.int64] = steps @ np.array([_SHADES**2, _SHADES, 1])
    return codes


def scale_codes(values: ArrayLike, limits: tuple[float, float]) -> NDArray[np.int64]:
    """Return steps of the scale, 0 to 47; 48 for values that are not finite."""
    values = np.asarray(values, np.float64)
    known = np.isfinite(values)
    place = (np.where(known, values, limits[0]) - limits[0]) / (limits[1] - limits[0])
    steps = np.clip(place * _STEPS, 0, _STEPS - 1).astype(np.int64)
    return np.where(known, steps, _STEPS)


@cache
def scale_colours(name: str = "viridis", steps: int = _STEPS) -> tuple[str, ...]:
    """Return a perceptually uniform scale as ``"#rrggbb"``, low to high."""
    import pyqtgraph as pg

    table = pg.colormap.get(name).getLookupTable(nPts=steps, alpha=False)
    return tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in table)
