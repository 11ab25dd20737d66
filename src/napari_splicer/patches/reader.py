"""Reading patches: chunk after chunk, every chunk decoded once, cut out on the device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_splicer.patches.blocks import block_edges, plan_blocks
from napari_splicer.patches.canvas import Canvas, upload
from napari_splicer.patches.resampling import nearest, resampled
from napari_splicer.patches.sites import window_start
from napari_splicer.patches.tiles import FieldSites, TileSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.patches.blocks import Block
    from napari_splicer.patches.sites import Sites
    from napari_splicer.patches.tiles import T, Tile


@dataclass(frozen=True, eq=False)
class PatchBatch:
    """Patches and what is known about each.

    Parameters
    ----------
    x_BCHW : Tensor
        Pixels, as stored or normalised (float32).
    labels_BHW : int64 Tensor
        The cell mask in the same window; 0 without one.
    regions_BRHW : bool Tensor
        The other masks in the same window, in the order the reader was given.
    id_B : int64 Tensor
        Label of the patch's own cell; -1 on a grid, where no cell is the patch's own.
    index_B : int64 Tensor
        Row in the reader's :class:`~napari_splicer.patches.sites.Sites`.
    field_B : int64 Tensor
        Position of the field of view.
    """

    x_BCHW: Tensor
    labels_BHW: Tensor
    regions_BRHW: Tensor
    id_B: Tensor
    index_B: Tensor
    field_B: Tensor

    def __len__(self) -> int:
        return len(self.id_B)

    def to(self, device: torch.device | str) -> PatchBatch:
        """Return the same patches on ``device``."""
        tensors = {name: value.to(device) for name, value in vars(self).items()}
        return PatchBatch(**tensors)


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

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-len(self.sites) // self.batch)

    def at(self, rows: NDArray[np.int64]) -> PatchReader:
        """Return a reader of some of the sites; its ``index_B`` counts within ``rows``."""
        return replace(self, sites=self.sites.take(rows))

    @property
    def dtype(self) -> torch.dtype:
        """Type of the pixels that come out."""
        if set(self._sides) != {self.size}:
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
    def _sides(self) -> tuple[int, ...]:
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
        for index, (masked, side) in enumerate(zip(self.fields, self._sides, strict=True)):
            rows = np.flatnonzero(self.sites.field == index)
            if not len(rows):
                continue
            sites = self.sites.take(rows)
            field = FieldSites(index, masked, side, rows, _corners(sites, side))
            channels = len(masked.image.channels if every_channel else self.channels)
            edges = block_edges(masked.image, channels, side)
            blocks = plan_blocks(
                field.starts,
                side,
                masked.image.shape,
                edges,
                _cell_boxes(masked, sites) if every_channel else None,
            )
            del rows, sites
            for block in blocks:
                yield field, block


class Cutter:
    """Cuts a reader's patches out of its tiles, which it is given one after the other."""

    def __init__(self, reader: PatchReader) -> None:
        self._planes = len(reader.channels)
        self._device = torch.device(reader.device)
        self._batch = _Batch(reader)
        self._canvases: list[Canvas] = []
        self._field: FieldSites | None = None

    def cut(self, tile: Tile) -> Iterator[PatchBatch]:
        """Yield every batch that is full once this tile is read."""
        field, batch = tile.field, self._batch
        layers = (tile.pixels.first(self._planes), tile.labels, tile.regions)
        if field is not self._field:
            self._field, shape = field, field.masked.image.shape
            self._canvases = [Canvas(field.side, shape, self._device) for _ in layers]
        for canvas, layer in zip(self._canvases, layers, strict=True):
            canvas.extend(tile.block, layer)
        rows = tile.block.rows
        while len(rows):
            piece, rows = rows[: batch.room], rows[batch.room :]
            batch.add(self._canvases, field.starts[piece], field.rows[piece])
            if not batch.room:
                yield batch.release()

    def rest(self) -> Iterator[PatchBatch]:
        """Yield the patches that fill no batch, if there are any."""
        if self._batch.filled:
            yield self._batch.release()


class _Batch:
    """One batch on the device, filled piece by piece."""

    def __init__(self, reader: PatchReader) -> None:
        self._reader = reader
        self._device = torch.device(reader.device)
        self._start()

    @property
    def room(self) -> int:
        return self._reader.batch - self.filled

    def add(
        self, canvases: Sequence[Canvas], starts: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> None:
        """Cut out the windows at ``starts``, which belong to these rows of the sites."""
        pixels, labels, regions = canvases
        here = slice(self.filled, self.filled + len(rows))
        size, x_BCHW = self._reader.size, self._x_BCHW[here]
        if pixels.side == size and pixels.dtype == x_BCHW.dtype:
            pixels.cut(starts, x_BCHW)
        else:
            x_BCHW.copy_(resampled(pixels.cut(starts), size))
        self._labels_BHW[here] = nearest(labels.cut(starts)[:, 0], size)
        self._regions_BRHW[here] = nearest(regions.cut(starts), size)
        self._rows.append(rows)
        self.filled += len(rows)

    def release(self) -> PatchBatch:
        """Return what was added, and start anew."""
        rows = np.concatenate(self._rows)
        sites = self._reader.sites.take(rows)
        own = sites.id if sites.kind == "cells" else np.full(len(rows), -1)
        index_B, id_B, field_B = (
            torch.from_numpy(values).to(self._device) for values in (rows, own, sites.field)
        )
        batch = PatchBatch(
            x_BCHW=self._x_BCHW[: len(rows)],
            labels_BHW=self._labels_BHW[: len(rows)],
            regions_BRHW=self._regions_BRHW[: len(rows)],
            id_B=id_B,
            index_B=index_B,
            field_B=field_B,
        )
        self._start()
        return batch

    def _start(self) -> None:
        count, size = min(self._reader.batch, len(self._reader.sites)), self._reader.size
        channels, regions = len(self._reader.channels), len(self._reader.regions)
        self._x_BCHW = torch.empty(
            (count, channels, size, size), dtype=self._reader.dtype, device=self._device
        )
        self._labels_BHW = torch.empty((count, size, size), dtype=torch.int64, device=self._device)
        self._regions_BRHW = torch.empty(
            (count, regions, size, size), dtype=torch.bool, device=self._device
        )
        self._rows: list[NDArray[np.int64]] = []
        self.filled = 0


def _corners(sites: Sites, side: int) -> NDArray[np.int64]:
    """Return the top left corners (n, 2) of windows of ``side`` pixels around the sites."""
    return window_start(np.stack([sites.y, sites.x], axis=1), side)


def _cell_boxes(masked: MaskedImage, sites: Sites) -> NDArray[np.int64] | None:
    """Return the boxes (n, 4) of the sites' cells; None where sites are tiles."""
    if sites.kind != "cells" or masked.cells is None:
        return None
    cells = masked.cells.cells()
    rows = np.searchsorted(cells["id"].to_numpy(), sites.id)
    return cells[["y0", "x0", "y1", "x1"]].to_numpy(np.int64)[rows]
