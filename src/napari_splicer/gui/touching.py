"""Which cells a line touches. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_splicer.images.masks import LabelMask

_BLOCK = 512  # px, side of the pieces of a mask that are read: a line crosses few of a slide's


def touched(mask: LabelMask, path: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the ids, sorted and unique, of the cells that a line from point to point touches.

    Parameters
    ----------
    mask : LabelMask
    path : float64 (k, 2)
        Its points, y and x in pixels of the finest level, whose centres are whole numbers. What
        lies outside the mask touches nothing.
    """
    pixels = _pixels(path)
    inside = ((pixels >= 0) & (pixels < mask.shape)).all(axis=1)
    pixels = pixels[inside]
    found: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    blocks = pixels // _BLOCK
    for block in np.unique(blocks, axis=0):
        here = pixels[(blocks == block).all(axis=1)]
        (y0, x0), (y1, x1) = here.min(axis=0), here.max(axis=0) + 1
        piece = mask.read(int(y0), int(y1), int(x0), int(x1))
        found.append(piece[here[:, 0] - y0, here[:, 1] - x0].astype(np.int64))
    ids = np.unique(np.concatenate(found))
    cells: NDArray[np.int64] = ids[ids != 0]
    return cells


def _pixels(path: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return every pixel that the line passes, (n, 2), as far as steps of half a pixel tell."""
    steps = np.abs(np.diff(path, axis=0)).max(axis=1, initial=0)
    counts = np.ceil(2 * steps).astype(int) + 1
    pieces = [
        np.linspace(start, stop, count)
        for start, stop, count in zip(path[:-1], path[1:], counts, strict=True)
    ]
    points = np.concatenate([path[:1], *pieces])
    pixels: NDArray[np.int64] = np.unique(np.floor(points + 0.5).astype(np.int64), axis=0)
    return pixels
