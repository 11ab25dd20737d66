"""Reading patches, against decoding every chunk once, and against other ways to cut out cells.

A compressed zarr of 20 × 4,096² uint16, chunks (1, 1024, 1024), 10,000 cells:

- *limit*: every chunk of image and mask is decoded once, by as many threads, and nothing else
  (the faster of two ways: chunk by chunk, or as zarr decodes a box of all channels);
- *ours*: every cell's patch, cropped and in batches, labels included, as embedding reads them: one
  thread cuts out while the others decode;
- *DataLoader*: a torch Dataset that crops cell by cell from the zarr (some cells; it is slow);
- *harpy-analysis*, *scPortrait*: what they extract of every cell, each in an environment of its own
  (``rivals/`` tells how to make one), where its Python is given.

    python benchmarks/reading.py [--side 4096] [--turns 5]
        [--harpy build/harpy/bin/python] [--scportrait build/scportrait/bin/python]

Limit and ours are measured anew beside every other way, turn by turn: on a machine with other work,
the ratios of one turn are worth more than rates. The table goes to ``docs/benchmarks/reading.md``.
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import zarr
from torch.utils.data import DataLoader, Dataset

from napari_splicer.files import write_text
from napari_splicer.memory import kept_at_hand
from napari_splicer.patches.reader import PatchReader
from napari_splicer.patches.sites import cell_sites
from napari_splicer.training.device import threads
from results import BUILD, PAGES, load, made_by
from rival_readers import Rival
from slide import CHUNK, opened, slide

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_splicer.images.masks import MaskedImage

THREADS = os.cpu_count() or 1
TURNS = 5
FEW = 100
SIZES = (32, 64)
LIMIT, OURS = "every chunk decoded once, nothing else (the limit)", "napari-splicer"
GOALS = """\
Goals: 0.8 of the limit, and three times harpy-analysis. Measured so far on one computer: with
nothing else to do (2026-11-28) 0.73 and 0.68 of the limit (32 and 64 px), and 2.65 and 2.56 times
harpy-analysis, finding cells included; with other work beside it (2026-11-26) 0.85 and 0.74, and
3.9 and 4.2 times. Done for it: tiles decoded straight into the memory that patches are cut from,
which is used again; one tile decoded while the last is cut; a row of pixels copied at a time,
straight into the batch.

What is compared: napari-splicer gives patches and labels of all cells, mirrored at the image's
border. harpy-analysis gives patches, not labels (its own `extract_mask` is off); finding cells is
counted apart, because ours are found before. Nobody's imports, compiling and conversion of the
slide are counted. Every run, counts of cells and pixels of some of them were checked."""
SCPORTRAIT = """scPortrait copies the image into a file before it cuts, leaves out cells whose patch
would reach over the border, multiplies by the cell's mask, and writes HDF5; it is also measured
without what it writes."""


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


def decoded_by(folder: Path, turns: int = TURNS) -> float:
    """Return the seconds in which every chunk is decoded, in the faster of two ways."""
    ways = (partial(by_chunk, folder), partial(by_block, folder))
    return min(fastest(way, turns) for way in ways)


def ours(field: MaskedImage, size: int) -> None:
    """Read every cell's patch."""
    channels = field.image.channels
    reader = PatchReader([field], cell_sites([field]), channels=channels, side=size, size=size)
    with kept_at_hand(), threads(1):
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


class Turn(NamedTuple):
    """Cells per second, one after the other in this order."""

    limit: float
    ours: float
    rate: float


def measured(
    folder: Path, field: MaskedImage, rivals: list[Rival], turns: int
) -> dict[int, dict[str, list[Turn]]]:
    """Return the turns of every way, by size."""
    count = len(cell_sites([field]))
    found: dict[int, dict[str, list[Turn]]] = {size: {} for size in SIZES}

    def dataloader(size: int) -> dict[str, float]:
        return {"DataLoader, cell by cell": FEW / fastest(lambda: loader(folder, field, size), 1)}

    ways = [dataloader, *(lambda size, r=rival: r.rates(folder, field, size) for rival in rivals)]
    for size, _, way in product(SIZES, range(turns), ways):
        limit = count / decoded_by(folder, 1)
        rate = count / fastest(partial(ours, field, size), 1)
        for name, theirs in way(size).items():
            found[size].setdefault(name, []).append(Turn(limit, rate, theirs))
            print(size, name, *(f"{value:,.0f}" for value in found[size][name][-1]), flush=True)
    return found


def row(name: str, turns: list[list[Turn]]) -> str:
    """Return a row of the table: for every size, rate, rate ÷ limit, and ours ÷ rate."""
    cells = [name]
    for several in turns:
        of_limit = median(turn.rate / turn.limit for turn in several)
        of_ours = median(turn.ours / turn.rate for turn in several)
        rate = median(turn.rate for turn in several)
        cells += [f"{rate:,.0f}", f"{of_limit:.3g}", f"{of_ours:.3g}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--harpy", type=Path, help="a Python that has harpy-analysis")
    parser.add_argument("--scportrait", type=Path, help="a Python that has scportrait")
    options = parser.parse_args()
    folder = BUILD / "slides" / str(options.side)
    slide(folder, options.side)
    field = opened(folder)
    count = len(cell_sites([field]))
    pythons = {
        "harpy_instances": options.harpy,
        "scportrait_extraction": options.scportrait,
    }
    rivals = [Rival(script, python) for script, python in pythons.items() if python]
    found = measured(folder, field, rivals, options.turns)
    every = {size: [turn for turns in found[size].values() for turn in turns] for size in SIZES}
    lines = [
        "# Reading patches",
        "",
        f"Made by `benchmarks/reading.py` {made_by()}. A compressed zarr of 20 × {options.side}² "
        f"uint16, chunks of (1, {CHUNK}, {CHUNK}), {count:,} cells, {THREADS} threads. Cells per "
        f"second, and ratios of what was measured in one turn: medians of {options.turns} turns. "
        f"{load()}",
        "",
        "| | 32 px | ÷ limit | ours ÷ it | 64 px | ÷ limit | ours ÷ it |",
        "|---|---|---|---|---|---|---|",
        row(LIMIT, [[turn._replace(rate=turn.limit) for turn in every[size]] for size in SIZES]),
        row(OURS, [[turn._replace(rate=turn.ours) for turn in every[size]] for size in SIZES]),
        *(row(name, [found[size][name] for size in SIZES]) for name in found[SIZES[0]]),
        "",
        *GOALS.splitlines(),
        "",
        *([*SCPORTRAIT.splitlines(), ""] if options.scportrait else []),
    ]
    write_text(PAGES / "reading.md", "\n".join(lines), overwrite=True)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
