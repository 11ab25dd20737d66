"""Groups of tiles as an image: every pixel holds the group of the tile whose centre is nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.analysis.tile_map import TileMap

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Labels = NDArray[np.unsignedinteger[Any]]


def tile_reader(
    y: NDArray[np.float64], x: NDArray[np.float64], codes: Labels
) -> Callable[[int, int, int, int], Labels]:
    """Return what reads boxes of the image that tiles make.

    Tiles of a grid may overlap, or leave gaps; either way a pixel goes to the nearest one.

    Parameters
    ----------
    y, x : float64 (n,)
        Centres in pixels.
    codes : uint8 or uint16 (n,)
        Group of each tile.

    Returns
    -------
    callable
        ``read(y0, y1, x0, x1)`` gives the groups in a half-open box; 0 where the grid lacks a tile.
    """
    tiles = TileMap.at(y, x, np.arange(len(codes)))
    grid = np.where(tiles.row >= 0, codes[tiles.row], 0).astype(codes.dtype)
    y_borders, x_borders = ((line[1:] + line[:-1]) / 2 for line in (tiles.y, tiles.x))

    def read(y0: int, y1: int, x0: int, x1: int) -> Labels:
        here = (
            np.searchsorted(borders, np.arange(start, stop))
            for borders, start, stop in ((y_borders, y0, y1), (x_borders, x0, x1))
        )
        return np.asarray(grid[np.ix_(*here)])

    return read
