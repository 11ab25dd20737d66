"""Reading patches: chunk after chunk, every chunk decoded once, cut out on the device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_splicer.patches.blocks import block_edges, plan_blocks
from napari_splicer.patches.canvas import upload
from napari_splicer.patches.cutter import Cutter, NormalizedBatch, PatchBatch
from napari_splicer.patches.tiles import FieldSites, TileSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.patches.blocks import Block
    from napari_splicer.patches.sites import Sites
    from napari_splicer.patches.tile_normalizer import TileNormalizer
    from napari_splicer.patches.tiles import T, Tile

__all__ = ["Cutter", "NormalizedBatch", "PatchBatch", "PatchReader"]


@dataclass(frozen=True, eq=False)
class PatchReader:
    """Iterates over the patches at ``sites`` in the order in which their chunks lie on disk.

    Every batch but the last is full. The next block is decoded while the device works on this
    one; memory is bounded by two blocks and a strip of the slide.

    Parameters
    ----------
    fields : sequence of MaskedImage
        The list that the sites were made from.
    sites : Sites
    channels : sequence of str
        Channels to read, in the order wanted.
    regions : sequence of str
        Masks to read besides the cells.
    side : int or one int per field
        Pixels of the field that a patch spans.
    size : int
        Side of the patches that come out; resampled on the device where ``side`` differs.
    batch : int
    device : torch.device or str
    blank_missing : bool
        Whether channels and masks that a field lacks come out as 0.
    coarse : PatchReader, optional
        Where cells are measured at full resolution, and the network's patches are of a smaller
        one: the reader of these. Fields that both read alike are the same objects.
    tile_normalizer : TileNormalizer, optional
        Makes tiles network input before patches are cut out; on a CPU, ``side`` equals ``size``.

    Raises
    ------
    MissingChannels, InvalidComponent
        While iterating, if a field lacks a channel or a mask and may not.
    """

    fields: Sequence[MaskedImage]
    sites: Sites
    channels: Sequence[str]
    regions: Sequence[str] = ()
    side: int | Sequence[int] = 32
    size: int = 32
    batch: int = 128
    device: torch.device | str = "cpu"
    blank_missing: bool = False
    coarse: PatchReader | None = None
    tile_normalizer: TileNormalizer | None = None

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-len(self.sites) // self.batch)

    def at(self, rows: NDArray[np.int64]) -> PatchReader:
        """Return a reader of some of the sites; its ``index_B`` counts within ``rows``."""
        if np.array_equal(rows, np.arange(len(self.sites))):
            return self  # of a million cells, a copy would be 32 MB
        coarse = self.coarse and self.coarse.at(rows)
        return replace(self, sites=self.sites.take(rows), coarse=coarse)

    @property
    def dtype(self) -> torch.dtype:
        """Type of the pixels that come out."""
        if self.tile_normalizer is not None:
            return self.tile_normalizer.dtype
        if set(self.sides) != {self.size}:
            return torch.float32
        return upload(np.empty(0, self._stored), torch.device(self.device)).dtype

    def __iter__(self) -> Iterator[PatchBatch]:
        cutter = Cutter(self)
        for tile in self.tiles():
            yield from cutter.cut(tile)
        yield from cutter.rest()

    def tiles(self) -> Iterator[Tile]:
        """Yield the blocks that hold the patches, each read once; valid until the next but one."""
        for tile, _ in self._source().tiles(self._blocks(), lambda tile: None):
            yield tile

    def measured_tiles(self, measure: Callable[[Tile], T]) -> Iterator[tuple[Tile, T]]:
        """Yield the same with what ``measure``, which runs beside, makes of each.

        The other channels of a field follow ``channels``, and blocks are read until every cell of
        the sites was seen whole, however far it reaches out of its patch.
        """
        blocks = self._blocks(every_channel=True)
        yield from self._source(every_channel=True).tiles(blocks, measure)

    def in_reading_order(self) -> PatchReader:
        """Return a reader whose sites stand in the order in which measured tiles hold them."""
        return self.at(np.concatenate([np.empty(0, np.int64), *self.strips()]))

    def strips(self) -> Iterator[NDArray[np.int64]]:
        """Yield the sites that every row of blocks completes, in the order of measured tiles.

        Two runs of strips share the chunks of one row at most.
        """
        blocks = self._blocks(every_channel=True)
        for _, row in groupby(blocks, lambda pair: (pair[0].index, pair[1].band, pair[1].y0)):
            yield np.concatenate([field.rows[block.rows] for field, block in row])

    @property
    def sides(self) -> tuple[int, ...]:
        """Pixels that a patch spans, by field."""
        return tuple(np.broadcast_to(np.asarray(self.side), (len(self.fields),)).tolist())

    @property
    def _stored(self) -> np.dtype[Any]:
        return np.result_type(*(masked.image.dtype for masked in self.fields))

    def _source(self, *, every_channel: bool = False) -> TileSource:
        return TileSource(
            self.channels,
            self.regions,
            self._stored,
            blank_missing=self.blank_missing,
            further=every_channel,
        )

    def _blocks(self, *, every_channel: bool = False) -> Iterator[tuple[FieldSites, Block]]:
        for index, (masked, side) in enumerate(zip(self.fields, self.sides, strict=True)):
            rows = np.flatnonzero(self.sites.field == index)
            if not len(rows):
                continue
            field = FieldSites(index, masked, side, rows, self.sites)
            channels = len(masked.image.channels if every_channel else self.channels)
            edges = block_edges(masked.image, channels, side)
            blocks = plan_blocks(
                field.starts(),
                side,
                masked.image.shape,
                edges,
                _cell_boxes(masked, self.sites, rows) if every_channel else None,
            )
            del rows
            for block in blocks:
                yield field, block


def _cell_boxes(
    masked: MaskedImage, sites: Sites, rows: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    """Return the boxes (n, 4) of the cells at ``rows``; None where sites are tiles."""
    if sites.kind != "cells" or masked.cells is None:
        return None
    cells = masked.cells.cells()
    place = np.searchsorted(cells["id"].to_numpy(), sites.id[rows])
    return cells[["y0", "x0", "y1", "x1"]].to_numpy()[place].astype(np.int64)
