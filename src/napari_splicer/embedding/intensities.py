"""How bright every marker is in every cell: means, streamed over the image."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from napari_splicer.errors import NoCells
from napari_splicer.patches.blocks import block_edges
from napari_splicer.patches.sites import window_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.masks import MaskedImage

_LEAST_SIDE = 1024  # pixels; smaller chunks are read several at a time


class Window(NamedTuple):
    """A half-open box of pixels."""

    y0: int
    y1: int
    x0: int
    x1: int


class Measurement(Protocol):
    """Means that grow window by window, so that the caller can show progress, or stop."""

    def windows(self) -> list[Window]:
        """Return what has to be added, in the order of the image's chunks."""
        ...

    def add(self, window: Window) -> None:
        """Read one window and count it in."""
        ...

    def means(self) -> NDArray[np.float32]:
        """Return float32 (n, C) in raw units; NaN where there was no finite pixel."""
        ...


class CellMeans:
    """Means over the pixels of each cell.

    Every pixel is read once. A cell on a chunk border is the sum of its parts.

    Parameters
    ----------
    field : MaskedImage
        With a cell mask. Rows come in the order of ``field.cells.cells()``.
    """

    def __init__(self, field: MaskedImage) -> None:
        if field.cells is None:
            raise NoCells(
                f"{field.name} has no cell mask, so its cells can't be measured.", "Add a mask."
            )
        self._image, self._mask = field.image, field.cells
        self._ids = field.cells.cells()["id"].to_numpy(np.int64)
        shape = (len(self._ids), len(field.image.channels))
        self._sums = np.zeros(shape, np.float64)
        self._counts = np.zeros(shape, np.int64)

    def windows(self) -> list[Window]:
        """Return windows that tile the image, along its chunks."""
        by_y, by_x = _spans(self._image)
        return [Window(*y, *x) for y in by_y for x in by_x]

    def add(self, window: Window) -> None:
        """Read one window of mask and image and count it in."""
        labels = self._mask.read(*window)
        inside = labels > 0
        if not inside.any():
            return
        # Numbering the window's own cells from 0 keeps bincount small, however large the ids are.
        here, cell = np.unique(labels[inside], return_inverse=True)
        rows = np.searchsorted(self._ids, here.astype(np.int64))
        for channel, plane in enumerate(self._image.read(*window)):
            values = plane[inside].astype(np.float64)
            finite = np.isfinite(values)
            values[~finite] = 0
            self._sums[rows, channel] += np.bincount(cell, values, minlength=len(here))
            self._counts[rows, channel] += np.bincount(cell[finite], minlength=len(here))

    def means(self) -> NDArray[np.float32]:
        """Return float32 (n, C); NaN where a cell has no finite pixel."""
        return _divide(self._sums, self._counts)


class TileMeans:
    """Means over square tiles, which may overlap.

    Parameters
    ----------
    field : MaskedImage
    y, x : float64 (n,)
        Centres, in pixels; pixel ``i`` has its centre at ``i``.
    side : int
        Of a tile, in pixels; what lies outside the image does not count.
    """

    def __init__(
        self, field: MaskedImage, y: NDArray[np.float64], x: NDArray[np.float64], side: int
    ) -> None:
        self._image = field.image
        height, width = field.image.shape
        self._y0, self._y1 = tile_edges(y, side, height)
        self._x0, self._x1 = tile_edges(x, side, width)
        self._means = np.full((len(y), len(field.image.channels)), np.nan, np.float32)

    def windows(self) -> list[Window]:
        """Return windows that hold every tile whole; neighbours overlap by up to a tile."""
        by_y, by_x = _spans(self._image)
        boxes = (Window(*y, *x) for y in by_y for x in by_x)
        return [self._grown(box) for box in boxes if self._starting_in(box).size]

    def _starting_in(self, box: Window) -> NDArray[np.intp]:
        rows = (self._y0 >= box.y0) & (self._y0 < box.y1)
        return np.flatnonzero(rows & (self._x0 >= box.x0) & (self._x0 < box.x1))

    def _grown(self, box: Window) -> Window:
        tiles = self._starting_in(box)
        return Window(box.y0, self._y1[tiles].max(), box.x0, self._x1[tiles].max())

    def add(self, window: Window) -> None:
        """Read one window and average the tiles inside, through sums over all its corners."""
        y0, y1, x0, x1 = window
        inside = (self._y0 >= y0) & (self._y1 <= y1) & (self._x0 >= x0) & (self._x1 <= x1)
        tiles = np.flatnonzero(inside)
        top, bottom = self._y0[tiles] - y0, self._y1[tiles] - y0
        left, right = self._x0[tiles] - x0, self._x1[tiles] - x0
        for channel, plane in enumerate(self._image.read(*window)):
            finite = np.isfinite(plane)
            boxes = [
                total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
                for total in (_corner_sums(np.where(finite, plane, 0)), _corner_sums(finite))
            ]
            self._means[tiles, channel] = _divide(*boxes)

    def means(self) -> NDArray[np.float32]:
        """Return float32 (n, C); NaN where a tile has no finite pixel."""
        return self._means


def mean_intensities(field: MaskedImage) -> NDArray[np.float32]:
    """Return the mean of every channel over every cell.

    Parameters
    ----------
    field : MaskedImage
        With a cell mask.

    Returns
    -------
    float32 (n, C)
        Raw units, in the order of ``field.cells.cells()``; NaN where no pixel is finite.

    Raises
    ------
    NoCells
        If there is no mask.
    """
    cells = CellMeans(field)
    for window in cells.windows():
        cells.add(window)
    return cells.means()


def _spans(image: MultiplexImage) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the blocks in which an image is read, along y and x."""
    by_y, by_x = (edges.tolist() for edges in block_edges(image, len(image.channels), _LEAST_SIDE))
    return list(pairwise(by_y)), list(pairwise(by_x))


def tile_edges(
    centre: NDArray[np.float64], side: int, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where tiles start and stop within an axis of ``length`` pixels, int64 (n,) each."""
    start = window_start(centre, side)
    return start.clip(0, length), (start + side).clip(0, length)


def _corner_sums(plane: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return the sum of all pixels above and left of every corner, (h + 1, w + 1)."""
    sums = np.zeros((plane.shape[0] + 1, plane.shape[1] + 1))
    np.cumsum(plane, axis=0, dtype=np.float64, out=sums[1:, 1:])
    np.cumsum(sums[1:, 1:], axis=1, out=sums[1:, 1:])
    return sums


def _divide(
    sums: NDArray[np.float64], counts: NDArray[np.float64] | NDArray[np.int64]
) -> NDArray[np.float32]:
    quotient = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=quotient, where=counts > 0)
    return quotient.astype(np.float32)
