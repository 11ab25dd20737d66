"""Time of clustering and map as tables grow, and what landmarks cost in agreement.

Tables on disk of 10⁴ to 10⁶ cells (20 markers, a representation of 128 numbers) from forty
groups, the rarest one cell in a thousand; each in a process of its own. Two clusterings (Leiden and
k-means) and the map. *Agreement* is the adjusted Rand index with the groups that cells were drawn
from; with landmarks (50,000 cells, which stand for the others) and, where it is asked for, with all
cells compared with one another.

    python benchmarks/clustering.py [--cells 10000 100000 250000 500000 1000000]

The table goes to ``docs/benchmarks/clustering.md``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData
from sklearn.metrics import adjusted_rand_score

from napari_splicer import pipeline
from napari_splicer.analysis.space import MANY
from napari_splicer.config import RunConfig
from napari_splicer.embedding.stored import LARGE
from napari_splicer.embedding.table import read_table
from napari_splicer.events import Progress
from napari_splicer.files import write_text
from results import BUILD, PAGES, made_by

GROUPS, MARKERS, WIDTH = 40, 20, 128
SIZES = [10_000, 100_000, 250_000, 500_000, 1_000_000]


def drawn(cells: int) -> AnnData:
    """Return cells of groups of very unequal sizes, which overlap a little."""
    rng = np.random.default_rng(0)
    share = np.geomspace(1, 0.005, GROUPS)
    group = rng.choice(GROUPS, cells, p=share / share.sum())
    z = rng.normal(size=(cells, WIDTH), scale=1.0).astype(np.float32)
    z += rng.normal(size=(GROUPS, WIDTH), scale=0.3).astype(np.float32)[group]
    x = rng.gamma(2, 5, (cells, MARKERS)).astype(np.float32)
    x += rng.gamma(1, 20, (GROUPS, MARKERS)).astype(np.float32)[group]
    table = AnnData(
        X=x,
        obs=pd.DataFrame(
            {
                "instance_id": np.arange(1, cells + 1),
                "region": pd.Categorical(np.full(cells, "slide")),
                "drawn_from": group,
            },
            index=pd.Index(np.arange(cells).astype(str)),
        ),
        var=pd.DataFrame(index=pd.Index([f"m{i}" for i in range(MARKERS)])),
    )
    table.obsm["X_splicer"] = z
    return table


def measure(path: Path, landmarks: int) -> dict[str, float]:
    """Cluster and map a table, in a process of its own."""
    table = read_table(path, lazy_above=LARGE)
    config = RunConfig().with_values(
        {
            "clusterings": [
                {"name": "leiden", "landmarks": landmarks},
                {"name": "kmeans", "method": "kmeans", "clusters": GROUPS, "landmarks": landmarks},
            ],
            "projection.landmarks": landmarks,
        }
    )
    seconds: dict[str, float] = {}
    last, gap, found = time.perf_counter(), 0.0, table
    begun = last
    for event in pipeline.cluster(table, config):
        now = time.perf_counter()
        gap, last = max(gap, now - last), now
        if isinstance(event, Progress):
            seconds[event.message] = now - begun
        found = getattr(event, "result", found)
    ends = np.diff([0, *seconds.values()])
    truth = found.obs["drawn_from"]
    return {
        "cells": len(found),
        **dict(zip(("leiden, s", "kmeans, s", "map, s"), ends.tolist(), strict=True)),
        "leiden": adjusted_rand_score(truth, found.obs["leiden"]),
        "kmeans": adjusted_rand_score(truth, found.obs["kmeans"]),
        "groups": found.obs["leiden"].nunique(),
        "longest wait, s": gap,
    }


def main() -> None:
    """Measure every size in turn and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, nargs="+", default=SIZES)
    parser.add_argument("--landmarks", type=int, default=50_000)
    parser.add_argument("--all", type=int, help="also this many cells, without landmarks")
    parser.add_argument("--one", type=Path, help="this table alone, as JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.landmarks)))
        return
    rows = []
    sizes = [(cells, options.landmarks) for cells in options.cells]
    if options.all:
        sizes.append((options.all, options.all))
    for cells, landmarks in sizes:
        path = BUILD / "tables" / f"{cells}.zarr"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            drawn(cells).write_zarr(path, chunks=(4096, 128))
        command = [sys.executable, Path(__file__), "--one", path, "--landmarks", str(landmarks)]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        rows.append({"landmarks": landmarks} | json.loads(out.splitlines()[-1]))
        print(rows[-1], flush=True)
    write_text(PAGES / "clustering.md", "\n".join(lines(rows, options.landmarks)), overwrite=True)
    print("\n".join(lines(rows, options.landmarks)))


def lines(rows: list[dict[str, float]], landmarks: int) -> list[str]:
    """Return the page's lines."""
    page = [
        "# Clustering and map as tables grow",
        "",
        f"Made by `benchmarks/clustering.py` {made_by()}. {MARKERS} markers and a representation "
        f"of {WIDTH} numbers per cell, read from the disk piece by piece; {GROUPS} groups, the "
        "rarest of one cell in a thousand. Leiden, then k-means, then the map, all by 'combined'; "
        "what the first finds of who is near whom, the others use. Agreement: adjusted Rand index "
        "with the groups that cells were drawn from; wait: the longest time without a sign of "
        "progress, after which a stop is heeded at the latest.",
        "",
        "| cells | compared | Leiden, s | k-means, s | map, s | Leiden's groups | agreement "
        "| of k-means | longest wait, s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        compared = f"{row['landmarks']:,.0f}" if sampled(row) else "all"
        page.append(
            f"| {row['cells']:,} | {compared} | {row['leiden, s']:.0f} | {row['kmeans, s']:.0f} "
            f"| {row['map, s']:.0f} | {row['groups']} "
            f"| {row['leiden']:.3f} | {row['kmeans']:.3f} | {row['longest wait, s']:.0f} |"
        )
    asked = [row for row in rows if row["landmarks"] == landmarks]
    fewer = [row for row in asked if sampled(row)]
    if len(fewer) > 1:
        page += [
            "",
            f"Slope of log time over log cells: {slope(asked):.2f}, with landmarks alone "
            f"{slope(fewer):.2f}; at most 1.05.",
        ]
    return [*page, ""]


def sampled(row: dict[str, float]) -> bool:
    """Return whether landmarks stood for the other cells of a table."""
    return row["cells"] > max(MANY, row["landmarks"])


def slope(rows: list[dict[str, float]]) -> float:
    """Return the slope of log time over log cells."""
    total = [row["leiden, s"] + row["kmeans, s"] + row["map, s"] for row in rows]
    return float(np.polyfit(np.log([row["cells"] for row in rows]), np.log(total), 1)[0])


if __name__ == "__main__":
    main()
