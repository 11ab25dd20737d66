"""Sheet: several images side by side, seen as one, and taken apart again for all that is computed.

A window shows one image. Laid on a sheet, the fields of a study are looked at together; models and
tables still know each by its own name and numbers, so that they are those of the command line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import dask.array as da
import numpy as np

from napari_splicer.images.image import NO_PIXEL_SIZE, Affine2D, MultiplexImage
from napari_splicer.images.laid import Laid, numbered, seen
from napari_splicer.images.lazy import as_dask
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.images.planes import Planes
from napari_splicer.images.spots import last_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from napari_splicer.images.image import PixelSize
    from napari_splicer.images.laid import Read
    from napari_splicer.images.spots import Absent, Spot

STEP = 64
"""Pixels: images begin at multiples, so that they do in levels up to so many times coarser."""
_CHUNK = 2048  # pixels a side
_FAR = 2**40  # more than any mask has cells

_KNOWN: WeakKeyDictionary[LabelMask | MultiplexImage, tuple[Any, tuple[MaskedImage, ...]]] = (
    WeakKeyDictionary()
)
"""What masks, or images, were taken apart to, as masks remember what was found in them."""


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
    shown : tuple of int, optional
        Which of ``channels`` an image of this sheet has, in its order; default all.
    absent : tuple of Absent
        Images whose place and numbers are kept free: cells that are known of them are no others'.
    """

    name: str
    spots: tuple[Spot, ...]
    shape: tuple[int, int]
    channels: tuple[str, ...]
    pixel_size: PixelSize | None
    source: str | None = None
    shown: tuple[int, ...] | None = None
    absent: tuple[Absent, ...] = ()

    @property
    def last(self) -> int:
        """The largest number of a cell that one of its images can have."""
        return max(spot.last for spot in self.all_spots)

    @property
    def all_spots(self) -> tuple[Spot | Absent, ...]:
        """Those of its images, and those that are kept free."""
        return (*self.spots, *self.absent)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the images."""
        return tuple(spot.field.name for spot in self.spots)

    def take(self, index: Sequence[int]) -> Sheet:
        """Return what an image shows that has only some of the channels, by their position."""
        now = range(len(self.channels)) if self.shown is None else self.shown
        return replace(self, shown=tuple(now[i] for i in index))

    def seen_as(self, places: Sequence[int | None], count: int) -> Sheet | None:
        """Return what an image of ``count`` channels shows, by where its layers' channels were.

        A single layer may have been made of all of them; what has other channels shows no sheet.
        """
        if len(places) < count:
            return self if len(self.channels) == count else None
        known = [place for place in places if place is not None]
        return self.take(known) if len(known) == count else None

    def image(self) -> MultiplexImage:
        """Return what is seen: all images as one, lazy."""
        levels = tuple(self._level(factor, level) for level, factor in enumerate(self.factors()))
        planes = Planes.of(levels, "CYX")
        remarks = (f"{len(self.spots)} images side by side: {', '.join(self.names)}.",)
        return MultiplexImage(
            name=self.name,
            levels=levels,
            channels=self.channels,
            pixel_size=self.pixel_size,
            transform=Affine2D.from_pixel_size(self.pixel_size),
            source=self.source,
            remarks=remarks if self.pixel_size else (*remarks, NO_PIXEL_SIZE),
            planes=planes,
            sheet=self,
        )

    def cells(self) -> LabelMask | None:
        """Return the masks of all images as one, in which every cell has a number of its own."""
        masks = [spot.field.cells for spot in self.spots]
        if not any(masks):
            return None
        kind = np.dtype(np.uint32 if self.last < 2**32 else np.int64)
        parts = [
            partial(numbered, mask=mask if spot.last > spot.first else None, first=spot.first)
            for mask, spot in zip(masks, self.spots, strict=True)
        ]
        laid = self._laid(parts, 1, kind)
        return LabelMask(f"{self.name} cells", (laid,), self.source, sheet=self)

    def regions(self) -> dict[str, LabelMask]:
        """Return further masks by name, those of all images as one; an image may lack some."""
        names = dict.fromkeys(name for spot in self.spots for name in spot.field.regions)
        found = {}
        for name in names:
            masks = [spot.field.regions.get(name) for spot in self.spots]
            kind = np.result_type(*(mask.data.dtype for mask in masks if mask is not None))
            parts = [partial(numbered, mask=mask, first=0) for mask in masks]
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
        """Return what each row's image adds to y, x and number of what lies in it, (3, n).

        Images that were never on this sheet lie below it, with numbers that no cell has here.
        """
        named = images.astype("category").cat.remove_unused_categories().cat
        spots = {spot.name: (spot.y, spot.x, spot.first) for spot in self.all_spots}
        for place, name in enumerate(self.lacks(named.categories), 1):
            spots[name] = (place * self.shape[0], 0, self.last + place * _FAR)
        table = np.array([spots[str(name)] for name in named.categories], np.int64)
        return np.ascontiguousarray(table.reshape(-1, 3)[named.codes].T)

    def lacks(self, names: Iterable[str]) -> list[str]:
        """Return those of the names that none of its images has, nor one that is absent."""
        known = {spot.name for spot in self.all_spots}
        return [name for name in map(str, names) if name not in known]

    def own(self, number: int) -> tuple[int, str]:
        """Return the own number of a cell on the sheet, and its image; of no cell, nothing else."""
        spots = (spot for spot in self.all_spots if spot.first < number <= spot.last)
        return next(((number - spot.first, spot.name) for spot in spots), (number, ""))

    def called(self, number: int) -> str:
        """Say which cell a number on the sheet is: its own number, and of which image."""
        own, image = self.own(number)
        return f"{own} of {image}" if image else str(own)

    def at_border(self, cells: pd.DataFrame) -> int:
        """Return how many cells of a table in pixels of the sheet touch their image's edge."""
        return sum(spot.at_border(cells) for spot in self.spots)

    def bare(self, cells: pd.DataFrame) -> tuple[str, ...]:
        """Return the names of the images in which no cell of such a table lies."""
        return tuple(spot.name for spot in self.spots if not spot.holds(cells).any())

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
        kind = np.result_type(*(spot.field.image.dtype for spot in self.spots))
        parts = [partial(seen, image=spot.field.image, level=level) for spot in self.spots]
        return self._laid(parts, factor, kind, self.channels)

    def _laid(
        self,
        parts: Sequence[Read],
        factor: int,
        kind: np.dtype[Any],
        channels: tuple[str, ...] = (),
    ) -> da.Array:
        """Return what the images hold, of a level, as one; 0 where there is none."""
        shape = tuple(side // factor for side in self.shape)
        places = [(spot.y // factor, spot.x // factor) for spot in self.spots]
        sides = [
            tuple(-(-side // factor) for side in spot.field.image.shape) for spot in self.spots
        ]
        laid = Laid(shape, kind, channels, tuple(zip(places, sides, parts, strict=True)))
        return as_dask(laid, (*(1 for _ in laid.shape[:-2]), *(min(n, _CHUNK) for n in shape)))


def _taken_apart(
    sheet: Sheet, image: MultiplexImage, cells: LabelMask | None, regions: Mapping[str, LabelMask]
) -> tuple[MaskedImage, ...]:
    fields = []
    for spot in sheet.spots:
        own = None if cells is None else _own_cells(sheet, spot, cells)
        if cells is None or own is not None:
            parts = {
                name: _cut(mask, spot, name, spot.field.regions.get(name) if mask.sheet else None)
                for name, mask in regions.items()
                if mask.sheet is None or name in spot.field.regions
            }
            fields.append(MaskedImage(_own_image(sheet, spot, image), own, parts))
    return tuple(fields)


def _own_image(sheet: Sheet, spot: Spot, seen: MultiplexImage) -> MultiplexImage:
    """Return an image by itself, with the channels and the pixel size that the sheet has now."""
    own = spot.field.image
    shown = (seen.sheet or sheet).take(range(len(seen.channels))).shown or ()
    now = {sheet.channels[place]: name for place, name in zip(shown, seen.channels, strict=True)}
    kept = [channel for channel in own.channels if channel in now]
    if kept != list(own.channels):
        own = own.select(kept)
    if own.channels != tuple(now[channel] for channel in kept):
        own = own.with_channels([now[channel] for channel in kept])
    told = own.pixel_size is None or sheet.pixel_size is not None  # or each keeps its own
    if told and seen.pixel_size is not None and seen.pixel_size != sheet.pixel_size:
        own = own.with_pixel_size(seen.pixel_size)
    return own


def _own_cells(sheet: Sheet, spot: Spot, mask: LabelMask) -> LabelMask | None:
    """Return the cells of one image, as its own mask numbers them where it is that; or None."""
    known = spot.field.cells
    if mask.sheet is None:
        cut = _cut(mask, spot, mask.name, None)
    else:
        cut = _cut(mask, spot, mask.name if known is None else known.name, known)
        cut = cut if mask.source else replace(cut, source=None)  # it was painted on
        # What was painted over from another image is left out; new cells have numbers after all.
        (piece,), last = cut.levels, sheet.last
        own = (piece > spot.first) & (piece <= spot.last) | (piece > last)
        cut = replace(cut, levels=(da.where(own, piece.astype(np.int64) - spot.first, 0),))
    return cut if last_id(cut) else None


def _cut(mask: LabelMask, spot: Spot, name: str, known: LabelMask | None) -> LabelMask:
    """Return an image's piece of a mask; ``known`` is the image's own one that it shows."""
    return LabelMask(name, (mask.data[spot.box],), None if known is None else known.source)
