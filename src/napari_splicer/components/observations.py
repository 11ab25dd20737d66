"""A quick look at a few places of an image: what cells, or small squares, hold of each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_splicer.images.masks import MaskedImage

PLACES = 8
"""Tiles looked at, over all fields."""

TILE = 1024
"""Side of a tile in pixels; cut where it reaches into another chunk of the file."""

SQUARE = 8
"""Side in pixels of the squares that stand in for cells where there is no mask: 4 µm at 0.5 µm."""


def observe(fields: Sequence[MaskedImage], *, seed: int = 0) -> NDArray[np.float64]:
    """Return mean intensities (n, C) of cells, or of small squares in fields without a mask.

    What is not a finite number counts as 0.

    Parameters
    ----------
    fields : sequence of MaskedImage
        With the same channels.
    seed : int
        Of the choice of places: around random cells where there is a mask.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(fields))[:PLACES]
    share = -(-PLACES // len(chosen))
    seen = []
    for index in np.sort(chosen):
        field = fields[index]
        boxes = dict.fromkeys(_box(field, *place) for place in _places(field, share, rng))
        for box in boxes:
            pixels = field.image.read(*box, channels=fields[0].image.channels)
            if pixels.dtype.kind == "f":
                pixels = np.nan_to_num(pixels, nan=0.0, posinf=0.0, neginf=0.0)
            if field.cells is None:
                seen.append(_squares(pixels))
            else:
                seen.append(_cells(pixels, field.cells.read(*box)))
    return np.concatenate(seen)


def _places(field: MaskedImage, count: int, rng: np.random.Generator) -> list[tuple[float, float]]:
    if field.cells is None:
        height, width = field.image.shape
        return [(rng.uniform(0, height), rng.uniform(0, width)) for _ in range(count)]
    cells = field.cells.cells()
    rows = rng.integers(len(cells), size=count)
    return list(zip(cells["y"].to_numpy()[rows], cells["x"].to_numpy()[rows], strict=True))


def _box(field: MaskedImage, y: float, x: float) -> tuple[int, int, int, int]:
    """Return the part of a place's tile that lies in the same chunk as the place."""
    box = []
    for centre, chunks in zip((int(y), int(x)), field.image.data.chunks[1:], strict=True):
        edges = np.concatenate([[0], np.cumsum(chunks)])
        chunk = int(np.searchsorted(edges, centre, side="right")) - 1
        start = centre // TILE * TILE
        box += [max(int(edges[chunk]), start), min(int(edges[chunk + 1]), start + TILE)]
    return box[0], box[1], box[2], box[3]


def _cells(pixels_CYX: NDArray[Any], labels_YX: NDArray[Any]) -> NDArray[np.float64]:
    inside = labels_YX > 0
    _, cell = np.unique(labels_YX[inside], return_inverse=True)
    area = np.bincount(cell)
    sums = [np.bincount(cell, weights=plane[inside], minlength=len(area)) for plane in pixels_CYX]
    return np.stack(sums, axis=1) / area[:, None]


def _squares(pixels_CYX: NDArray[Any]) -> NDArray[np.float64]:
    channels, height, width = pixels_CYX.shape
    side = min(SQUARE, height, width)
    rows, columns = height // side, width // side
    cut = pixels_CYX[:, : rows * side, : columns * side]
    squares = cut.reshape(channels, rows, side, columns, side)
    means: NDArray[np.float64] = squares.mean(axis=(2, 4), dtype=np.float64)
    return means.reshape(channels, -1).T
