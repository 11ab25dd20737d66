"""Patches from a smaller level of a pyramid, against the same patches from full resolution.

A compressed zarr of 20 × 8,192² uint16 of 0.25 µm, with levels 2 and 4 times coarser, for a network
whose pixels are of 1 µm (and of 0.5 µm): patches of 32 px span 128 (64) px of the image.

- *training*: the patches of all cells, with room to rotate, as training reads them;
- *embedding*: intensities at full resolution, and a narrow network on the patches, into memory.

    python benchmarks/levels.py [--side 8192] [--turns 3]

Both resolutions are measured in turn, so that other work on the machine slows both. Decoded are the
chunks that are touched, each as often as it is read. The table goes to
``docs/benchmarks/levels.md``.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from itertools import product
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import numpy as np
import torch
import zarr

from embedding import model
from napari_splicer import pipeline
from napari_splicer.files import write_text
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.lazy import StoredArray
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.training.reading import training_reader
from napari_splicer.training.resolve import resolve
from results import BUILD, PAGES, load, made_by
from slide import CHUNK, NAMES, slide

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPACING, PIXEL = 64, 0.25
FACTORS = (2, 4)
NOTE = """\
Decoded are the chunks that are touched, each as often as it is read. Most of the time that is saved
is not decoding: of full resolution, windows of 4 or 16 times the pixels (with room to rotate, up to
200 px wide) are cut out and shrunk, on these few threads. Embedding still decodes full resolution
once, for the intensities of all cells, which are the same with and without the pyramid."""


def pyramid(folder: Path) -> MaskedImage:
    """Open a slide with smaller levels, which are made where they are not there."""
    image, cells = (zarr.open_array(folder / f"{name}.zarr", mode="r") for name in NAMES)
    pixels, labels = [image], [cells]
    for factor in FACTORS:
        place = folder / f"level-{factor}.zarr"
        if not (place / "cells").exists():
            _make(place, image, cells, factor)
        pixels.append(zarr.open_array(place / "image", mode="r"))
        labels.append(zarr.open_array(place / "cells", mode="r"))
    names = [f"marker {i}" for i in range(image.shape[0])]
    return MaskedImage(
        MultiplexImage.from_array(pixels, names, name="slide", axes="CYX", pixel_size=PIXEL),
        LabelMask.from_array(labels, name="cells"),
    )


def _make(place: Path, image: zarr.Array, cells: zarr.Array, factor: int) -> None:
    """Write a level: averages of a chunk that is the same everywhere, and every nth label."""
    channels, side = image.shape[0], image.shape[1] // factor
    options: dict[str, Any] = {
        "zarr_format": 2,
        "chunk_key_encoding": {"name": "v2", "separator": "."},
        "overwrite": True,
    }
    coarse = zarr.create_array(
        place / "image",
        shape=(channels, side, side),
        chunks=(1, CHUNK, CHUNK),
        dtype="uint16",
        **options,
    )
    small = CHUNK // factor
    for channel in range(channels):
        blocks = image[channel, :CHUNK, :CHUNK].reshape(small, factor, small, factor)
        chunk = np.tile(blocks.mean(axis=(1, 3)).round().astype(np.uint16), (factor, factor))
        coarse[channel, :CHUNK, :CHUNK] = chunk
        first = place / "image" / f"{channel}.0.0"
        for y, x in product(range(side // CHUNK), repeat=2):
            if (y, x) != (0, 0):
                os.link(first, first.with_name(f"{channel}.{y}.{x}"))
    labels = zarr.create_array(
        place / "cells", shape=(side, side), chunks=(CHUNK, CHUNK), dtype="uint32", **options
    )
    for y in range(0, side, CHUNK):
        rows = cells[y * factor : (y + CHUNK) * factor]
        labels[y : y + CHUNK] = rows[::factor, ::factor]


class Measured(NamedTuple):
    """Seconds, and MB that were decoded."""

    seconds: float
    decoded: float


def measured(action: Callable[[], None]) -> Measured:
    """Time an action, and count the bytes of all chunks that it touches."""
    decoded, read = 0, StoredArray.read

    def counted(array: StoredArray, key: tuple[slice | int, ...], out: np.ndarray) -> None:
        nonlocal decoded
        stored = array._array
        touched = stored.dtype.itemsize
        for part, chunk, length in zip(key, stored.chunks, stored.shape, strict=True):
            part = slice(part, part + 1) if isinstance(part, int) else part
            start, stop, _ = part.indices(length)
            touched *= (-(-stop // chunk) - start // chunk) * chunk
        decoded += touched
        read(array, key, out)

    with patch.object(StoredArray, "read", counted):
        begun = time.perf_counter()
        action()
        return Measured(time.perf_counter() - begun, decoded / 1e6)


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    folder = BUILD / "slides" / f"pyramid-{options.side}"
    slide(folder, options.side, spacing=SPACING)
    field = pyramid(folder)
    cells = len(field.cells.cells())
    lines = [
        "# Levels of a pyramid",
        "",
        f"Made by `benchmarks/levels.py` {made_by()}, {torch.get_num_threads()} threads. {cells:,} "
        f"cells of a compressed zarr of 20 × {options.side}² uint16, chunks of (1, {CHUNK}, "
        f"{CHUNK}), pixels of {PIXEL} µm, levels {' and '.join(map(str, FACTORS))} times coarser, "
        f"patches of 32 px; an untrained network of width 8. Medians of {options.turns} turns. "
        f"The machine was not quiet: {load()}",
        "",
        "| network's pixel | what | read at | cells per second | MB decoded | times as fast |",
        "|---|---|---|---|---|---|",
    ]
    for pixel in (1.0, 0.5):
        found: dict[tuple[str, str], list[Measured]] = {}
        for _, resolution in product(range(options.turns), ("full", "fitting")):
            bundle = model(field, 32, "fp32", "cpu", width=8)
            config = bundle.config.with_values(
                {
                    "patches.size_um": 32 * pixel,
                    "patches.resolution": resolution,
                    "threads": torch.get_num_threads(),
                }
            )
            bundle = replace(bundle, config=config)
            run = resolve(config.with_values({"training.steps": 1}), [field])

            def train(run: Any = run) -> None:
                for _ in training_reader([field], run, field.image.channels):
                    pass

            def embed(bundle: Any = bundle) -> None:
                pipeline.run(pipeline.embed([field], bundle, bundle.config))

            for what, action in (("training", train), ("embedding", embed)):
                found.setdefault((what, resolution), []).append(measured(action))
                print(pixel, what, resolution, found[what, resolution][-1], flush=True)
        for what, resolution in product(("training", "embedding"), ("full", "fitting")):
            turns, full = found[what, resolution], found[what, "full"]
            seconds = median(turn.seconds for turn in turns)
            times = median(a.seconds / b.seconds for a, b in zip(full, turns, strict=True))
            words = "full resolution"
            if resolution == "fitting":
                words = f"{pixel / PIXEL:g} times coarser"
                words += ", and full for intensities" if what == "embedding" else ""
            lines.append(
                f"| {pixel:g} µm | {what} | {words} | {cells / seconds:,.0f} "
                f"| {median(turn.decoded for turn in turns):,.0f} | {times:.2g} |"
            )
    text = "\n".join([*lines, "", *NOTE.splitlines(), ""])
    write_text(PAGES / "levels.md", text, overwrite=True)
    print(text)


if __name__ == "__main__":
    main()
