"""Patches cut out of tiles as they are read, and put together to batches on the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_splicer.errors import InvalidSettings
from napari_splicer.images.pyramid import CoarseMask
from napari_splicer.patches.canvas import Canvas
from napari_splicer.patches.resampling import nearest, resampled
from napari_splicer.patches.shortage import give_back, is_out_of_memory, roomier
from napari_splicer.patches.tile_normalizer import NormalizedTiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_splicer.patches.reader import PatchReader
    from napari_splicer.patches.tiles import FieldSites, Tile


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
        return type(self)(**tensors)

    def rows(self, start: int, stop: int) -> PatchBatch:
        """Return some of the patches, as they lie here."""
        return type(self)(**{name: value[start:stop] for name, value in vars(self).items()})


class NormalizedBatch(PatchBatch):
    """Patches whose pixels are what a network takes in: they were normalised by the tile."""


class Cutter:
    """Cuts a reader's patches out of its tiles, which it is given one after the other.

    Where the device's memory is short, fewer of them are cut out at a time.
    """

    def __init__(self, reader: PatchReader) -> None:
        self._planes = len(reader.channels)
        self._device = torch.device(reader.device)
        self._batch = _Batch(reader)
        by = reader.tile_normalizer
        self._normalized = None if by is None else NormalizedTiles(by)
        self._canvases: list[Canvas] = []
        self._field: FieldSites | None = None

    @property
    def most(self) -> int:
        """Patches of a batch: those of the reader, or as many as the memory holds."""
        return self._batch.most

    def cut(self, tile: Tile) -> Iterator[PatchBatch]:
        """Yield every batch that is full once this tile is read.

        Raises
        ------
        InvalidSettings
            If the device's memory holds no tile, or not a single patch beside it.
        """
        field, batch, rows = tile.field, self._batch, tile.block.rows
        try:
            self._lay_out(tile)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            height, width = tile.block.y1 - tile.block.y0, tile.block.x1 - tile.block.x0
            raise InvalidSettings(
                f"The memory of {self._device} does not hold the piece of {field.masked.name} that "
                f"is read at a time: {height:,} × {width:,} pixels of {self._planes} channels.",
                f"{roomier(self._device)} Or write the image anew in smaller tiles (chunks).",
            ) from error
        while len(rows):
            rows = rows[batch.add(self._canvases, field, rows) :]
            if batch.full:
                yield batch.release()

    def _lay_out(self, tile: Tile) -> None:
        """Bring a tile to the device, beside what is still needed of earlier ones."""
        field = tile.field
        pixels = tile.pixels.first(self._planes)
        layers = (pixels, tile.labels, tile.regions)
        if field is not self._field:
            self._field, shape = field, field.masked.image.shape
            self._canvases = [Canvas(field.side, shape, self._device) for _ in layers]
        ready = None if self._normalized is None else self._normalized.of(pixels, field.index)
        for canvas, layer in zip(self._canvases, layers, strict=True):
            canvas.extend(tile.block, layer, ready if layer is pixels else None)

    def rest(self) -> Iterator[PatchBatch]:
        """Yield the patches that fill no batch, if there are any."""
        if self._batch.filled:
            yield self._batch.release()


class _Batch:
    """One batch on the device, filled piece by piece."""

    def __init__(self, reader: PatchReader) -> None:
        self._reader = reader
        self._device = torch.device(reader.device)
        self.most = reader.batch
        self._drop()

    @property
    def full(self) -> bool:
        return self.filled == len(self._x_BCHW)

    def add(self, canvases: Sequence[Canvas], field: FieldSites, rows: NDArray[np.int64]) -> int:
        """Cut out some of the field's windows, by their position among them; return how many."""
        while True:
            most = self.most
            try:
                if not self.filled:
                    self._start()
                piece = rows[: min(most, len(self._x_BCHW) - self.filled)]
                self._cut(canvases, field, piece)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if most == 1:
                    raise InvalidSettings(
                        f"The memory of {self._device} does not hold a single patch.",
                        roomier(self._device),
                    ) from error
                self.most = (most + 1) // 2
                if not self.filled:
                    self._drop()
            else:
                return len(piece)
            give_back(self._device)  # not above: the error holds on to what it was raised from

    def _cut(self, canvases: Sequence[Canvas], field: FieldSites, piece: NDArray[np.int64]) -> None:
        pixels, labels, regions = canvases
        starts, rows = field.starts(piece), field.rows[piece]
        here = slice(self.filled, self.filled + len(rows))
        size, x_BCHW = self._reader.size, self._x_BCHW[here]
        if self._reader.tile_normalizer is not None:
            pixels.cut(starts, x_BCHW.permute(0, 2, 3, 1))
        elif pixels.side == size and pixels.dtype == x_BCHW.dtype:
            pixels.cut(starts, x_BCHW)
        else:
            x_BCHW.copy_(resampled(pixels.cut(starts), size))
        self._labels_BHW[here] = nearest(labels.cut(starts)[:, 0], size)
        self._regions_BRHW[here] = nearest(regions.cut(starts), size)
        if isinstance(field.masked.cells, CoarseMask) and self._reader.sites.kind == "cells":
            self._keep_small(field.masked.cells, self._labels_BHW[here], starts, rows, field.side)
        self._rows.append(rows)
        self.filled += len(rows)

    def _keep_small(
        self,
        cells: CoarseMask,
        labels_BHW: Tensor,
        starts: NDArray[np.int64],
        rows: NDArray[np.int64],
        side: int,
    ) -> None:
        """Give cells that lie in their patch, but are too small for a pixel of it, the centre's."""
        sites, size = self._reader.sites.take(rows), self._reader.size
        own_B11 = torch.from_numpy(sites.id).to(self._device)[:, None, None]
        lost = np.flatnonzero(~(labels_BHW == own_B11).flatten(1).any(dim=1).cpu().numpy())
        if not len(lost):
            return
        table = cells.cells()
        found = table.iloc[np.searchsorted(table["id"].to_numpy(), sites.id[lost])]
        low, high = (found[[f"y{end}", f"x{end}"]].to_numpy() for end in "01")
        begin = starts[lost]
        lost = lost[((low >= begin) & (high <= begin + side)).all(axis=1)]
        centre = np.stack([sites.y, sites.x], axis=1)[lost] - starts[lost]
        y, x = ((centre + 0.5) * size / side).astype(np.int64).clip(0, size - 1).T
        for row, i, j in zip(lost.tolist(), y.tolist(), x.tolist(), strict=True):
            labels_BHW[row, i, j] = int(sites.id[row])

    def release(self) -> PatchBatch:
        """Return what was added, and start anew."""
        rows = np.concatenate(self._rows)
        sites = self._reader.sites.take(rows)
        own = sites.id if sites.kind == "cells" else np.full(len(rows), -1)
        index_B, id_B, field_B = (
            torch.from_numpy(values).to(self._device) for values in (rows, own, sites.field)
        )
        made = PatchBatch if self._reader.tile_normalizer is None else NormalizedBatch
        batch = made(
            x_BCHW=self._x_BCHW[: len(rows)],
            labels_BHW=self._labels_BHW[: len(rows)],
            regions_BRHW=self._regions_BRHW[: len(rows)],
            id_B=id_B,
            index_B=index_B,
            field_B=field_B,
        )
        self._drop()
        return batch

    def _drop(self) -> None:
        """Hold on to nothing of what was added."""
        self._rows: list[NDArray[np.int64]] = []
        self.filled = 0
        self._x_BCHW = self._labels_BHW = self._regions_BRHW = torch.empty(0)

    def _start(self) -> None:
        count, size = min(self.most, len(self._reader.sites)), self._reader.size
        channels, regions = len(self._reader.channels), len(self._reader.regions)
        ready = self._reader.tile_normalizer is not None
        self._x_BCHW = torch.empty(
            (count, channels, size, size),
            dtype=self._reader.dtype,
            device=self._device,
            memory_format=torch.channels_last if ready else torch.contiguous_format,
        )
        self._labels_BHW = torch.empty((count, size, size), dtype=torch.int64, device=self._device)
        self._regions_BRHW = torch.empty(
            (count, regions, size, size), dtype=torch.bool, device=self._device
        )
