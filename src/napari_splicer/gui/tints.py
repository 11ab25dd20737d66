"""Tints: the colours of the overlay where they stand for a number or a category, not for groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from napari.utils.colormaps import ensure_colormap

from napari_splicer.gui.categories import categories_of
from napari_splicer.gui.numbers import range_of, values_of
from napari_splicer.gui.overlay import ClusterLookup
from napari_splicer.gui.selected_rows import index_of

if TYPE_CHECKING:
    from napari.utils.colormaps import DirectLabelColormap
    from numpy.typing import NDArray

    from napari_splicer.gui.session import Session

_SHADES = 64  # of the colour scale for a number


def tinted(session: Session, name: str) -> tuple[ClusterLookup, DirectLabelColormap]:
    """Return what the overlay shows of a number or a category of the cells, and its colours.

    Cells of groups that are not shown are left out, as they are on the map; while a group is under
    the mouse, those of all others.
    """
    kinds = categories_of(session, name)
    if kinds is None:
        values = values_of(session, name)
        codes = _shades(values, range_of(session, name, values))
        names = tuple(f"{step + 1:02d} of {_SHADES}" for step in range(_SHADES))
        colours = dict(zip(names, _scale(), strict=True))
    else:
        codes, names = kinds.codes, kinds.names
        colours = dict(zip(names, kinds.colours, strict=True))
    painted = np.where(_shown(session), codes, -1)
    groups = pd.Categorical.from_codes(painted, categories=pd.Index(names))
    lookup = ClusterLookup.from_groups(index_of(session), groups)
    return lookup, lookup.colormap(colours)


def _shown(session: Session) -> NDArray[np.bool_]:
    """Return which of the table's cells are in no group, or in one that is shown."""
    lit, codes = session.hovered_group, session.codes()
    groups = [group.visible and lit in (None, i) for i, group in enumerate(session.groups)]
    return np.array([*groups, lit is None])[codes]  # the code of no group, -1, finds the last


def _shades(values: NDArray[np.float64], limits: tuple[float, float]) -> NDArray[np.int64]:
    """Cut a range of a number into shades; -1 where it lacks."""
    known = np.isfinite(values)
    low, high = limits
    scaled = (np.where(known, values, low) - low) / (high - low)
    return np.where(known, (scaled.clip(0, 1) * (_SHADES - 1)).round(), -1).astype(np.int64)


def _scale() -> NDArray[np.float64]:
    scale: NDArray[np.float64] = ensure_colormap("viridis").map(np.linspace(0, 1, _SHADES))
    return scale
