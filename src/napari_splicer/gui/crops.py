"""Crops: squares of an image around places, shrunk where they are larger than a picture. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.images.grid import Grid
from napari_splicer.images.pyramid import image_at, level_grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_splicer.images.image import MultiplexImage

LARGEST = 160
"""Side of a picture in pixels, at most."""

_MOST_READ = 2048  # px, side of the largest square that is read at once: 16 MB a channel
_NEARLY = 0.01  # share by which a level may be coarser than wanted


def shrunk_crops(
    image: MultiplexImage, places: NDArray[np.float64], side: int, channels: tuple[str, ...]
) -> NDArray[np.float32]:
    """Return squares of ``side`` pixels around places (n, 2; y, x), float32 (n, C, s, s).

    ``s`` is at most 160: of larger squares every pixel is the mean of some, read from the coarsest
    level that has no fewer than that.
    """
    wanted = -(-side // LARGEST)
    level, grid = _coarsest(image, wanted)
    coarse = image_at(image, level)
    places = np.stack([grid.seen_from(axis, places[:, axis]) for axis in (0, 1)], axis=1)
    step = max(1, int(np.ceil(wanted / grid.coarser * (1 - _NEARLY))))
    size = max(1, min(round(side / grid.coarser), _MOST_READ) // step)
    if step == 1:
        return read_crops(coarse, places, size, channels)
    crops = np.empty((len(places), len(channels), size, size), np.float32)
    for crop, place in zip(crops, places, strict=True):  # one by one: each may be large
        (square,) = read_crops(coarse, place[None], size * step, channels)
        crop[:] = square.reshape(-1, size, step, size, step).mean(axis=(2, 4))
    return crops


def _coarsest(image: MultiplexImage, wanted: int) -> tuple[int, Grid]:
    """Return the coarsest level that is at most ``wanted`` times coarser than the finest."""
    best = 0, Grid()
    for level in range(1, len(image.levels)):
        grid = level_grid(image, level)
        if grid is not None and best[1].coarser < grid.coarser <= wanted * (1 + _NEARLY):
            best = level, grid
    return best


def read_crops(
    image: MultiplexImage, places: NDArray[np.float64], side: int, channels: tuple[str, ...]
) -> NDArray[np.float32]:
    """Return squares around places (n, 2; y, x), float32 (n, C, side, side); 0 beyond the edge."""
    crops = np.zeros((len(places), len(channels), side, side), np.float32)
    height, width = image.shape
    corners = np.rint(places).astype(int) - side // 2
    for crop, (top, left) in zip(crops, corners, strict=True):
        y0, x0 = max(top, 0), max(left, 0)
        y1, x1 = min(top + side, height), min(left + side, width)
        if y0 < y1 and x0 < x1:
            pixels = image.read(y0, y1, x0, x1, channels)
            crop[:, y0 - top : y1 - top, x0 - left : x1 - left] = np.nan_to_num(pixels)
    return crops
