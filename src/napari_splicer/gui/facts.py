"""What reading an image and its mask shows before any work is put into them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dask
import numpy as np

from napari_splicer.errors import SplicerError, listed
from napari_splicer.gui.snapshot import Facts
from napari_splicer.gui.words import count
from napari_splicer.images.cell_table import scattered
from napari_splicer.shares import finish, part, waited_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.masks import LabelMask
    from napari_splicer.patches.tile_mask import TileMask
    from napari_splicer.shares import Shares

_NAMED = 3
_ROWS = 2048  # of pixels, looked through at once: of a slide, dask plans 0.3 s for each
_PIXELS = 0.8  # share of the time that goes into pixels; the rest, into the mask


def examine(image: MultiplexImage, mask: LabelMask | None) -> Facts:
    """Count the cells and find channels without signal; reads everything once, chunk by chunk.

    Channels are judged on the coarsest resolution: one that varies anywhere varies there too.
    """
    return finish(examining(image, mask))


def examining(image: MultiplexImage, mask: LabelMask | None) -> Shares[Facts]:
    """Do what :func:`examine` does, and yield how much is done."""
    constant, undefined = yield from part(looking_through(image), 0, _PIXELS)
    facts = Facts(constant=constant, undefined=undefined)
    if len(constant) == len(image.channels):
        return replace(facts, problem=_no_signal(image))
    if mask is None or mask.shape != image.shape:  # whose cells are none of this image's
        return facts
    try:
        cells = yield from part(waited_for(mask.cells), _PIXELS, 1)
    except SplicerError as error:
        return replace(facts, problem=str(error))
    sheet = image.sheet
    if len(cells) <= (1 if sheet is None else len(sheet.spots)):
        return replace(facts, cells=len(cells), problem=_one_id(mask, int(cells["id"].iloc[0])))
    at_border = int(cells["touches_border"].sum()) if sheet is None else sheet.at_border(cells)
    called = str if mask.sheet is None else mask.sheet.called
    return replace(
        facts,
        cells=len(cells),
        at_border=at_border,
        scattered=tuple(map(called, scattered(cells))),
        bare=() if sheet is None else sheet.bare(cells),
    )


def _no_signal(image: MultiplexImage) -> str:
    return (
        f"No channel of {image.name} holds any signal: every pixel of a channel has the same "
        "value, or is undefined. Open another image, or export this one again."
    )


def _one_id(mask: LabelMask, number: int) -> str:
    return (
        f"All pixels of {mask.name} that are not background hold the same number, {number}: it "
        "tells where cells are, not one cell from another. Give every cell a number of its own "
        "(e.g. skimage.measure.label), or use this mask as a region."
    )


def looked_through(image: MultiplexImage) -> tuple[tuple[str, ...], float]:
    """Look at all pixels of the coarsest resolution.

    Returns
    -------
    constant : tuple of str
        Channels that hold one value only, or no finite one.
    undefined : float
        Which part of the worst channel's pixels, of those that vary, is no finite number.
    """
    return finish(looking_through(image))


def looking_through(image: MultiplexImage) -> Shares[tuple[tuple[str, ...], float]]:
    """Do what :func:`looked_through` does, and yield how much is done: some rows at a time."""
    pixels = image.levels[-1]
    height, width = pixels.shape[1:]
    found = []
    for start, stop in _bands(pixels.chunks[1]):
        found.append(dask.compute(*_extremes(pixels[:, start:stop])))
        yield stop / height
    lowest, highest, missing = (np.stack(each) for each in zip(*found, strict=True))
    low, high, share = lowest.min(0), highest.max(0), missing.sum(0) / (height * width)
    constant = tuple(name for name, flat in zip(image.channels, low >= high, strict=True) if flat)
    return constant, float(share[low < high].max(initial=0))


def _bands(rows: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Join chunks to bands of so many rows that all cores have work."""
    start = stop = 0
    for height in rows:
        stop += height
        if stop - start >= _ROWS or stop == sum(rows):
            yield start, stop
            start = stop


def _extremes(pixels: Any) -> tuple[Any, Any, Any]:
    """Return what is to be computed of (C, Y, X): lowest, highest, how many are no number."""
    if pixels.dtype.kind != "f":
        return pixels.min(axis=(1, 2)), pixels.max(axis=(1, 2)), np.zeros(len(pixels))
    finite = dask.array.isfinite(pixels)
    lowest = dask.array.where(finite, pixels, np.inf).min(axis=(1, 2))
    highest = dask.array.where(finite, pixels, -np.inf).max(axis=(1, 2))
    return lowest, highest, (~finite).sum(axis=(1, 2))


def summary(
    image: MultiplexImage,
    facts: Facts | None,
    tiles: TileMask | None = None,
    *,
    counting: bool = True,
) -> str:
    """Return what an image holds in one line; without facts, cells are being counted, or not."""
    height, width = image.shape
    parts = [count(len(image.channels), "channel"), f"{height:,} × {width:,} px"]
    if image.sheet is not None:
        parts.insert(0, count(len(image.sheet.spots), "image"))
    if image.pixel_size is not None:
        parts.append(f"{image.pixel_size[0]:.3g} µm/px")
    if tiles is not None:
        parts.append(count(len(tiles), "tile"))
    elif facts is None:
        parts += ["counting cells …"] if counting else []
    elif facts.cells is not None:
        parts.append(count(facts.cells, "cell"))
    return ", ".join(parts)


def remarks(image: MultiplexImage, facts: Facts | None) -> list[str]:
    """Return what is odd about an image and its mask, in sentences."""
    found = list(image.remarks)
    if facts is not None and facts.constant:
        found.append(f"Without any signal: {', '.join(facts.constant)}.")
    if facts is not None and facts.undefined:
        found.append(
            f"Up to {facts.undefined:.1%} of a channel's pixels hold no number (NaN): they look "
            "like background to a model, and do not count in mean intensities."
        )
    if facts is not None and facts.bare:
        them = "it is" if len(facts.bare) == 1 else "they are"
        found.append(
            f"No cells in {listed(facts.bare, _NAMED)}: {them} seen here, and left out of all that "
            "follows."
        )
    if facts is not None and facts.at_border:
        touch = "touches" if facts.at_border == 1 else "touch"
        whose = "the image's border" if image.sheet is None else "the border of their image"
        found.append(f"{count(facts.at_border, 'cell')} {touch} {whose}.")
    if facts is not None and facts.scattered:
        found.append(_in_pieces(facts.scattered))
    return found


def _in_pieces(cells: tuple[str, ...]) -> str:
    named = ", ".join(cells[:_NAMED]) + (" …" if len(cells) > _NAMED else "")
    one = len(cells) == 1
    return (
        f"{f'Cell {named} lies' if one else f'{len(cells):,} cells ({named}) lie'} in pieces far "
        f"apart: {'is that a cell' if one else 'are these cells'}, or what segmentation left over?"
    )
