"""Reading patches, against decoding every chunk once, and against other ways to cut out cells.

A compressed zarr of 20 × 4,096² uint16, chunks (1, 1024, 1024), 10,000 cells:

- *limit*: every chunk of image and mask is decoded once, by as many threads, and nothing else
  (the faster of two ways: chunk by chunk, or as zarr decodes a box of all channels);
- *ours*: every cell's patch, cropped and in batches, labels included;
- *DataLoader*: a torch Dataset that crops cell by cell from the zarr (some cells; it is slow);
- *harpy*, *scPortrait*: their extraction of single cells, where they are installed.

    python benchmarks/reading.py [--side 4096] [--rivals]

The table goes to ``docs/benchmarks/reading.md``.
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import torch
import zarr
from torch.utils.data import DataLoader, Dataset

from napari_splicer.files import write_text
from napari_splicer.patches.reader import PatchReader
from napari_splicer.patches.sites import cell_sites
from results import BUILD, PAGES, made_by
from slide import CHUNK, opened, slide

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_splicer.images.masks import MaskedImage

THREADS = os.cpu_count() or 1
TURNS = 5
FEW = 100


def by_chunk(folder: Path) -> None:
    """Decode every chunk once, by threads that take one after the other."""
    boxes = [
        (array, (*channel, slice(y, y + CHUNK), slice(x, x + CHUNK)))
        for array in arrays(folder)
        for channel in product(*(range(n) for n in array.shape[:-2]))
        for y, x in product(*(range(0, n, CHUNK) for n in array.shape[-2:]))
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(lambda item: item[0][item[1]], boxes):
            pass


def by_block(folder: Path) -> None:
    """Decode every chunk once, all channels of a place together, as zarr does by itself."""
    for array in arrays(folder):
        for y, x in product(*(range(0, n, CHUNK) for n in array.shape[-2:])):
            array[..., y : y + CHUNK, x : x + CHUNK]


def arrays(folder: Path) -> list[zarr.Array]:
    """Return image and mask as they are stored."""
    return [zarr.open_array(folder / name, mode="r") for name in ("image.zarr", "cells.zarr")]


def decoded_by(folder: Path) -> float:
    """Return the seconds in which every chunk is decoded, in the faster of two ways."""
    return min(fastest(lambda: by_chunk(folder)), fastest(lambda: by_block(folder)))


def ours(field: MaskedImage, size: int) -> None:
    """Read every cell's patch."""
    channels = field.image.channels
    reader = PatchReader([field], cell_sites([field]), channels=channels, side=size, size=size)
    for _ in reader:
        pass


class Crops(Dataset[torch.Tensor]):
    """Cell by cell, as a Dataset is often written."""

    def __init__(self, folder: Path, field: MaskedImage, size: int) -> None:
        self._image = zarr.open_array(folder / "image.zarr", mode="r")
        self._size = size
        sites = cell_sites([field])
        inside = [
            (axis > size) & (axis < side - size)
            for axis, side in zip((sites.y, sites.x), field.image.shape, strict=True)
        ]
        rows = np.random.default_rng(0).permutation(np.flatnonzero(np.logical_and(*inside)))
        self._corners = np.stack([sites.y, sites.x], 1)[rows[:FEW]].astype(int) - size // 2

    def __len__(self) -> int:
        return len(self._corners)

    def __getitem__(self, index: int) -> torch.Tensor:
        y, x = self._corners[index].tolist()
        crop = self._image[:, y : y + self._size, x : x + self._size]
        return torch.from_numpy(np.asarray(crop).astype(np.int32))


def loader(folder: Path, field: MaskedImage, size: int) -> None:
    """Crop a few cells with a DataLoader."""
    for _ in DataLoader(Crops(folder, field, size), batch_size=128, num_workers=THREADS):
        pass


def fastest(action: Callable[[], object], turns: int = TURNS) -> float:
    """Return the seconds of the fastest of several turns."""
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=4096)
    options = parser.parse_args()
    folder = BUILD / "slides" / str(options.side)
    slide(folder, options.side)
    field = opened(folder)
    count = len(cell_sites([field]))
    limit = count / decoded_by(folder)
    lines = [
        "# Reading patches",
        "",
        f"Made by `benchmarks/reading.py` {made_by()}. A compressed zarr of 20 × {options.side}² "
        f"uint16, chunks of (1, {CHUNK}, {CHUNK}), {count:,} cells, {THREADS} threads. Cells per "
        "second; the fastest of five turns.",
        "",
        "| | 32 px | ÷ limit | 64 px | ÷ limit |",
        "|---|---|---|---|---|",
        f"| every chunk decoded once, nothing else (the limit) | {limit:,.0f} | 1 | "
        f"{limit:,.0f} | 1 |",
    ]
    ways: dict[str, Callable[[int], float]] = {
        "napari-splicer": lambda size: count / fastest(lambda: ours(field, size)),
        "DataLoader, cell by cell": lambda size: (
            FEW / fastest(lambda: loader(folder, field, size), 1)
        ),
    }
    for name, way in ways.items():
        rates = [way(size) for size in (32, 64)]
        cells = " | ".join(f"{rate:,.0f} | {rate / limit:.3g}" for rate in rates)
        lines.append(f"| {name} | {cells} |")
        print(lines[-1], flush=True)
    write_text(PAGES / "reading.md", "\n".join([*lines, ""]), overwrite=True)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
