"""Slides to measure on: as large as asked for, real to read, small on the disk.

A slide is a folder with ``image.zarr`` (C, Y, X) uint16, compressed, one channel per chunk, and
``cells.zarr`` (Y, X) uint32. The image's chunks repeat: a channel is one chunk, linked to every
place, so that a slide of 40,000² takes no more disk than one chunk per channel and its mask, and
reading it decodes every chunk all the same. No two cells have the same id.
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


def slide(folder: Path, side: int, *, channels: int = CHANNELS, spacing: int = SPACING) -> None:
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
    for channel in range(channels):
        image[channel, :CHUNK, :CHUNK] = _stain(cells, rng)
        first = folder / "image.zarr" / f"{channel}.0.0"
        for y, x in places[1:]:
            os.link(first, first.with_name(f"{channel}.{y}.{x}"))
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


def _stain(cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return one channel of one chunk: some cells are bright; background, blur and shot noise."""
    bright = rng.gamma(0.5, 200, cells.max() + 1)
    bright[0] = 0
    return rng.poisson(20 + gaussian_filter(bright[cells], 1.5)).astype(np.uint16)
