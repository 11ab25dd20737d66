"""Reading patches: chunk after chunk, every chunk decoded once, cut out on the device."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from napari_splicer.errors import InvalidComponent
from napari_splicer.patches.blocks import Block, block_edges, plan_blocks
from napari_splicer.patches.canvas import Canvas, upload
from napari_splicer.patches.resampling import nearest, resampled
from napari_splicer.patches.sites import window_start

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.patches.sites import Sites


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
class _Field:
    """A field of view, its rows of the sites, and the windows' top left corners (n, 2)."""

    masked: MaskedImage
    side: int
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]


class _Job(NamedTuple):
    field: _Field
    block: Block


class _Tile(NamedTuple):
    """What was read of a block: pixels (C, h, w), labels (1, h, w) and masks (R, h, w)."""

    pixels: NDArray[Any]
    labels: NDArray[Any]
    regions: NDArray[np.bool_]


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
        device = torch.device(self.device)
        batch = _Batch(self)
        canvases: list[Canvas] = []
        field: _Field | None = None
        for job, tile in self._read_ahead():
            if job.field is not field:
                field = job.field
                canvases = [Canvas(field.side, field.masked.image.shape) for _ in tile]
            for canvas, layer in zip(canvases, tile, strict=True):
                canvas.extend(job.block, upload(layer, device))
            rows = job.block.rows
            while len(rows):
                piece, rows = rows[: batch.room], rows[batch.room :]
                batch.add(canvases, job.field.starts[piece], job.field.rows[piece])
                if not batch.room:
                    yield batch.release()
        if batch.filled:
            yield batch.release()

    @property
    def _sides(self) -> tuple[int, ...]:
        return tuple(np.broadcast_to(np.asarray(self.side), (len(self.fields),)).tolist())

    @property
    def _stored(self) -> np.dtype[Any]:
        return np.result_type(*(masked.image.dtype for masked in self.fields))

    def _jobs(self) -> Iterator[_Job]:
        for index, (masked, side) in enumerate(zip(self.fields, self._sides, strict=True)):
            rows = np.flatnonzero(self.sites.field == index)
            if not len(rows):
                continue
            field = _Field(masked, side, rows, _corners(self.sites.take(rows), side))
            edges = block_edges(masked.image, len(self.channels), side)
            for block in plan_blocks(field.starts, side, masked.image.shape, edges):
                yield _Job(field, block)

    def _read_ahead(self) -> Iterator[tuple[_Job, _Tile]]:
        """Yield every block with its pixels while the next one is being read."""
        with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
            last: tuple[_Job, Future[_Tile]] | None = None
            for job in self._jobs():
                reading = pool.submit(self._read, job.field.masked, job.block)
                if last is not None:
                    yield last[0], last[1].result()
                last = (job, reading)
            if last is not None:
                yield last[0], last[1].result()

    def _read(self, masked: MaskedImage, block: Block) -> _Tile:
        box = (block.y0, block.y1, block.x0, block.x1)
        size = (block.y1 - block.y0, block.x1 - block.x0)
        pixels = self._read_pixels(masked, box).astype(self._stored, copy=False)
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
        return _Tile(pixels, labels[None], regions)

    def _read_pixels(self, masked: MaskedImage, box: tuple[int, int, int, int]) -> NDArray[Any]:
        here = [name for name in self.channels if name in masked.image.channels]
        if len(here) == len(self.channels) or not self.blank_missing:
            return masked.image.read(*box, channels=self.channels)
        y0, y1, x0, x1 = box
        pixels = np.zeros((len(self.channels), y1 - y0, x1 - x0), masked.image.dtype)
        pixels[[self.channels.index(name) for name in here]] = masked.image.read(
            *box, channels=here
        )
        return pixels


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
