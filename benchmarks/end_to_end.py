"""A slide of a million cells, from the image to the files that are taken away.

A compressed zarr of 20 × 40,960² uint16 with 10⁶ cells of eight types. A model is trained on it,
all cells are embedded with the default network, grouped, mapped and exported, each by the same call
as from the window and the shell, in one process. Of every stage: its time, the largest memory that
the process has for itself at any sign of progress, on top of what the imports take (pages of files
that are mapped are the system's, which takes them away when it needs them), and the longest wait
between two signs of progress, after which a stop is heeded at the latest. How well groups agree
with the types is told, too, but is not the point here: types differ in their mean intensities.

    python benchmarks/end_to_end.py [--side 40960] [--steps 300]

The table goes to ``docs/benchmarks/end_to_end.md``.
"""

from __future__ import annotations

import argparse
import shutil
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import psutil
import torch
from sklearn.metrics import adjusted_rand_score

from napari_splicer import pipeline
from napari_splicer.config import Component, RunConfig
from napari_splicer.events import Finished, Progress
from napari_splicer.files import write_text
from results import BUILD, PAGES, load, made_by
from slide import opened, slide, types_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_splicer.events import Event

PARTS = 5


class Stage(NamedTuple):
    """What came of a stage, and what it took."""

    name: str
    result: Any
    seconds: float
    memory: float
    wait: float


def own() -> float:
    """Return the GB that this process has for itself."""
    memory = psutil.Process().memory_info()
    return float(memory.rss - memory.shared) / 1e9


def staged(name: str, events: Iterator[Event], imports: float) -> Stage:
    """Run one stage to its end."""
    begun = last = told = time.perf_counter()
    wait, most, result = 0.0, 0.0, None
    for event in events:
        now = time.perf_counter()
        wait, most = max(wait, now - last), max(most, own() - imports)
        if isinstance(event, Progress) and now - told > 60:
            print(f"{name}: {event.done} of {event.total} {event.unit}", flush=True)
            told = now
        if isinstance(event, Finished):
            result = event.result
        last = now
    stage = Stage(name, result, last - begun, most, wait)
    print(stage._replace(result=None), flush=True)
    return stage


def settings(names: tuple[str, ...], steps: int) -> RunConfig:
    """Return five components of four channels each, and all that is exported by default."""
    components = tuple(
        Component(name=f"part {number}", channels=names[number::PARTS]) for number in range(PARTS)
    )
    return RunConfig(components=components).with_values(
        {"patches.size": 32, "device": "cpu", "training.steps": steps}
    )


def size_of(folder: Path) -> float:
    """Return the GB of a folder's files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e9


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=40960)
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    folder, out = BUILD / "slides" / f"typed-{options.side}", BUILD / "end-to-end"
    slide(folder, options.side, types=True)
    shutil.rmtree(out, ignore_errors=True)
    field = opened(folder)
    run = settings(field.image.channels, options.steps)
    imports = own()
    stages = [staged("train", pipeline.train([field], run, folder=out), imports)]
    bundle = stages[-1].result
    place = pipeline.Place(out / "table.zarr")
    stages.append(staged("embed", pipeline.embed([field], bundle, run, place=place), imports))
    stages.append(staged("cluster", pipeline.cluster(stages[-1].result, run), imports))
    table = stages[-1].result
    files = out / "export"
    stages.append(staged("export", pipeline.export(table, [field], run, files), imports))
    groups = table.obs[run.clusterings[0].name]
    types = pd.Series(types_of(table.obs["instance_id"].to_numpy()))
    counts = pd.crosstab(groups.to_numpy(), types)
    cells = table.n_obs
    lines = [
        f"# {cells:,} cells end to end",
        "",
        f"Made by `benchmarks/end_to_end.py` {made_by()}, {torch.get_num_threads()} threads. "
        f"{cells:,} cells of a compressed zarr of 20 × {options.side}² uint16; five components, "
        f"the default network (width 32), 32 px, {bundle.config.precision}, {options.steps} steps. "
        f"Memory of its own, on top of the imports ({imports:.2f} GB). {load()}",
        "",
        "| stage | s | largest memory, GB | longest wait, s |",
        "|---|---|---|---|",
        *(f"| {s.name} | {s.seconds:.0f} | {s.memory:.2f} | {s.wait:.1f} |" for s in stages),
        f"| all | {sum(s.seconds for s in stages):.0f} | {max(s.memory for s in stages):.2f} | |",
        "",
        f"{len(counts)} groups of {types.nunique()} types. Named by its most common type, a "
        f"group's name is right for {counts.max(axis=1).sum() / cells:.0%} of the cells (one name "
        f"for all: {counts.sum().max() / cells:.0%}); adjusted Rand index "
        f"{adjusted_rand_score(types, groups):.2f}. Exported: {size_of(files):.2f} GB "
        f"({', '.join(sorted(path.name for path in files.iterdir()))}).",
        "",
    ]
    write_text(PAGES / "end_to_end.md", "\n".join(lines), overwrite=True)
    print("\n".join(lines))
    shutil.rmtree(out)


if __name__ == "__main__":
    main()
