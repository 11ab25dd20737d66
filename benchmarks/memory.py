"""Memory and time as slides grow: the cell table, and embedding to a table on disk.

Slides of 5,120² to 40,960² pixels with 20 channels and a cell every 40 pixels (16,000 to 10⁶
cells), each in a process of its own. Memory is the largest resident size on top of what the
imports take; it should not grow with the slide. Time is told per stage, with the slope of its
logarithm over that of the cells: 1 is proportional.

    python benchmarks/memory.py [--sides 5120 10240 20480 40960] [--width 4]

The network is narrow, so that reading, measuring and writing dominate. The table goes to
``docs/benchmarks/memory.md``.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from napari_splicer import pipeline
from napari_splicer.files import write_text
from results import BUILD, PAGES, made_by
from slide import opened, slide

LIMIT_GB, FLAT = 3.0, 0.2


def resident() -> float:
    """Return the largest resident size of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measure(side: int, width: int) -> dict[str, float]:
    """Make the cell table of a slide and embed it; in a process of its own."""
    from embedding import model

    field = opened(BUILD / "slides" / str(side))
    path = BUILD / "slides" / f"memory-{side}.zarr"
    shutil.rmtree(path, ignore_errors=True)
    imports = resident()
    start = time.perf_counter()
    assert field.cells is not None
    cells = len(field.cells.cells())
    seconds = {"cell table": time.perf_counter() - start}
    table_peak = resident()
    bundle = model(field, 32, "bf16", "cpu", width)
    start = time.perf_counter()
    pipeline.run(pipeline.embed([field], bundle, bundle.config, place=pipeline.Place(path)))
    seconds["embedding"] = time.perf_counter() - start
    shutil.rmtree(path)
    return {
        "cells": cells,
        "imports": imports,
        "cell table, GB": table_peak - imports,
        "embedding, GB": resident() - imports,
        **seconds,
    }


def main() -> None:
    """Measure every slide in turn and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[5120, 10240, 20480, 40960])
    parser.add_argument("--width", type=int, default=4)
    parser.add_argument("--one", type=int, help="this side alone, as JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.width)))
        return
    rows = []
    for side in options.sides:
        slide(BUILD / "slides" / str(side), side)
        command = [sys.executable, Path(__file__), "--one", str(side)]
        command += ["--width", str(options.width)]
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        rows.append(json.loads(found.splitlines()[-1]))
        print(side, rows[-1], flush=True)
    peaks, imports = [row["embedding, GB"] for row in rows], rows[0]["imports"]
    lines = [
        "# Memory and time as slides grow",
        "",
        f"Made by `benchmarks/memory.py` {made_by()}. 20 channels, compressed zarr, 32 px patches, "
        f"a network of width {options.width}. Memory on top of the imports "
        f"({imports:.2f} GB); the limit is {LIMIT_GB:g} GB, and that it is flat within "
        f"{FLAT:.0%}: from the smallest slide to the largest it grows by "
        f"{max(peaks) / peaks[0] - 1:.0%}, and all that the process takes, imports among it, by "
        f"{(max(peaks) + imports) / (peaks[0] + imports) - 1:.0%}.",
        "",
        "| slide | cells | cell table, s | GB | embedding, s | GB | cells per second |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {side:,}² | {row['cells']:,} | {row['cell table']:.1f} | {row['cell table, GB']:.2f} | "
        f"{row['embedding']:.0f} | {row['embedding, GB']:.2f} | "
        f"{row['cells'] / row['embedding']:,.0f} |"
        for side, row in zip(options.sides, rows, strict=True)
    ]
    if len(rows) > 1:
        cells = np.log([row["cells"] for row in rows])
        slopes = [
            f"{stage} {np.polyfit(cells, np.log([row[stage] for row in rows]), 1)[0]:.2f}"
            for stage in ("cell table", "embedding")
        ]
        lines += ["", f"Slope of log time over log cells: {', '.join(slopes)}; at most 1.05."]
        per_cell = (peaks[-1] - peaks[0]) / (rows[-1]["cells"] - rows[0]["cells"])
        lines += [
            "",
            "From the smallest slide to the largest, memory grows by about "
            f"{per_cell * 1e6:.1f} KB a cell: with 10⁷ cells it would be about "
            f"{peaks[0] + per_cell * 1e7:.1f} GB, where the limit is {LIMIT_GB:g} GB.",
        ]
    write_text(PAGES / "memory.md", "\n".join([*lines, ""]), overwrite=True)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
