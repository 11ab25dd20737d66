"""In which blocks a field is read, so that each chunk of the file is decoded once.

A block is a chunk of the image, or several small ones. Windows are cut when the last block that
they reach into (below and to the right) has been read; what they need of earlier blocks is kept
as strips, one pixel narrower than a window. Fields are walked in vertical bands, so that the
strips are bounded however wide the slide is.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_splicer.memory import trim

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from napari_splicer.images.image import MultiplexImage

LEAST_SIDE = 512
"""Chunks smaller than this are read several at a time: each read has a cost of its own.

Of shards of 2,048 pixels in chunks of 256, reading chunk by chunk takes half as long again."""

MOST_BYTES = 2**29
"""Blocks larger than this are halved, even though their chunks are then decoded twice."""

BAND_WIDTH = 2**14


@dataclass(frozen=True, eq=False)
class Block:
    """A box of one field, in pixels, and what is complete once it is read.

    Parameters
    ----------
    y0, y1, x0, x1 : int
        Half-open box.
    rows : int64 (n,)
        Windows that can be cut: positions in the starts that :func:`plan_blocks` was given.
    whole : int64 (m,)
        Boxes of which every pixel was read: positions in those that it was given.
    band : (int, int)
        Stretch of x that is walked together with this block.
    new_x0 : int
        Where pixels begin that no earlier block held: bands overlap.
    """

    y0: int
    y1: int
    x0: int
    x1: int
    rows: NDArray[np.int64]
    whole: NDArray[np.int64]
    band: tuple[int, int]
    new_x0: int


def plan_blocks(
    starts: NDArray[np.int64],
    side: int,
    shape: tuple[int, int],
    edges: tuple[NDArray[np.int64], NDArray[np.int64]],
    boxes: NDArray[np.int64] | None = None,
) -> Iterator[Block]:
    """Yield the blocks to be read, in order; those that no window and no box touches are left out.

    Parameters
    ----------
    starts : int64 (n, 2)
        Top left corners (y, x) of the windows; they may reach outside the field.
    side : int
        Of the windows, in pixels; no edge-to-edge distance may be less.
    shape : (int, int)
        Height and width of the field.
    edges : pair of int64 arrays
        Borders of the blocks along y and x, as from :func:`block_edges`.
    boxes : int64 (m, 4), optional
        Half-open (y0, x0, y1, x1) of what is to be seen whole; of any size, inside the field.
    """
    needed, ends = _needed(starts, side, shape, edges, boxes)
    columns = len(edges[1]) - 1
    # Of a million cells, these and what they were sorted by would lie in memory until the last.
    del starts, boxes
    for band in _bands(edges[1]):
        x_from = max(0, int(edges[1][band.start]) - side + 1)
        for r, c in itertools.product(range(len(needed)), band):
            if c == band.start:  # free memory between what is in use: 0.05 GB by a million cells
                trim()
            if not needed[r, c]:
                continue
            rows, whole = (end.at(r * columns + c) for end in ends)
            yield Block(
                y0=int(edges[0][r]),
                y1=int(edges[0][r + 1]),
                x0=x_from if c == band.start else int(edges[1][c]),
                x1=int(edges[1][c + 1]),
                rows=rows,
                whole=whole,
                band=(x_from, int(edges[1][band.stop])),
                new_x0=int(edges[1][c]),
            )


def _needed(
    starts: NDArray[np.int64],
    side: int,
    shape: tuple[int, int],
    edges: tuple[NDArray[np.int64], NDArray[np.int64]],
    boxes: NDArray[np.int64] | None,
) -> tuple[NDArray[np.bool_], list[_Sorted]]:
    """Return which blocks are read, and in which of them windows, and boxes, end."""
    columns = len(edges[1]) - 1
    needed = np.zeros((len(edges[0]) - 1, columns), bool)
    ends = []
    windows = np.hstack([starts.clip(0, None), np.minimum(starts + side, np.asarray(shape))])
    for found in (windows, np.empty((0, 4), np.int64) if boxes is None else boxes):
        reach = _reach(found, edges)
        needed |= _touched(reach, len(needed), columns)
        ends.append(_Sorted.of(reach[:, 2] * columns + reach[:, 3], needed.size))
    return needed, ends


class _Sorted(NamedTuple):
    """Positions sorted by the block in which something ends, and where each block's begin."""

    order: NDArray[np.uint32]
    begin: NDArray[np.int64]

    @classmethod
    def of(cls, place: NDArray[np.int64], blocks: int) -> _Sorted:
        begin = np.concatenate([[0], np.bincount(place, minlength=blocks).cumsum()])
        return cls(np.argsort(place, kind="stable").astype(np.uint32), begin)

    def at(self, place: int) -> NDArray[np.int64]:
        return self.order[self.begin[place] : self.begin[place + 1]].astype(np.int64)


def _reach(
    boxes: NDArray[np.int64], edges: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Return the first and last block (row, column, row, column) that each box lies in, (n, 4)."""
    corners = ((0, boxes[:, 0]), (1, boxes[:, 1]), (0, boxes[:, 2] - 1), (1, boxes[:, 3] - 1))
    return np.stack([_interval(edges[axis], position) for axis, position in corners], axis=1)


def _touched(reach: NDArray[np.int64], rows: int, columns: int) -> NDArray[np.bool_]:
    """Return which blocks lie between the first and the last of any box, (rows, columns)."""
    steps = np.zeros((rows + 1, columns + 1), np.int64)
    top, left, bottom, right = reach.T
    for y, x, step in ((top, left, 1), (bottom + 1, left, -1), (top, right + 1, -1),
                       (bottom + 1, right + 1, 1)):  # fmt: skip
        np.add.at(steps, (y, x), step)
    return np.asarray(steps.cumsum(axis=0).cumsum(axis=1)[:-1, :-1] > 0)


def _interval(edges: NDArray[np.int64], position: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return in which interval between ``edges`` each position lies."""
    return np.searchsorted(edges, position, side="right").astype(np.int64) - 1


def block_edges(
    image: MultiplexImage, channels: int, least: int = LEAST_SIDE
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the borders of the blocks in which ``image`` is read, along y and x.

    Parameters
    ----------
    image : MultiplexImage
    channels : int
        How many channels are read at a time.
    least : int
        Smallest side of a block, unless the image is smaller.
    """
    y, x = (_join(chunks, max(least, LEAST_SIDE)) for chunks in image.data.chunks[1:])
    area = MOST_BYTES // (max(1, channels) * image.dtype.itemsize)
    most = max(2 * least, int(area**0.5))
    if int(np.diff(y).max()) * int(np.diff(x).max()) > area:
        y = _cut(y, most)
        x = _cut(x, max(most, area // int(np.diff(y).max())))
    return y, x


def _join(chunks: Iterable[int], least: int) -> NDArray[np.int64]:
    """Return the borders of chunks joined until each spans at least ``least`` pixels."""
    edges = [0]
    end = 0
    for length in chunks:
        end += length
        if end - edges[-1] >= least:
            edges.append(end)
    if len(edges) == 1:
        edges.append(end)
    edges[-1] = end
    return np.array(edges, dtype=np.int64)


def _cut(edges: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return ``edges`` with intervals longer than ``most`` cut into equal parts."""
    parts = [
        np.linspace(start, end, -(-(end - start) // most), endpoint=False).astype(np.int64)
        for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]
    return np.concatenate([*parts, edges[-1:]])


def _bands(edges: NDArray[np.int64]) -> Iterator[range]:
    """Yield runs of block columns that are up to ``BAND_WIDTH`` pixels wide together."""
    start = 0
    for column in range(len(edges) - 1):
        if column > start and edges[column + 1] - edges[start] > BAND_WIDTH:
            yield range(start, column)
            start = column
    yield range(start, len(edges) - 1)
