"""Cut out every cell of a slide with scPortrait; started by ``reading.py``.

    python -m venv build/scportrait && build/scportrait/bin/pip install scportrait
    build/scportrait/bin/python benchmarks/rivals/scportrait_extraction.py SLIDE SIZE FOLDER

``Project.extract`` with as many worker processes as there are cores, without its percentile
normalisation (what is left is a division by 65,535). It copies the whole image into a file that it
maps into memory, then cuts cell by cell, multiplies by the cell's blurred mask, and writes HDF5. To
begin with, the slide is put into a project as a SpatialData store of the same chunks, and centres
are found; neither is counted. It is measured as it is, and without what it writes. Cells of which a
patch would reach over the border are left out by scPortrait.

Writes ``FOLDER/result.json``, and a few cells' pixels to ``FOLDER/some.npz``.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from scportrait.pipeline.extraction import HDF5CellExtraction
from scportrait.pipeline.project import Project
from spatialdata import SpatialData
from spatialdata.models import Image2DModel, Labels2DModel

FEW = 5
LARGEST = 65535
"""What scPortrait divides by."""


class Unwritten(HDF5CellExtraction):
    """Extraction that drops what it cut instead of writing it."""

    def _write_to_hdf5(self, results: Any, hdf5_lock: Any) -> None:
        pass


def store(slide: Path, path: Path) -> None:
    """Put the slide into a SpatialData store, as it is stored: one channel of 1,024² per chunk.

    With a second level, because scPortrait 1.8 can't read an image that has only one.
    """
    image, cells = (da.from_zarr(slide / f"{name}.zarr") for name in ("image", "cells"))
    names = [f"marker {i}" for i in range(len(image))]
    model = Image2DModel.parse(image, dims=("c", "y", "x"), c_coords=names, scale_factors=[2])
    labels = Labels2DModel.parse(cells, dims=("y", "x"))
    SpatialData(images={"image": model}, labels={"cells": labels}).write(path)


def project(folder: Path, extraction: type[HDF5CellExtraction], size: int) -> Project:
    """Open the project in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "threads": os.cpu_count(),
        "image_size": size,
        "cache": str(folder),
        "normalize_output": False,
    }
    return Project(
        str(folder),
        config_path={extraction.__name__: settings},
        extraction_f=extraction,
        overwrite=True,
    )


def prepare(slide: Path, folder: Path) -> None:
    """Load the slide into a project, unless it is there."""
    ready = folder / "ready"
    if ready.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "slide.zarr"
    if not path.exists():
        store(slide, path)
    made = project(folder / "project", HDF5CellExtraction, 32)
    made.load_input_from_sdata(str(path), "image", cytosol_segmentation_name="cells")
    ready.touch()


def extracted(opened: Project) -> float:
    """Return the seconds of one extraction."""
    start = time.perf_counter()
    opened.extract(overwrite=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure, and write what was found."""
    slide, size, folder = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    warnings.simplefilter("ignore")
    kept = folder.parent / "scportrait"
    prepare(slide, kept)
    unwritten = project(kept / "project", Unwritten, size)
    unwritten.extract(partial=True, n_cells=500, overwrite=True)  # once, before it counts
    dropped = extracted(unwritten)
    opened = project(kept / "project", HDF5CellExtraction, size)
    written = extracted(opened)
    table = opened.h5sc
    ids = table.obs["scportrait_cell_id"].to_numpy()
    rows = np.sort(np.random.default_rng(0).choice(len(ids), FEW, replace=False))
    pixels = np.asarray(table.obsm["single_cell_images"][rows], np.float64)
    np.savez(
        folder / "some.npz",
        ids=ids[rows],
        pixels=pixels[:, 1:] * LARGEST,
        weights=pixels[:, :1],  # the cell's blurred mask
    )
    found = {
        "name": f"scPortrait {version('scportrait')}",
        "cells": len(ids),
        "seconds": {"nothing written": dropped, "written as HDF5": written},
    }
    (folder / "result.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
