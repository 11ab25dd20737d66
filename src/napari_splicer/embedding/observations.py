"""Observations: what is known of every cell or tile before anything is measured in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_splicer.images.masks import LabelMask, MaskedImage
    from napari_splicer.patches.sites import Sites


def observations(fields: Sequence[MaskedImage], sites: Sites, sides: Sequence[int]) -> pd.DataFrame:
    """Return the ``obs`` of a table: one row per site, in order.

    Parameters
    ----------
    fields : sequence of MaskedImage
    sites : Sites (n)
    sides : sequence of int
        Side of a patch in each field, in pixels of the full resolution: of tiles, what they cover.
    """
    names = [field.name for field in fields]
    area, border = np.empty(len(sites), np.int64), np.empty(len(sites), bool)
    for index, (field, side) in enumerate(zip(fields, sides, strict=True)):
        here = sites.field == index
        if sites.kind == "cells" and field.cells is not None:
            area[here], border[here] = _of_cells(field.cells, sites.take(here))
        else:
            area[here], border[here] = _of_tiles(field.image.shape, sites.take(here), side)
    regions = pd.Categorical.from_codes(sites.field, categories=pd.Index(names))
    return pd.DataFrame(
        {
            "instance_id": sites.id,
            "region": regions,
            "area": area,
            "y": sites.y,
            "x": sites.x,
            "touches_border": border,
        },
        index=_row_names(regions, sites),
    )


def _row_names(regions: Iterable[str], sites: Sites) -> pd.Index[str]:
    """Name cells by image and number, tiles by image and centre: their numbers go with the grid."""
    if sites.kind == "cells":
        ends = [str(number) for number in sites.id.tolist()]
    else:
        centres = zip(sites.y.tolist(), sites.x.tolist(), strict=True)
        ends = [f"y{int(y)}_x{int(x)}" for y, x in centres]
    return pd.Index([f"{name}_{end}" for name, end in zip(regions, ends, strict=True)], dtype=str)


def _of_cells(mask: LabelMask, sites: Sites) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return area and whether it touches the border of every cell of a field."""
    cells = mask.cells()
    rows = np.searchsorted(cells["id"].to_numpy(), sites.id)
    return cells["area"].to_numpy()[rows], cells["touches_border"].to_numpy()[rows]


def _of_tiles(
    shape: tuple[int, int], sites: Sites, side: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the same of every tile of a field."""
    from napari_splicer.embedding.intensities import tile_edges  # with torch

    lengths, touches = [], np.zeros(len(sites), bool)
    for centre, length in zip((sites.y, sites.x), shape, strict=True):
        start, stop = tile_edges(centre, side, length)
        lengths.append(stop - start)
        touches |= (start == 0) | (stop == length)
    return lengths[0] * lengths[1], touches
