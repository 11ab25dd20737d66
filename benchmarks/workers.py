"""Two workers of dask.distributed against one process, and one of them killed midway.

A compressed zarr of 20 × 8,192² uint16, 40,000 cells, is embedded

- by one process,
- by two workers, processes of their own as ``dask worker`` starts them,
- by two workers, of which one is ended by SIGKILL while it is at a piece.

Each must give the table of the first: every cell once, and the same numbers to rounding.

    python benchmarks/workers.py [--side 8192] [--piece 8192] [--width 32]

The table goes to ``docs/benchmarks/workers.md``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

import numpy as np
import zarr
from distributed import Client, LocalCluster

from embedding import model
from napari_splicer import pipeline
from napari_splicer.embedding import distributed
from napari_splicer.embedding.table import MATRICES, read_table
from napari_splicer.events import Progress
from napari_splicer.files import write_text
from napari_splicer.images.masks import MaskedImage
from napari_splicer.images.open import open_image, open_mask
from results import BUILD, PAGES, made_by
from slide import CHUNK, slide

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

    from napari_splicer.model.bundle import Bundle


def varied(folder: Path, side: int) -> MaskedImage:
    """Open a slide from its files, whose first channel is another in every chunk.

    Elsewhere chunks repeat, and cells that were mixed up would not show.
    """
    if not (folder / "cells.zarr").exists():
        slide(folder, side)
        image = zarr.open_array(folder / "image.zarr", mode="r+")
        stain = image[0, :CHUNK, :CHUNK]
        places = [(y, x) for y in range(side // CHUNK) for x in range(side // CHUNK)]
        for number, (y, x) in enumerate(places):
            (folder / "image.zarr" / f"0.{y}.{x}").unlink()
            here = slice(y * CHUNK, (y + 1) * CHUNK), slice(x * CHUNK, (x + 1) * CHUNK)
            image[0, *here] = stain + 5 * number
    image = open_image(folder / "image.zarr", name=folder.name, pixel_size=0.5)
    return MaskedImage(image, open_mask(folder / "cells.zarr", name="cells"))


def embedded(
    field: MaskedImage, bundle: Bundle, path: Path, scheduler: str | None, *, kill: bool = False
) -> tuple[AnnData, float, float]:
    """Return the table, the seconds it took, and the CPU time of all processes that are left."""
    shutil.rmtree(path, ignore_errors=True)
    place, config = pipeline.Place(path), bundle.config.with_values({"threads": 1})
    spent, start, waiting = cpu_seconds(scheduler), time.perf_counter(), kill
    for event in pipeline.embed([field], bundle, config, place=place, scheduler=scheduler):
        if waiting and isinstance(event, Progress):
            assert scheduler is not None
            kill_one_at_work(scheduler)
            waiting = False
    seconds = time.perf_counter() - start
    return read_table(path), seconds, cpu_seconds(scheduler) - spent


def cpu_seconds(scheduler: str | None) -> float:
    """Return the CPU time of this process and the workers so far."""
    here = time.process_time()
    if scheduler is None:
        return here
    with Client(scheduler, set_as_default=False) as client:
        return here + sum(client.run(time.process_time).values())


def kill_one_at_work(scheduler: str) -> None:
    """End a worker that is at a piece, without a warning."""
    with Client(scheduler, set_as_default=False) as client:
        at_work = [worker for worker, tasks in client.call_stack().items() if tasks]
        pid = client.run(os.getpid, workers=at_work[:1])[at_work[0]]
        os.kill(pid, signal.SIGKILL)
    print(f"killed {at_work[0]} (process {pid}), one of {len(at_work)} at work", flush=True)


def compared(table: AnnData, expected: AnnData) -> str:
    """Return the page's columns: whether two tables hold the same, and how far numbers differ."""
    once = not table.obs_names.has_duplicates and table.obs.equals(expected.obs)
    means = np.array_equal(np.asarray(table.X), np.asarray(expected.X))
    apart = max(
        float(np.abs(np.asarray(table.obsm[name]) - np.asarray(expected.obsm[name])).max())
        for name in MATRICES
    )
    largest = max(float(np.abs(np.asarray(expected.obsm[name])).max()) for name in MATRICES)
    return f"{'yes' if once else 'NO'} | {'yes' if means else 'NO'} | {apart:.1g} of {largest:.1f}"


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--piece", type=int, default=2**13, help="least cells of a piece")
    parser.add_argument("--width", type=int, default=32)
    options = parser.parse_args()
    others = os.getloadavg()[0]
    usual, distributed.LEAST = distributed.LEAST, options.piece
    tables = BUILD / "slides"
    field = varied(tables / f"workers-{options.side}", options.side)
    bundle = model(field, 32, "fp32", "cpu", options.width)
    expected, alone, cpu = embedded(field, bundle, tables / "alone.zarr", None)
    runs = [("one process", alone, f"{cpu:.0f}", "– | – | –")]
    print(runs[-1], flush=True)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        address = cluster.scheduler_address
        for name, kill in (("two workers", False), ("two workers, one killed", True)):
            table, seconds, cpu = embedded(field, bundle, tables / "two.zarr", address, kill=kill)
            told = "–" if kill else f"{cpu:.0f}"
            runs.append((name, seconds, told, compared(table, expected)))
            print(runs[-1], flush=True)
    lines = [
        "# Two workers, and one that is killed",
        "",
        f"Made by `benchmarks/workers.py` {made_by()}. {expected.n_obs:,} cells of a compressed "
        f"zarr of 20 × {options.side}² uint16, 32 px, fp32, a network of width {options.width}, "
        "which has one thread in every process (another one reads). Pieces of at least "
        f"{options.piece:,} cells (usually {usual:,}), so that there are several.",
        "",
        f"When it began, {others:.1f} other processes wanted a CPU at a time: seconds are worth "
        "something only where that is near 0. *Killed*: SIGKILL, after the first piece came back, "
        "of a worker that was at another one; a new one takes its place.",
        "",
        "| | seconds | cells per second | ÷ one process | CPU seconds | every cell once | equal "
        "means | largest difference of an embedding |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {seconds:.0f} | {expected.n_obs / seconds:,.0f} | {alone / seconds:.2f} | "
        f"{cpu} | {same} |"
        for name, seconds, cpu, same in runs
    ]
    write_text(PAGES / "workers.md", "\n".join([*lines, ""]), overwrite=True)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
