"""Slides to measure on: as large as asked for, real to read, small on the disk.

A slide is a folder with ``image.zarr`` (C, Y, X) uint16, compressed, one channel per chunk, and
``cells.zarr`` (Y, X) uint32. The image's chunks repeat: a channel is one chunk, linked to every
place, so that a slide of 40,000² takes no more disk than one chunk per channel and its mask, and
reading it decodes every chunk all the same. No two cells have the same id.

Where cells have types, a channel has several chunks, of which every place has one at random: then
hardly any two cells of a type are the same in all channels.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import zarr
from scipy.ndimage import gaussian_filter

from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage

if TYPE_CHECKING:
    from pathlib import Path

CHANNELS = 20
CHUNK = 1024
NAMES = ("image", "cells")
SPACING = 40
"""Pixels from cell to cell, as in a dense tissue at half a micrometre."""
ROUND = 5
"""Cells from one to the next of the same place in the pattern of types, across and down."""
TYPES = np.repeat(np.arange(8), [7, 5, 4, 3, 2, 2, 1, 1])[
    np.random.default_rng(1).permutation(ROUND**2)
].reshape(ROUND, ROUND)
"""The type of every cell of the pattern, the rarest one cell in 25."""


def slide(
    folder: Path,
    side: int,
    *,
    channels: int = CHANNELS,
    spacing: int = SPACING,
    types: bool = False,
) -> None:
    """Make a slide in ``folder``, unless it is there; ``side`` a multiple of ``CHUNK``."""
    if (folder / "cells.zarr").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    cells = _cells(spacing)
    image = zarr.create_array(
        folder / "image.zarr",
        shape=(channels, side, side),
        chunks=(1, CHUNK, CHUNK),
        dtype="uint16",
        zarr_format=2,
        chunk_key_encoding={"name": "v2", "separator": "."},
    )
    places = [(y, x) for y in range(side // CHUNK) for x in range(side // CHUNK)]
    level = rng.gamma(0.5, 2, (channels, TYPES.max() + 1)) + 0.1  # of a type's cells in a channel
    for channel in range(channels):
        bright = level[channel][_types(cells, spacing)] if types else np.ones(cells.max() + 1)
        stain = _stain(cells, bright, rng)
        variants = _variants(stain, spacing) if types else [stain]
        firsts: list[Path] = []
        for number, (y, x) in enumerate(rng.permutation(places) if types else places):
            path = folder / "image.zarr" / f"{channel}.{y}.{x}"
            if number < len(variants):
                here = slice(y * CHUNK, (y + 1) * CHUNK), slice(x * CHUNK, (x + 1) * CHUNK)
                image[channel, *here] = variants[number]
                firsts.append(path)
            else:
                os.link(firsts[rng.integers(len(firsts))], path)
    labels = zarr.create_array(
        folder / "part.zarr",
        shape=(side, side),
        chunks=(CHUNK, CHUNK),
        dtype="uint32",
        zarr_format=2,
    )
    count = int(cells.max())
    for number, (y, x) in enumerate(places):
        here = slice(y * CHUNK, (y + 1) * CHUNK), slice(x * CHUNK, (x + 1) * CHUNK)
        labels[here] = np.where(cells > 0, cells + number * count, 0)
    (folder / "part.zarr").rename(folder / "cells.zarr")


def opened(folder: Path) -> MaskedImage:
    """Open a slide lazily."""
    image, cells = (zarr.open_array(folder / f"{name}.zarr", mode="r") for name in NAMES)
    names = [f"marker {i}" for i in range(image.shape[0])]
    return MaskedImage(
        MultiplexImage.from_array(image, names, name=folder.name, axes="CYX", pixel_size=0.5),
        LabelMask.from_array(cells, name="cells"),
    )


def _cells(spacing: int) -> np.ndarray:
    """Return the labels of one chunk: discs on a grid, numbered from 1."""
    y, x = np.indices((CHUNK, CHUNK))
    across = CHUNK // spacing
    row, column = y // spacing, x // spacing
    away = (y % spacing - spacing / 2) ** 2 + (x % spacing - spacing / 2) ** 2
    inside = (away < (0.4 * spacing) ** 2) & (row < across) & (column < across)
    return np.where(inside, row * across + column + 1, 0).astype(np.uint32)


def types_of(ids: np.ndarray, spacing: int = SPACING) -> np.ndarray:
    """Return the type of each cell of a slide whose cells have types."""
    across = CHUNK // spacing
    row, column = np.divmod((np.asarray(ids) - 1) % across**2, across)
    return TYPES[row % ROUND, column % ROUND]


def _types(cells: np.ndarray, spacing: int) -> np.ndarray:
    """Return the type of every label of one chunk, the background's too."""
    return types_of(np.arange(cells.max() + 1), spacing)


def _variants(stain: np.ndarray, spacing: int) -> list[np.ndarray]:
    """Return one channel of one chunk with its cells in other places of the same type."""
    filled = CHUNK // spacing * spacing
    found = []
    for y, x in np.ndindex(ROUND, ROUND):
        moved = stain.copy()
        away = (y * ROUND * spacing, x * ROUND * spacing)
        moved[:filled, :filled] = np.roll(stain[:filled, :filled], away, axis=(0, 1))
        found.append(moved)
    return found


def _stain(cells: np.ndarray, level: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return one channel of one chunk: some cells are bright; background, blur and shot noise."""
    bright = rng.gamma(0.5, 200, cells.max() + 1) * level
    bright[0] = 0
    return rng.poisson(20 + gaussian_filter(bright[cells], 1.5)).astype(np.uint16)
