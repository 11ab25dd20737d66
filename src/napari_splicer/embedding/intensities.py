"""How bright every marker is in every cell: means, streamed over the image tile by tile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_splicer.patches.canvas import Canvas
from napari_splicer.patches.sites import window_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_splicer.patches.tiles import FieldSites, Tile

_VALUES = 2**24  # pixels of windows that are averaged at a time


class Means(Protocol):
    """Means that grow tile by tile."""

    def see(self, tile: Tile) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Count a tile in; return the rows of the sites that are complete, and their means.

        Every tile of the sites has to be seen, in the order in which they are read.

        Returns
        -------
        rows : int64 (n,)
        means : float32 (n, C)
            Raw units, one column per plane of the tile; NaN where there was no finite pixel.
        """
        ...


class CellMeans:
    """Means over the pixels of each cell; a cell on a border is the sum of its parts.

    Memory holds the cells that were begun and are not complete, whatever the slide's size.

    Parameters
    ----------
    ids : int64 (n,)
        Labels of the field's cells, in the order of its rows.
    """

    def __init__(self, ids: NDArray[np.int64]) -> None:
        self._order = np.argsort(ids, kind="stable").astype(np.uint32)  # of millions, half of it
        self._ids = ids[self._order]
        self._begun = np.empty(0, np.int64)  # positions among the field's rows, ascending
        self._sums = np.empty((0, 0))
        self._counts = np.empty((0, 0))

    def see(self, tile: Tile) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Count a tile in; see :meth:`Means.see`."""
        self._add(tile)
        whole = np.sort(tile.block.whole)
        complete = np.isin(self._begun, whole, assume_unique=True)
        means = _divide(self._sums[complete], self._counts[complete])
        self._begun = self._begun[~complete]
        self._sums, self._counts = self._sums[~complete], self._counts[~complete]
        return tile.field.rows[whole], means

    def _add(self, tile: Tile) -> None:
        new = slice(tile.block.new_x0 - tile.block.x0, None)
        runs = _Runs(tile.labels.pixels_PHW[0, :, new])
        place = np.searchsorted(self._ids, runs.labels).clip(max=max(0, len(self._ids) - 1))
        wanted = np.zeros(len(runs.labels), bool)
        if len(self._ids):
            wanted = self._ids[place] == runs.labels
        planes = [runs.sums(plane) for plane in tile.pixels.pixels_PHW[:, :, new]]
        sums, counts = (np.stack(values, axis=1)[wanted] for values in zip(*planes, strict=True))
        self._merge(self._order[place[wanted]].astype(np.int64), sums, counts)

    def _merge(
        self, rows: NDArray[np.int64], sums: NDArray[np.float64], counts: NDArray[np.float64]
    ) -> None:
        begun, place = np.unique(np.concatenate([self._begun, rows]), return_inverse=True)
        earlier, now = np.split(place, [len(self._begun)])
        merged = np.zeros((2, len(begun), sums.shape[1]))
        if len(earlier):
            merged[:, earlier] = self._sums, self._counts
        merged[:, now] += sums, counts
        self._begun, (self._sums, self._counts) = begun, merged


class _Runs:
    """The labels of a box as runs along x: each plane is summed run by run, then label by label.

    Several times faster than pixel by pixel.
    """

    def __init__(self, labels_HW: NDArray[Any]) -> None:
        starts_here = np.ones(labels_HW.shape, bool)
        np.not_equal(labels_HW[:, 1:], labels_HW[:, :-1], out=starts_here[:, 1:])
        self._starts = np.flatnonzero(starts_here)
        label = labels_HW[starts_here]
        self._inside = np.flatnonzero(label)
        self.labels, self._of = np.unique(label[self._inside], return_inverse=True)
        lengths = np.diff(self._starts, append=labels_HW.size)
        self._pixels = self._by_label(lengths[self._inside])

    def sums(self, plane_HW: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return sum and number of the finite pixels of each label."""
        flat_P = np.ascontiguousarray(plane_HW).ravel()
        # Runs of fewer than 2¹⁶ pixels of 16 bits each have sums of 32 bits.
        small = (
            flat_P.dtype.kind == "u" and flat_P.dtype.itemsize <= 2 and plane_HW.shape[1] < 2**16
        )
        sums = self._by_run(flat_P, np.uint32 if small else np.float64)
        if flat_P.dtype.kind != "f" or np.isfinite(sums).all():
            return self._by_label(sums), self._pixels
        finite_P = np.isfinite(flat_P)
        sums = self._by_run(np.where(finite_P, flat_P, 0), np.float64)
        return self._by_label(sums), self._by_label(self._by_run(finite_P, np.float64))

    def _by_run(self, flat_P: NDArray[Any], dtype: type) -> NDArray[Any]:
        sums: NDArray[Any] = np.add.reduceat(flat_P, self._starts, dtype=dtype)[self._inside]
        return sums

    def _by_label(self, values: NDArray[Any]) -> NDArray[np.float64]:
        sums = np.bincount(self._of, values, minlength=len(self.labels))
        return np.asarray(sums, np.float64)


class TileMeans:
    """Means over the windows themselves, which may overlap; what lies outside does not count."""

    def __init__(self) -> None:
        self._canvas: Canvas | None = None

    def see(self, tile: Tile) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Count a tile in; see :meth:`Means.see`."""
        field, rows = tile.field, tile.block.rows
        canvas = self._canvas or Canvas(field.side, field.masked.image.shape, "cpu")
        canvas.extend(tile.block, tile.pixels)
        self._canvas = canvas
        means = np.empty((len(rows), len(tile.channels)), np.float32)
        step = max(1, _VALUES // (len(tile.channels) * field.side**2))
        for first in range(0, len(rows), step):
            piece = slice(first, first + step)
            means[piece] = _window_means(canvas, field, field.starts(rows[piece]))
        return field.rows[rows], means


def _window_means(
    canvas: Canvas, field: FieldSites, starts: NDArray[np.int64]
) -> NDArray[np.float32]:
    windows = canvas.cut(starts).numpy().astype(np.float64)
    inside = []
    for axis, length in enumerate(field.masked.image.shape):
        position = starts[:, axis, None] + np.arange(field.side)
        inside.append((position >= 0) & (position < length))
    counted = np.isfinite(windows) & inside[0][:, None, :, None] & inside[1][:, None, None, :]
    windows[~counted] = 0
    return _divide(windows.sum(axis=(2, 3)), counted.sum(axis=(2, 3)))


def tile_edges(
    centre: NDArray[np.float64], side: int, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where tiles start and stop within an axis of ``length`` pixels, int64 (n,) each."""
    start = window_start(centre, side)
    return start.clip(0, length), (start + side).clip(0, length)


def _divide(
    sums: NDArray[np.float64], counts: NDArray[np.float64] | NDArray[np.int64]
) -> NDArray[np.float32]:
    quotient = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=quotient, where=counts > 0)
    return quotient.astype(np.float32)
