"""Reading a field block by block: the next one is decoded while the last is being used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_splicer.errors import InvalidComponent
from napari_splicer.patches.sites import window_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.patches.blocks import Block
    from napari_splicer.patches.sites import Sites

T = TypeVar("T")


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
    sites : Sites
        The reader's, of all fields.
    """

    index: int
    masked: MaskedImage
    side: int
    rows: NDArray[np.int64]
    sites: Sites

    def starts(self, piece: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.int64]:
        """Return the top left corners (y, x) of windows, (m, 2), by their position among them."""
        rows = self.rows[piece]
        centres = np.stack([self.sites.y[rows], self.sites.x[rows]], axis=1)
        return window_start(centres, self.side)


class Layer:
    """Planes of a block, with room around them for what lies beside it.

    Parameters
    ----------
    padded_PHW : (P, halo + h, halo + w + beyond)
        Memory that is used again for a later tile: valid until the next but one is asked for.
    halo, width : int
        Pixels above and left of the block, and the block's own width.
    """

    def __init__(self, padded_PHW: NDArray[Any], halo: int, width: int) -> None:
        self.padded_PHW = padded_PHW
        self.halo = halo
        self.width = width

    @property
    def pixels_PHW(self) -> NDArray[Any]:
        """The block itself, (P, h, w)."""
        return self.padded_PHW[:, self.halo :, self.halo : self.halo + self.width]

    def first(self, planes: int) -> Layer:
        """Return the first planes alone."""
        return Layer(self.padded_PHW[:planes], self.halo, self.width)


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
    pixels : Layer (C, h, w)
        As stored.
    labels : Layer (1, h, w)
        The cell mask; 0 without one.
    regions : Layer of bool (R, h, w)
    """

    field: FieldSites
    block: Block
    channels: tuple[str, ...]
    pixels: Layer
    labels: Layer
    regions: Layer


def widest(shape: tuple[int, ...], halo: int) -> int:
    """Return how many numbers a padded layer may hold that is as high as one of ``shape``.

    A later block may begin before its chunks do (bands overlap), and reach the field's border.
    Memory for that is taken at once: what is too small by a little is of no use to anything else.
    """
    return int(np.prod((*shape[:-1], shape[-1] + 2 * halo)))


_BUFFERS = 3
"""Tiles in memory: the one in use, the one before (neighbours need its edge), the next one."""


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

    def __init__(
        self,
        channels: Sequence[str],
        regions: Sequence[str],
        dtype: np.dtype[Any],
        *,
        blank_missing: bool = False,
        further: bool = False,
    ) -> None:
        self._channels = channels
        self._regions = regions
        self._dtype = dtype
        self._blank_missing = blank_missing
        self._further = further
        self._memory: dict[tuple[str, int], NDArray[np.uint8]] = {}

    def tiles(
        self, blocks: Iterable[tuple[FieldSites, Block]], also: Callable[[Tile], T]
    ) -> Iterator[tuple[Tile, T]]:
        """Yield every block with its pixels while the next one is being read.

        Parameters
        ----------
        blocks : iterable of (FieldSites, Block)
        also : callable
            What else is done with every tile, in their order, before it comes out; its result
            comes with the tile.
        """

        def read(field: FieldSites, block: Block, buffer: int) -> tuple[Tile, T]:
            tile = self._read(field, block, buffer)
            return tile, also(tile)

        with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
            last: Future[tuple[Tile, T]] | None = None
            for number, (field, block) in enumerate(blocks):
                reading = pool.submit(read, field, block, number % _BUFFERS)
                if last is not None:
                    yield last.result()
                last = reading
            if last is not None:
                yield last.result()

    def _read(self, field: FieldSites, block: Block, buffer: int) -> Tile:
        masked, box = field.masked, (block.y0, block.y1, block.x0, block.x1)
        here = masked.image.channels if self._further else ()
        channels = tuple(dict.fromkeys([*self._channels, *here]))

        def layer(name: str, planes: int, dtype: np.dtype[Any]) -> Layer:
            return self._layer((name, buffer), planes, dtype, field, block)

        pixels = layer("pixels", len(channels), self._dtype)
        self._read_pixels(masked, box, channels, pixels.pixels_PHW)
        dtype = np.dtype(np.uint8) if masked.cells is None else masked.cells.data.dtype
        labels = layer("labels", 1, dtype)
        if masked.cells is None:
            labels.pixels_PHW.fill(0)
        else:
            masked.cells.read(*box, out=labels.pixels_PHW[0])
        regions = layer("regions", len(self._regions), np.dtype(bool))
        for plane, name in zip(regions.pixels_PHW, self._regions, strict=True):
            self._read_region(masked, box, name, plane)
        return Tile(field, block, channels, pixels, labels, regions)

    def _layer(
        self,
        key: tuple[str, int],
        planes: int,
        dtype: np.dtype[Any],
        field: FieldSites,
        block: Block,
    ) -> Layer:
        """Return memory for a layer, taken again from an earlier tile where there is enough.

        Fresh memory of this size costs about as much as what is decoded into it.
        """
        halo, width = field.side - 1, block.x1 - block.x0
        beyond = field.side // 2 if block.x1 == field.masked.image.shape[1] else 0
        shape = (planes, halo + block.y1 - block.y0, halo + width + beyond)
        needed = int(np.prod(shape)) * dtype.itemsize
        if key not in self._memory or self._memory[key].size < needed:
            self._memory.pop(key, None)
            most = widest(shape, halo) * dtype.itemsize
            # Zeros: what lies around a block before it is filled must be numbers, too.
            self._memory[key] = np.zeros(most, np.uint8)
        return Layer(self._memory[key][:needed].view(dtype).reshape(shape), halo, width)

    def _read_pixels(
        self,
        masked: MaskedImage,
        box: tuple[int, int, int, int],
        channels: Sequence[str],
        out: NDArray[Any],
    ) -> None:
        here = [name for name in channels if name in masked.image.channels]
        if len(here) == len(channels) or not self._blank_missing:
            masked.image.read(*box, channels=channels, out=out)
            return
        out.fill(0)
        out[[channels.index(name) for name in here]] = masked.image.read(*box, channels=here)

    def _read_region(
        self,
        masked: MaskedImage,
        box: tuple[int, int, int, int],
        name: str,
        out: NDArray[np.bool_],
    ) -> None:
        if name in masked.regions:
            np.not_equal(masked.regions[name].read(*box), 0, out=out)
        elif self._blank_missing:
            out.fill(False)
        else:
            raise InvalidComponent(
                f"{masked.image.name} has no mask '{name}'.",
                "Add this mask to the image, or choose another region.",
            )
