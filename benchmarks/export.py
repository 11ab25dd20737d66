"""What it takes to write a slide of a million cells down, format by format.

A table of 10⁶ cells (20 markers, a representation of 128 numbers, 40 groups, a map) and a mask of
40,960² pixels, written by the same call as from the window and the shell. Of every format: the
time, and the longest wait between two signs of progress, after which a stop is heeded at the
latest. They are held against the library's own call for tables, which tells nothing and can't be
stopped, and for images against decoding every chunk of the mask once, the least there is to do.

    python benchmarks/export.py [--side 40960]

The table goes to ``docs/benchmarks/export.md``.
"""

from __future__ import annotations

import argparse
import shutil
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from clustering import GROUPS, drawn
from napari_splicer import pipeline
from napari_splicer.analysis.clustering import Clustering, add_clustering
from napari_splicer.analysis.palette import group_colours
from napari_splicer.config import ClusteringSettings, RunConfig
from napari_splicer.events import Progress
from napari_splicer.export.tables import flat_rows
from napari_splicer.files import write_text
from results import BUILD, PAGES, load, made_by
from slide import CHUNK, opened, slide

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from anndata import AnnData

    from napari_splicer.images.masks import MaskedImage

_PART = 50_000  # rows that pandas is given to write as CSV


class Written(NamedTuple):
    """What writing one format took."""

    form: str
    seconds: float
    wait: float
    size: float
    limit: str
    limit_seconds: float


def grouped(cells: int, image: str) -> AnnData:
    """Return a table of cells with groups and a map, as embedding and grouping leave it."""
    table = drawn(cells)
    table.obs["region"] = pd.Categorical(np.full(cells, image))
    codes = table.obs.pop("drawn_from").to_numpy(np.int32)
    names = tuple(str(number) for number in range(1, GROUPS + 1))
    colours = tuple(group_colours(GROUPS))
    settings = ClusteringSettings(name="groups")
    table.uns["splicer"] = {"config": RunConfig().model_dump_json(), "sites": "cells"}
    add_clustering(table, Clustering("groups", table.obs_names, codes, names, colours, settings))
    table.obsm["X_umap"] = np.random.default_rng(0).normal(size=(cells, 2)).astype(np.float32)
    return table


def timed(work: Callable[[], Any]) -> float:
    """Return how many seconds it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def exported(form: str, table: AnnData, field: MaskedImage, folder: Path) -> tuple[float, float]:
    """Write one format; return the time, and the longest wait between two signs of progress."""
    config = RunConfig().with_values({"export.formats": [form]})
    begun = last = time.perf_counter()
    wait = 0.0
    for event in pipeline.export(table, [field], config, folder):
        now = time.perf_counter()
        wait, last = max(wait, now - last), now
        if isinstance(event, Progress):
            print(f"\r{form} {event.done} %", end="", flush=True)
    return last - begun, wait


def decoded(field: MaskedImage) -> None:
    """Read every chunk of the mask once."""
    assert field.cells is not None
    height, width = field.cells.shape
    for y in range(0, height, CHUNK):
        for x in range(0, width, CHUNK):
            field.cells.read(y, y + CHUNK, x, x + CHUNK)


def limits(
    table: AnnData, field: MaskedImage, folder: Path
) -> dict[str, tuple[str, Callable[[], Any], float]]:
    """Return what each format is held against: words, the work, and how often it would be done."""
    mask = "decoding the mask once"
    share = table.n_obs / min(_PART, table.n_obs)
    return {
        "h5ad": ("anndata", partial(table.write_h5ad, folder / "a.h5ad"), 1),
        "zarr": ("anndata", partial(table.write_zarr, folder / "a.zarr"), 1),
        "csv": (
            "pandas",
            lambda: flat_rows(table, 0, _PART).to_csv(folder / "a.csv", index=False),
            share,
        ),
        "parquet": ("pandas", lambda: flat_rows(table).to_parquet(folder / "a.parquet"), 1),
        "ome-tiff": (mask, partial(decoded, field), 1),
        "ome-zarr": (mask, partial(decoded, field), 1),
    }


def size_of(folder: Path) -> float:
    """Return the GB of a folder's files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e9


def main() -> None:
    """Measure every format and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=40960)
    options = parser.parse_args()
    place, out = BUILD / "slides" / f"typed-{options.side}", BUILD / "export"
    slide(place, options.side, types=True)
    field = opened(place)
    assert field.cells is not None
    table = grouped(len(field.cells.cells()), field.name)
    rows = []
    for form in limits(table, field, out):
        shutil.rmtree(out, ignore_errors=True)
        seconds, wait = exported(form, table, field, out)
        size = size_of(out)
        shutil.rmtree(out)
        out.mkdir()
        words, work, times = limits(table, field, out)[form]
        rows.append(Written(form, seconds, wait, size, words, times * timed(work)))
        print(rows[-1], flush=True)
        shutil.rmtree(out)
    lines = [
        f"# Writing {table.n_obs:,} cells",
        "",
        f"Made by `benchmarks/export.py` {made_by()}. {load()} {table.n_obs:,} cells with 20 "
        f"markers and a representation of 128 numbers; a mask of {options.side:,}² pixels, in "
        "compressed chunks. *Wait*: the longest time between two signs of progress, after which a "
        "stop is heeded at the latest.",
        "",
        "| format | s | wait, s | GB | held against | s | ratio |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {row.form} | {row.seconds:.0f} | {row.wait:.1f} | {row.size:.2f} | {row.limit} "
            f"| {row.limit_seconds:.0f} | {row.limit_seconds / row.seconds:.2f} |"
            for row in rows
        ),
        "",
        "The library's own call tells nothing before its end, and can't be stopped. Of CSV, pandas "
        f"wrote {_PART:,} cells, and its time is told for all. An image of the groups reads the "
        "mask once for each level of its pyramid, of which there are three here, and compresses "
        "it.",
        "",
    ]
    write_text(PAGES / "export.md", "\n".join(lines), overwrite=True)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
