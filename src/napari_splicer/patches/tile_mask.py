"""Tiles of a grid as a mask: every pixel has the number of the tile whose centre is nearest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import uuid4

import dask.array as da
import numpy as np
import pandas as pd

from napari_splicer.errors import InvalidSettings
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.patches.sites import patch_sides, tile_centres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_splicer.config import PatchSettings
    from napari_splicer.images.image import MultiplexImage

_CHUNK = 1024
_META = np.empty((0, 0), np.int32)
_SMALL = 2**24  # pixels up to which one resolution is enough


@dataclass(frozen=True, eq=False, kw_only=True)
class TileMask(LabelMask):
    """The tiles that :func:`~napari_splicer.patches.sites.grid_sites` lays on one image.

    Tiles may overlap, or leave gaps; either way a pixel goes to the nearest one, so that every
    tile has a part of the image of its own.

    Parameters
    ----------
    y, x : float64 (gy,), (gx,)
        Centres of the rows and columns of tiles, in pixels, ascending.
    side : int
        Of a tile, in pixels of the image.
    """

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    side: int

    def __len__(self) -> int:
        return len(self.y) * len(self.x)

    @classmethod
    def of(cls, image: MultiplexImage, settings: PatchSettings) -> TileMask:
        """Lay a grid as ``settings`` say; nothing is read of the image.

        Raises
        ------
        InvalidSettings
            As :func:`~napari_splicer.patches.sites.patch_sides`; for several images side by side.
        """
        if image.sheet is not None:
            raise InvalidSettings(
                "In the window, tiles are described of one image at a time, not of several side by "
                "side.",
                "Open one of the images, or describe the tiles of all with 'napari-splicer run'.",
            )
        side = patch_sides((MaskedImage(image),), settings)[0]
        step = settings.stride or side
        y, x = (tile_centres(length, side, step) for length in image.shape)
        levels = tuple(_level(y, x, image.shape, shape) for shape in _shapes(image.shape))
        return cls(name=f"tiles of {image.name}", levels=levels, y=y, x=x, side=side)

    @property
    def reach(self) -> int:
        """Pixels from a tile's centre, along an axis, within which all of its pixels lie."""
        edges = (_edges(*pair) for pair in zip((self.y, self.x), self.shape, strict=True))
        return max(int(np.diff(line).max()) for line in edges)

    @cached_property
    def _cells(self) -> pd.DataFrame:
        """Tiles as :meth:`cells` tells of cells, without looking at a pixel."""
        (y0, y1), (x0, x1) = (
            (line[:-1], line[1:])
            for line in (_edges(self.y, self.shape[0]), _edges(self.x, self.shape[1]))
        )
        rows, columns = (part.ravel() for part in np.indices((len(self.y), len(self.x))))
        table = pd.DataFrame(
            {
                "id": np.arange(1, len(self) + 1),
                "y": self.y[rows],
                "x": self.x[columns],
                "y0": y0[rows],
                "x0": x0[columns],
                "y1": y1[rows],
                "x1": x1[columns],
            }
        )
        table["area"] = (table["y1"] - table["y0"]) * (table["x1"] - table["x0"])
        height, width = self.shape
        table["touches_border"] = (
            table["y0"].eq(0) | table["x0"].eq(0) | table["y1"].eq(height) | table["x1"].eq(width)
        )
        return table


def _edges(centres: NDArray[np.float64], length: int) -> NDArray[np.int64]:
    """Return where each tile's own pixels begin along an axis, and the end, int64 (n + 1,)."""
    between = np.floor((centres[1:] + centres[:-1]) / 2).astype(np.int64) + 1
    return np.concatenate([[0], between, [length]])


def _shapes(shape: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield the shape of every resolution, each half of the one before."""
    height, width = shape
    yield height, width
    while height * width > _SMALL:
        height, width = -(-height // 2), -(-width // 2)
        yield height, width


def _level(
    y: NDArray[np.float64], x: NDArray[np.float64], shape: tuple[int, int], seen: tuple[int, int]
) -> da.Array:
    """Return one resolution of the mask, ``seen`` pixels large, int32; made when it is read."""
    lines = []
    for centres, length, count in zip((y, x), shape, seen, strict=True):
        pixels = ((np.arange(count) + 0.5) * (length / count)).astype(np.int64)
        nearest = np.searchsorted(_edges(centres, length)[1:-1], pixels, side="right")
        lines.append(nearest.astype(np.int32))
    numbers = _Numbers(lines[0] * len(x) + 1, lines[1])
    return da.from_array(numbers, chunks=_CHUNK, name=f"tiles-{uuid4().hex}", meta=_META)


class _Numbers:
    """Sums of a number per row and one per column, int32 (Y, X), for dask to take pieces of."""

    dtype, ndim = np.dtype(np.int32), 2

    def __init__(self, rows: NDArray[np.int32], columns: NDArray[np.int32]) -> None:
        self._rows, self._columns = rows, columns
        self.shape = (len(rows), len(columns))

    def __getitem__(self, key: tuple[slice, slice]) -> NDArray[np.int32]:
        numbers: NDArray[np.int32] = self._rows[key[0], None] + self._columns[None, key[1]]
        return numbers
