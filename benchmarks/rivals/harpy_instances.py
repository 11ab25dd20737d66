"""Cut out every cell of a slide with harpy-analysis; started by ``reading.py``.

    python -m venv build/harpy && build/harpy/bin/pip install harpy-analysis
    build/harpy/bin/python benchmarks/rivals/harpy_instances.py SLIDE SIZE FOLDER

``harpy.utils.Featurizer.extract_instances`` plans with dask; nothing is cut before the plan is
computed. Of the blocks tried ((1, 1024²), (10, 1024²), (20, 1024²), and the advised (10, 2048²)) on
threads and on processes, none was faster than the faster of those below, on threads: processes send
every block to one another. Backgrounds stay, as in our patches, and what is cut is dropped at once.

Writes ``FOLDER/result.json``, and a few cells' pixels to ``FOLDER/some.npz``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

import dask
import dask.array as da
import numpy as np
from harpy.utils import Featurizer
from loguru import logger

BLOCKS = ((10, 2048), (20, 1024))
FEW = 5


class Nowhere:
    """Takes every block, and keeps none."""

    def __setitem__(self, place: object, block: np.ndarray) -> None:
        """Drop a block."""


def opened(slide: Path, channels: int, side: int, part: int | None = None) -> Featurizer:
    """Open image and mask in blocks; or a corner of ``part`` pixels alone."""
    image = da.from_zarr(slide / "image.zarr", chunks=(channels, side, side))[:, :part, :part]
    cells = da.from_zarr(slide / "cells.zarr", chunks=(side, side))[:part, :part]
    return Featurizer(cells[None], image[:, None], run_on_gpu=False)


def plan(featurizer: Featurizer, size: int) -> tuple[np.ndarray, da.Array]:
    """Return the cells' ids and their patches, (cells, channels, 1, size, size), still to be cut.

    The depth is the one that ``harpy.tb.extract_instances`` takes.
    """
    return featurizer.extract_instances(
        depth=size // 2 + 1, diameter=size, remove_background=False, extract_mask=False
    )


def measure(slide: Path, size: int, channels: int, side: int) -> dict[str, float]:
    """Return how many cells were cut, in how many seconds, without and with finding them."""
    start = time.perf_counter()
    ids, patches = plan(opened(slide, channels, side), size)
    found = time.perf_counter()
    da.store(patches, Nowhere(), lock=False)
    end = time.perf_counter()
    return {"cells": len(ids), "cutting": end - found, "in all": end - start}


def some(slide: Path, size: int, folder: Path) -> None:
    """Write a few cells' pixels."""
    ids, patches = plan(opened(slide, *BLOCKS[-1]), size)
    rows = np.sort(np.random.default_rng(0).choice(len(ids), FEW, replace=False))
    pixels = np.stack([patches[row, :, 0].compute() for row in rows])
    np.savez(folder / "some.npz", ids=ids[rows], pixels=pixels, weights=np.ones(1))


def main() -> None:
    """Measure, and write what was found."""
    slide, size, folder = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    logger.remove()
    with dask.config.set(scheduler="threads", num_workers=os.cpu_count()):
        da.store(plan(opened(slide, 20, 1024, 1024), size)[1], Nowhere(), lock=False)  # compiles
        turns = [measure(slide, size, *blocks) for blocks in BLOCKS]
        some(slide, size, folder)
    fastest = min(turns, key=lambda turn: turn["cutting"])
    found = {
        "name": f"harpy-analysis {version('harpy-analysis')}",
        "cells": fastest["cells"],
        "seconds": {"cutting alone": fastest["cutting"], "finding cells too": fastest["in all"]},
    }
    (folder / "result.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
