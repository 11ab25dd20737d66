"""Sheet: several images side by side, seen as one, and taken apart again for all that is computed.

A window shows one image. Laid on a sheet, the fields of a study are looked at together; models and
tables still know each by its own name and numbers, so that they are those of the command line.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import dask.array as da
import numpy as np

from napari_splicer.errors import NoCells
from napari_splicer.images.image import NO_PIXEL_SIZE, Affine2D, MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from napari_splicer.images.image import PixelSize

STEP = 64
"""Pixels: images begin at multiples, so that they do in levels up to so many times coarser."""
_CHUNK = 2048  # pixels a side

_KNOWN: WeakKeyDictionary[LabelMask | MultiplexImage, tuple[Any, tuple[MaskedImage, ...]]] = (
    WeakKeyDictionary()
)
"""What masks, or images, were taken apart to, as masks remember what was found in them."""


@dataclass(frozen=True, eq=False)
class Spot:
    """One image on a sheet: where its first pixel lies, and what its cells' numbers begin after."""

    field: MaskedImage
    y: int
    x: int
    first: int

    @property
    def box(self) -> tuple[slice, slice]:
        """Its pixels on the sheet."""
        height, width = self.field.image.shape
        return slice(self.y, self.y + height), slice(self.x, self.x + width)


@dataclass(frozen=True, eq=False)
class Sheet:
    """Several images side by side, in reading order.

    Parameters
    ----------
    name : str
    spots : tuple of Spot
    shape : (int, int)
        Height and width in pixels.
    channels : tuple of str
        Of all images; one that an image lacks is black there.
    pixel_size : (float, float), optional
        µm, (y, x), where all images have the same.
    source : str, optional
        The run file that names them.
    """

    name: str
    spots: tuple[Spot, ...]
    shape: tuple[int, int]
    channels: tuple[str, ...]
    pixel_size: PixelSize | None
    source: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the images."""
        return tuple(spot.field.name for spot in self.spots)

    def image(self) -> MultiplexImage:
        """Return what is seen: all images as one, lazy."""
        levels = tuple(self._level(factor, level) for level, factor in enumerate(self.factors()))
        remarks = (f"{len(self.spots)} images side by side: {', '.join(self.names)}.",)
        return MultiplexImage(
            name=self.name,
            levels=levels,
            channels=self.channels,
            pixel_size=self.pixel_size,
            transform=Affine2D.from_pixel_size(self.pixel_size),
            source=self.source,
            remarks=remarks if self.pixel_size else (*remarks, NO_PIXEL_SIZE),
            sheet=self,
        )

    def cells(self) -> LabelMask | None:
        """Return the masks of all images as one, in which every cell has a number of its own."""
        masks = [spot.field.cells for spot in self.spots]
        if not any(masks):
            return None
        last = max(last_id(mask) + spot.first for mask, spot in zip(masks, self.spots, strict=True))
        kind = np.dtype(np.uint32 if last < 2**32 else np.int64)
        parts = [
            None if mask is None else _numbered(mask.data, spot.first, kind)
            for mask, spot in zip(masks, self.spots, strict=True)
        ]
        levels = (self._laid(parts, 1, kind),)
        return LabelMask(f"{self.name} cells", levels, self.source, sheet=self)

    def regions(self) -> dict[str, LabelMask]:
        """Return further masks by name, those of all images as one; an image may lack some."""
        names = dict.fromkeys(name for spot in self.spots for name in spot.field.regions)
        found = {}
        for name in names:
            masks = [spot.field.regions.get(name) for spot in self.spots]
            kind = np.result_type(*(mask.data.dtype for mask in masks if mask is not None))
            parts = [None if mask is None else mask.data for mask in masks]
            found[name] = LabelMask(name, (self._laid(parts, 1, kind),), sheet=self)
        return found

    def fields(
        self,
        image: MultiplexImage,
        cells: LabelMask | None,
        regions: Mapping[str, LabelMask],
    ) -> tuple[MaskedImage, ...]:
        """Return the images with their masks, each by itself, as they are seen on the sheet.

        Parameters
        ----------
        image : MultiplexImage
            This sheet's, perhaps with other names for its channels, fewer, or another pixel size.
        cells : LabelMask, optional
            Of the size of the sheet. In one that shows the images' own masks, painted on or not,
            cells get their own numbers back. Images without any cell are left out.
        regions : mapping of str to LabelMask
            Further masks of that size.
        """
        key, others = cells or image, (image if cells else None, *regions.items())
        known = _KNOWN.get(key)
        if known is None or known[0] != others:
            known = _KNOWN[key] = others, _taken_apart(self, image, cells, regions)
        return known[1]

    def added(self, images: pd.Series[str]) -> NDArray[np.int64]:
        """Return what each row's image adds to y, x and number of what lies in it, (3, n)."""
        named = images.astype("category").cat
        spots = {spot.field.name: (spot.y, spot.x, spot.first) for spot in self.spots}
        table = np.array([spots.get(str(name), (0, 0, 0)) for name in named.categories], np.int64)
        return np.ascontiguousarray(table.reshape(-1, 3)[named.codes].T)

    def at_border(self, cells: pd.DataFrame) -> int:
        """Return how many cells of a table in pixels of the sheet touch their image's edge."""
        found = 0
        for rows, columns in (spot.box for spot in self.spots):
            here = cells["y"].between(rows.start, rows.stop - 1)
            here &= cells["x"].between(columns.start, columns.stop - 1)
            ends = zip(("y0", "y1", "x0", "x1"), (*_ends(rows), *_ends(columns)), strict=True)
            found += int(np.any([here & cells[side].eq(end) for side, end in ends], axis=0).sum())
        return found

    def factors(self) -> list[int]:
        """Return how much coarser each level is that all images have; the finest first."""
        factors = []
        for levels in zip(*(spot.field.image.levels for spot in self.spots), strict=False):
            sides = [
                (whole, part)
                for spot, level in zip(self.spots, levels, strict=True)
                for whole, part in zip(spot.field.image.shape, level.shape[1:], strict=True)
            ]
            factor = round(max(sides)[0] / max(sides)[1])
            fits = all(abs(whole / factor - part) <= 1 for whole, part in sides)
            if not fits or STEP % factor:
                break
            factors.append(factor)
        return factors

    def _level(self, factor: int, level: int) -> da.Array:
        kinds = [spot.field.image.dtype for spot in self.spots]
        planes = []
        for channel in self.channels:
            parts = [
                spot.field.image.levels[level][spot.field.image.channels.index(channel)]
                if channel in spot.field.image.channels
                else None
                for spot in self.spots
            ]
            planes.append(self._laid(parts, factor, np.result_type(*kinds)))
        return da.stack(planes)

    def _laid(self, parts: Sequence[da.Array | None], factor: int, kind: np.dtype[Any]) -> da.Array:
        """Return planes of the images, of a level, as one; black where there is none."""
        tops = sorted({spot.y for spot in self.spots})
        lefts = sorted({spot.x for spot in self.spots})
        laid = {(s.y, s.x): part for s, part in zip(self.spots, parts, strict=True)}
        rows, columns = (
            [*starts, end] for starts, end in zip((tops, lefts), self.shape, strict=True)
        )
        return da.block(
            [
                [
                    _padded(laid.get((y, x)), ((y2 - y) // factor, (x2 - x) // factor), kind)
                    for x, x2 in pairwise(columns)
                ]
                for y, y2 in pairwise(rows)
            ]
        )


def _ends(side: slice) -> tuple[int, int]:
    return side.start, side.stop


def last_id(mask: LabelMask | None) -> int:
    """Return the largest number of a mask's cells, which is read; 0 where it has none."""
    try:
        return 0 if mask is None else int(mask.cells()["id"].max())
    except NoCells:
        return 0


def _numbered(labels: da.Array, first: int, kind: np.dtype[Any]) -> da.Array:
    """Return labels that begin after ``first``; what holds yes and no alone holds no cells."""
    if labels.dtype == bool:
        return da.zeros_like(labels, dtype=kind)
    return da.where(labels > 0, labels.astype(kind) + kind.type(first), kind.type(0))


def _padded(part: da.Array | None, shape: tuple[int, int], kind: np.dtype[Any]) -> da.Array:
    """Return a plane with nothing below and beside it, of ``shape``."""
    chunks = tuple(min(side, _CHUNK) for side in shape)
    if part is None:
        return da.zeros(shape, dtype=kind, chunks=chunks)
    spare = [(0, whole - own) for whole, own in zip(shape, part.shape, strict=True)]
    return da.pad(part.astype(kind), spare).rechunk(chunks)


def _taken_apart(
    sheet: Sheet, image: MultiplexImage, cells: LabelMask | None, regions: Mapping[str, LabelMask]
) -> tuple[MaskedImage, ...]:
    fields = []
    for spot in sheet.spots:
        own = None if cells is None else _own_cells(spot, cells)
        if cells is None or own is not None:
            parts = {
                name: _cut(mask, spot, name, None)
                for name, mask in regions.items()
                if mask.sheet is None or name in spot.field.regions
            }
            fields.append(MaskedImage(_own_image(sheet, spot, image), own, parts))
    return tuple(fields)


def _own_image(sheet: Sheet, spot: Spot, seen: MultiplexImage) -> MultiplexImage:
    """Return an image by itself, with the channels and the pixel size that the sheet has now."""
    own = spot.field.image
    places = range(len(sheet.channels)) if seen.places is None else seen.places
    now = {sheet.channels[place]: name for place, name in zip(places, seen.channels, strict=True)}
    kept = [channel for channel in own.channels if channel in now]
    if kept != list(own.channels):
        own = own.select(kept)
    if own.channels != tuple(now[channel] for channel in kept):
        own = own.with_channels([now[channel] for channel in kept])
    if seen.pixel_size is not None and seen.pixel_size != sheet.pixel_size:
        own = own.with_pixel_size(seen.pixel_size)
    return own


def _own_cells(spot: Spot, mask: LabelMask) -> LabelMask | None:
    """Return the cells of one image, as its own mask numbers them where it is that; or None."""
    first, known = (0, None) if mask.sheet is None else (spot.first, spot.field.cells)
    cut = _cut(mask, spot, mask.name if known is None else known.name, known, first)
    return cut if last_id(cut) else None


def _cut(
    mask: LabelMask, spot: Spot, name: str, known: LabelMask | None, first: int = 0
) -> LabelMask:
    """Return an image's piece of a mask; what was painted over from a neighbour is left out."""
    piece = mask.data[spot.box]
    if first:
        piece = da.where(piece > first, piece.astype(np.int64) - first, 0)
    return LabelMask(name, (piece,), None if known is None else known.source)
