"""In which blocks a field is read, so that each chunk of the file is decoded once.

A block is a chunk of the image, or several small ones. Windows are cut when the last block that
they reach into (below and to the right) has been read; what they need of earlier blocks is kept
as strips, one pixel narrower than a window. Fields are walked in vertical bands, so that the
strips are bounded however wide the slide is.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from napari_splicer.images.image import MultiplexImage

LEAST_SIDE = 256
"""Chunks smaller than this are read several at a time: each read has a cost of its own."""

MOST_BYTES = 2**29
"""Blocks larger than this are halved, even though their chunks are then decoded twice."""

BAND_WIDTH = 2**14


@dataclass(frozen=True, eq=False)
class Block:
    """A box of one field, in pixels, and the windows that can be cut once it is read.

    ``rows`` are positions in the starts that :func:`plan_blocks` was given; ``band`` is the
    stretch of x that is walked together with this block.
    """

    y0: int
    y1: int
    x0: int
    x1: int
    rows: NDArray[np.int64]
    band: tuple[int, int]


def plan_blocks(
    starts: NDArray[np.int64],
    side: int,
    shape: tuple[int, int],
    edges: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> Iterator[Block]:
    """Yield the blocks to be read, in order; those that no window touches are left out.

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
    """
    first = np.clip(starts, 0, None)
    last = np.minimum(starts + side, np.asarray(shape)) - 1
    rows = [_interval(edges[0], corner[:, 0]) for corner in (first, last)]
    columns = [_interval(edges[1], corner[:, 1]) for corner in (first, last)]
    needed = np.zeros((len(edges[0]) - 1, len(edges[1]) - 1), dtype=bool)
    for row, column in itertools.product(rows, columns):
        needed[row, column] = True
    place = rows[1] * needed.shape[1] + columns[1]
    order = np.argsort(place, kind="stable")
    place = place[order]
    for band in _bands(edges[1]):
        x_from = max(0, int(edges[1][band.start]) - side + 1)
        for r, c in itertools.product(range(needed.shape[0]), band):
            if not needed[r, c]:
                continue
            here = r * needed.shape[1] + c
            yield Block(
                y0=int(edges[0][r]),
                y1=int(edges[0][r + 1]),
                x0=x_from if c == band.start else int(edges[1][c]),
                x1=int(edges[1][c + 1]),
                rows=order[slice(*np.searchsorted(place, [here, here + 1]))],
                band=(x_from, int(edges[1][band.stop])),
            )


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
