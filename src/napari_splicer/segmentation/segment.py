"""The mask of a whole image, block by block; what lies on the edge of two is found by one."""

from __future__ import annotations

import os
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_splicer.errors import NoCells
from napari_splicer.events import Cancel, Event, Finished, Progress, Started
from napari_splicer.files import check_free, check_writable, written
from napari_splicer.images.label_image import LabelStore
from napari_splicer.images.masks import LabelMask
from napari_splicer.images.open import open_mask
from napari_splicer.segmentation.light import NuclearLight
from napari_splicer.segmentation.objects import find_cells
from napari_splicer.versions import package_versions

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.segmentation.objects import Found
    from napari_splicer.segmentation.settings import SegmentationSettings

BLOCK = 1024
"""Side in pixels of the blocks, a multiple of the chunks that are written."""

_MOST_THREADS = 8

Box = tuple[int, int, int, int]


class Piece(NamedTuple):
    """Cells of a block, as far as they reach.

    Attributes
    ----------
    box : Box
        Half-open, in the image.
    labels : int32 (h, w)
        Numbered from 1 in this block.
    cells : int
    """

    box: Box
    labels: NDArray[np.int32]
    cells: int


def segment(
    image: MultiplexImage,
    settings: SegmentationSettings,
    *,
    path: Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    cancel: Cancel | None = None,
) -> Iterator[Event]:
    """Make a mask of the cells of ``image``; ``Finished.result`` is a :class:`LabelMask`, uint32.

    Every cell is numbered, and written whole, by the block that its centre lies in; blocks are read
    with a margin, so that they see what the whole image would show. Memory holds as many blocks as
    there are threads, and the mask, compressed, if it has no ``path``.

    Parameters
    ----------
    image : MultiplexImage
    settings : SegmentationSettings
    path : Path, optional
        Of the OME-Zarr label image to be written; default: the mask stays in memory.
    overwrite : bool
        Whether it may replace one that is there.
    threads : int, optional
        Default: one per CPU, up to 8.
    cancel : Cancel, optional
        Looked at once per block; the result is then None, and nothing is left on the disk.

    Raises
    ------
    WouldOverwrite, CannotWrite
        Before anything is read, if ``path`` is taken or can't be written to.
    MissingChannels, UnusableChannel, InvalidSettings
        As :meth:`NuclearLight.of`.
    NoCells
        If no nucleus was found.
    """
    if path is not None:
        check_free(path, overwrite=overwrite)
        check_writable(path.parent)
    blocks = list(_blocks(image.shape))
    yield Started("segment", len(blocks), "blocks", message="Looking for nuclei")
    light = NuclearLight.of(image, settings)
    name = f"{image.name} cells"
    cancel = cancel or Cancel()
    threads = threads or min(os.cpu_count() or 1, _MOST_THREADS)
    try:
        with _place(path, overwrite=overwrite) as place:
            store = LabelStore(place, name, image.shape, image.pixel_size)
            pieces = _pieces(light, settings.sensitivity, blocks, threads, cancel)
            cells = yield from _write(pieces, store.finest, len(blocks))
            if cancel.requested:
                raise _Stopped
            if not cells:
                raise _nothing_found(light)
            levels = store.finish(_how_made(light, settings))
    except _Stopped:
        yield Finished("segment", cancelled=True, message="No mask was made.")
        return
    mask = LabelMask.from_array(levels, name=name) if path is None else open_mask(path, name=name)
    found = f"{cells:,} cells were found by {' and '.join(light.channels)}."
    yield Finished("segment", mask, message=found)


class _Stopped(Exception):
    """The person asked to stop: nothing of what is half written is to be kept."""


@contextmanager
def _place(path: Path | None, *, overwrite: bool) -> Iterator[Path | None]:
    """Give where the mask is written until it is whole."""
    if path is None:
        yield None
        return
    with written(path, overwrite=overwrite) as temporary:
        yield temporary


def _blocks(shape: tuple[int, int]) -> Iterator[Box]:
    """Yield the blocks of an image, row by row."""
    height, width = shape
    for top in range(0, height, BLOCK):
        for left in range(0, width, BLOCK):
            yield top, min(top + BLOCK, height), left, min(left + BLOCK, width)


def _pieces(
    light: NuclearLight, sensitivity: float, blocks: Iterable[Box], threads: int, cancel: Cancel
) -> Iterator[Piece]:
    """Yield the cells of each block, in the order of the blocks, a few made ahead."""
    pool = ThreadPoolExecutor(threads)
    ahead: deque[Future[Piece]] = deque()
    try:
        for block in blocks:
            ahead.append(pool.submit(cells_of, light, sensitivity, block))
            if len(ahead) > threads:
                yield ahead.popleft().result()
            if cancel.requested:
                return
        while ahead and not cancel.requested:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def cells_of(light: NuclearLight, sensitivity: float, block: Box) -> Piece:
    """Return the cells whose centre lies in ``block``."""
    found, (top, left) = look_at(light, sensitivity, block)
    y0, y1, x0, x1 = block
    own = found.within(y0 - top, y1 - top, x0 - left, x1 - left)
    rows, columns = (np.flatnonzero(own.labels.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return Piece((y0, y0, x0, x0), np.empty((0, 0), np.int32), 0)
    inner = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    box = (top + rows[0], top + rows[-1] + 1, left + columns[0], left + columns[-1] + 1)
    # A copy, so that what waits to be written does not keep the margin in memory.
    return Piece(box, own.labels[inner].copy(), len(own.y))


def look_at(light: NuclearLight, sensitivity: float, box: Box) -> tuple[Found, tuple[int, int]]:
    """Find cells in a half-open box and its margin; return them, and where the margin begins."""
    height, width = light.image.shape
    margin = light.lengths.margin
    y0, x0 = max(0, box[0] - margin), max(0, box[2] - margin)
    y1, x1 = min(height, box[1] + margin), min(width, box[3] + margin)
    pixels = light.read(y0, y1, x0, x1)
    return find_cells(pixels, light.lengths, light.darkest, sensitivity), (y0, x0)


def _write(pieces: Iterator[Piece], store: Any, total: int) -> Generator[Event, None, int]:
    """Write pieces with ids that go on from one to the next; return the last id."""
    start, cells = time.monotonic(), 0
    for done, piece in enumerate(pieces, 1):
        y0, y1, x0, x1 = piece.box
        if piece.cells:
            there = store[y0:y1, x0:x1]
            free = (piece.labels > 0) & (there == 0)
            store[y0:y1, x0:x1] = np.where(free, piece.labels + np.uint32(cells), there)
        cells += piece.cells
        left = (time.monotonic() - start) / done * (total - done)
        yield Progress("segment", done, total, "blocks", left, message=f"{cells:,} cells")
    return cells


def _how_made(light: NuclearLight, settings: SegmentationSettings) -> dict[str, Any]:
    diameter, expansion = settings.lengths(in_pixels=light.image.pixel_size is None)
    used = settings.model_copy(
        update={"channels": light.channels, "diameter": diameter, "expansion": expansion}
    )
    versions = package_versions("scikit-image", "scipy")
    return {"segmentation": used.model_dump(mode="json"), "versions": versions}


def _nothing_found(light: NuclearLight) -> NoCells:
    return NoCells(
        f"No nucleus was found in {light.image.name} by {' and '.join(light.channels)}.",
        "Choose another nuclear channel, another width of nuclei, or a higher sensitivity.",
    )
