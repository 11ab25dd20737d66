"""Reading a field block by block: the next one is decoded while the last is being used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.errors import InvalidComponent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.patches.blocks import Block


@dataclass(frozen=True, eq=False)
class FieldSites:
    """The sites of one field.

    Parameters
    ----------
    index : int
        Position of the field in the reader's list.
    masked : MaskedImage
    side : int
        Pixels that a window spans.
    rows : int64 (n,)
        Of the reader's sites.
    starts : int64 (n, 2)
        Top left corners (y, x) of their windows.
    """

    index: int
    masked: MaskedImage
    side: int
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tile:
    """A block as it was read.

    Parameters
    ----------
    field : FieldSites
    block : Block
        ``rows`` and ``whole`` are positions in ``field.rows``.
    channels : tuple of str
        Names of the planes of ``pixels``.
    pixels : (C, h, w)
        As stored.
    labels : (1, h, w)
        The cell mask; 0 without one.
    regions : bool (R, h, w)
    """

    field: FieldSites
    block: Block
    channels: tuple[str, ...]
    pixels: NDArray[Any]
    labels: NDArray[Any]
    regions: NDArray[np.bool_]


@dataclass(frozen=True)
class TileSource:
    """What is read of every block.

    Parameters
    ----------
    channels : sequence of str
        In the order wanted.
    regions : sequence of str
        Masks besides the cells.
    dtype : numpy.dtype
        Of the pixels that come out.
    blank_missing : bool
        Whether channels and masks that a field lacks come out as 0.
    further : bool
        Whether a field's other channels follow those asked for.

    Raises
    ------
    MissingChannels, InvalidComponent
        While reading, if a field lacks a channel or a mask and may not.
    """

    channels: Sequence[str]
    regions: Sequence[str]
    dtype: np.dtype[Any]
    blank_missing: bool = False
    further: bool = False

    def names(self, masked: MaskedImage) -> tuple[str, ...]:
        """Return the channels that come out of a field."""
        here = masked.image.channels if self.further else ()
        return tuple(dict.fromkeys([*self.channels, *here]))

    def tiles(self, blocks: Iterable[tuple[FieldSites, Block]]) -> Iterator[Tile]:
        """Yield every block with its pixels while the next one is being read."""
        with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
            last: Future[Tile] | None = None
            for field, block in blocks:
                reading = pool.submit(self._read, field, block)
                if last is not None:
                    yield last.result()
                last = reading
            if last is not None:
                yield last.result()

    def _read(self, field: FieldSites, block: Block) -> Tile:
        masked, box = field.masked, (block.y0, block.y1, block.x0, block.x1)
        size = (block.y1 - block.y0, block.x1 - block.x0)
        channels = self.names(masked)
        pixels = self._read_pixels(masked, box, channels).astype(self.dtype, copy=False)
        labels = np.zeros(size, np.uint8) if masked.cells is None else masked.cells.read(*box)
        regions = np.empty((len(self.regions), *size), dtype=bool)
        for plane, name in zip(regions, self.regions, strict=True):
            if name not in masked.regions and self.blank_missing:
                plane.fill(False)
                continue
            if name not in masked.regions:
                raise InvalidComponent(
                    f"{masked.image.name} has no mask '{name}'.",
                    "Add this mask to the image, or choose another region.",
                )
            np.not_equal(masked.regions[name].read(*box), 0, out=plane)
        return Tile(field, block, channels, pixels, labels[None], regions)

    def _read_pixels(
        self, masked: MaskedImage, box: tuple[int, int, int, int], channels: Sequence[str]
    ) -> NDArray[Any]:
        here = [name for name in channels if name in masked.image.channels]
        if len(here) == len(channels) or not self.blank_missing:
            return masked.image.read(*box, channels=channels)
        y0, y1, x0, x1 = box
        pixels = np.zeros((len(channels), y1 - y0, x1 - x0), masked.image.dtype)
        place = [index for index, name in enumerate(channels) if name in here]
        pixels[place] = masked.image.read(*box, channels=here)
        return pixels
