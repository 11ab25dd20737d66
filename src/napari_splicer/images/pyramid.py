"""A field of view as a smaller level of its pyramid shows it: pixels, labels and regions alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_splicer.errors import InvalidMask
from napari_splicer.images.grid import Grid, find_grid
from napari_splicer.images.lazy import as_dask
from napari_splicer.images.masks import LabelMask, MaskedImage

if TYPE_CHECKING:
    import dask.array as da
    import pandas as pd
    from numpy.typing import NDArray

    from napari_splicer.images.image import MultiplexImage

_SAME = 0.01
"""Share by which the factors of two levels may differ that are held to be the same."""

_WINDOWS, _WINDOW = 4, 64
"""Along each axis, so many windows of so many pixels tell whether a mask's level holds labels."""

_PIECE = 512
"""Side in pixels of the pieces, at least, in which a thinned mask is read."""

_LABELS: WeakKeyDictionary[LabelMask, dict[int, bool]] = WeakKeyDictionary()
"""Of masks that were looked at, which levels hold labels."""


def level_grid(image: MultiplexImage, level: int) -> Grid | None:
    """Return where the pixels of a level lie, None where it can't stand for the finest one.

    It can't if it has other channels or another type of pixels, or shows another field.
    """
    if level == 0:
        return Grid()
    coarse = image.levels[level]
    if coarse.dtype != image.dtype or len(coarse) != len(image.channels):
        return None
    told = image.grids[level] if level < len(image.grids) else None
    return find_grid(image.shape, (coarse.shape[1], coarse.shape[2]), told)


def image_at(image: MultiplexImage, level: int) -> MultiplexImage:
    """Return a level of an image as an image, with the level's pixel size; lazily.

    Raises
    ------
    ValueError
        If the level can't stand for the finest one; see :func:`level_grid`.
    """
    if level == 0:
        return image
    grid, size = level_grid(image, level), image.pixel_size
    if grid is None:
        raise ValueError(f"level {level} of {image.name} does not show the same field")
    if size is not None:
        size = size[0] * grid.factor[0], size[1] * grid.factor[1]
    return replace(
        image,
        levels=(image.levels[level],),
        grids=(),
        planes=image.planes and image.planes.at(level),
        pixel_size=size,
    )


def field_at(field: MaskedImage, level: int) -> MaskedImage:
    """Return a field as a level of its image's pyramid shows it; at level 0, the field itself.

    Masks come from their own pyramid where that has a level of the same size which holds labels
    (some writers average them); else each pixel has the label that its centre has at full
    resolution, or at a level in between.

    Returns
    -------
    MaskedImage
        Lazy. ``cells.cells()`` has all cells of the field, also those that no pixel is left of,
        with positions and boxes in the level's pixels and areas in those of the finest level.

    Raises
    ------
    ValueError
        As :func:`image_at`.
    """
    if level == 0:
        return field
    image, grid = image_at(field.image, level), level_grid(field.image, level) or Grid()
    return MaskedImage(
        image=image,
        cells=field.cells and _mask_at(field.cells, grid, image.shape),
        regions={name: _mask_at(mask, grid, image.shape) for name, mask in field.regions.items()},
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class CoarseMask(LabelMask):
    """A mask as the grid of a smaller level shows it.

    Parameters
    ----------
    fine : LabelMask
        As it is at full resolution.
    grid : Grid
    """

    fine: LabelMask
    grid: Grid

    @cached_property
    def _cells(self) -> pd.DataFrame:
        """The cells at full resolution, seen from the grid."""
        table = self.fine.cells().copy()
        for axis, letter in enumerate("yx"):
            table[letter] = self.grid.seen_from(axis, table[letter].to_numpy())
            for edge, whole in ((f"{letter}0", np.floor), (f"{letter}1", np.ceil)):
                place = self.grid.seen_from(axis, table[edge].to_numpy() - 0.5) + 0.5
                table[edge] = whole(place).astype(np.int64)
        return table


def mask_at(mask: LabelMask, level: int) -> LabelMask:
    """Return one level of a mask's own pyramid as a mask."""
    planes = mask.planes and mask.planes.at(level)
    return LabelMask(mask.name, (mask.levels[level],), mask.source, planes)


def label_levels(mask: LabelMask) -> tuple[int, ...]:
    """Return which levels of a mask's own pyramid hold its labels, finest first.

    Some writers average labels, and a pixel then has the number of a cell that lies elsewhere.
    """
    found = [0]
    for level, labels in enumerate(mask.levels[1:], 1):
        own = find_grid(mask.shape, (labels.shape[0], labels.shape[1]))
        if own is not None and _holds_labels(mask, level, own):
            found.append(level)
    return tuple(found)


def thinned(mask: LabelMask, factor: int) -> da.Array:
    """Return of every ``factor`` × ``factor`` pixels of a mask the one in their middle; lazily.

    A piece is read a row of chunks at a time, so that there never are many more pixels in memory
    than it has.
    """
    height, width = mask.shape
    shape = -(-height // factor), -(-width // factor)
    grid = Grid.covering((float(factor), float(factor)))
    # Whole chunks in every piece, or each would be decoded more than once.
    side = max(_PIECE, *(max(lengths) // factor for lengths in mask.data.chunks))
    return as_dask(_Sampled(mask, Grid(), grid, shape), (min(side, shape[0]), min(side, shape[1])))


def _mask_at(mask: LabelMask, grid: Grid, shape: tuple[int, int]) -> CoarseMask:
    level, own = _own_level(mask, grid)
    source = mask if level == 0 else mask_at(mask, level)
    if source.shape != shape or level == 0:
        sampled = as_dask(_Sampled(source, own, grid, shape))
        source = LabelMask.from_array(sampled, name=mask.name, axes="YX")
    return CoarseMask(
        name=mask.name,
        levels=source.levels[:1],
        source=mask.source,
        planes=source.planes,
        fine=mask,
        grid=grid,
    )


def _own_level(mask: LabelMask, grid: Grid) -> tuple[int, Grid]:
    """Return the coarsest level of a mask's own pyramid that is as fine as ``grid``, with its own.

    0 where no other one holds labels.
    """
    found = []
    for level, labels in enumerate(mask.levels[1:], 1):
        own = find_grid(mask.shape, (labels.shape[0], labels.shape[1]))
        if own is not None and own.coarser <= grid.coarser * (1 + _SAME):
            found.append((own.coarser, level, own))
    for _, level, own in sorted(found, key=lambda pair: -pair[0]):
        if _holds_labels(mask, level, own):
            return level, own
    return 0, Grid()


def _holds_labels(mask: LabelMask, level: int, own: Grid) -> bool:
    """Tell whether a level of a mask holds labels of the finest, by windows all over it.

    Where these hold none at all, it can't be told, and the level is not used.
    """
    known = _LABELS.setdefault(mask, {})
    if level not in known:
        try:
            known[level] = _labels_agree(mask, mask_at(mask, level), own)
        except InvalidMask:  # numbers that are no labels
            known[level] = False
    return known[level]


def _labels_agree(mask: LabelMask, coarse: LabelMask, own: Grid) -> bool:
    """Tell whether every pixel of some windows has a label that is there where the pixel lies."""
    seen = False
    for y in windows(coarse.shape[0]):
        for x in windows(coarse.shape[1]):
            labels = coarse.read(y.start, y.stop, x.start, x.stop)
            under = (_under(own, axis, part) for axis, part in enumerate((y, x)))
            rows, columns = (
                lines.clip(0, length - 1) for lines, length in zip(under, mask.shape, strict=True)
            )
            top, left = int(rows.min()), int(columns.min())
            fine = mask.read(top, int(rows.max()) + 1, left, int(columns.max()) + 1)
            found = np.zeros(labels.shape, bool)
            for row in rows - top:
                for column in columns - left:
                    found |= fine[row[:, None], column] == labels
            if not found.all():
                return False
            seen |= bool(labels.any())
    return seen


def _under(own: Grid, axis: int, window: slice) -> NDArray[np.int64]:
    """Return the lines of the finest level that lie under those of a window, one row for each."""
    factor = own.factor[axis]
    centres = own.offset[axis] + np.arange(window.start, window.stop) * factor
    lines: NDArray[np.int64] = np.floor(centres - factor / 2).astype(np.int64)
    return lines + np.arange(int(np.ceil(factor)) + 2)[:, None]


def windows(length: int) -> list[slice]:
    """Return a few windows of an axis, evenly spread: enough to tell what an image is like."""
    side = min(_WINDOW, length)
    starts = np.linspace(0, length - side, 2 * _WINDOWS + 1).astype(int)[1::2]
    return [slice(start, start + side) for start in np.unique(starts).tolist()]


class _Sampled:
    """Labels of a mask at the centres of a grid's pixels, (Y, X); read a row of chunks at a time.

    Parameters
    ----------
    source : LabelMask
        At the resolution that is read.
    own, grid : Grid
        Of the source, and of what is wanted.
    shape : (int, int)
        Of the grid.
    """

    ndim = 2

    def __init__(self, source: LabelMask, own: Grid, grid: Grid, shape: tuple[int, int]) -> None:
        y, x = (float(own.seen_from(axis, np.array(grid.offset[axis]))) for axis in (0, 1))
        times = grid.factor[0] / own.factor[0], grid.factor[1] / own.factor[1]
        relative = Grid(times, (y, x))
        self._source, self.shape, self.dtype = source, shape, source.data.dtype
        self._rows, self._columns = (
            relative.nearest(axis, shape[axis], source.shape[axis]) for axis in (0, 1)
        )

    def __getitem__(self, key: tuple[slice, slice]) -> NDArray[Any]:
        rows, columns = self._rows[key[0]], self._columns[key[1]]
        labels = np.empty((len(rows), len(columns)), self.dtype)
        if not labels.size:
            return labels
        left, right = int(columns[0]), int(columns[-1]) + 1
        edges = np.cumsum([0, *self._source.data.chunks[0]])
        places = np.searchsorted(rows, edges)
        for first, stop in zip(places[:-1].tolist(), places[1:].tolist(), strict=True):
            if first < stop:
                top, bottom = int(rows[first]), int(rows[stop - 1]) + 1
                box = self._source.read(top, bottom, left, right)
                labels[first:stop] = box[rows[first:stop] - top][:, columns - left]
        return labels
