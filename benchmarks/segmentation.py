"""Cell masks made from a nuclear channel: how far they agree with others, and what slides cost.

Agreement: every image is segmented with the settings as they are, and with the width of nuclei, of
five, that suits best, and compared with the mask that comes with it. A cell is found if one of the
mask overlaps it by more than half of their union (IoU); F1 is 2 found / (cells here + cells there).

Slides: 5,120² to 20,480² pixels, each in a process of its own. Memory is the largest resident size
on top of what the imports take.

    NAPARI_SPLICER_DATA=... python benchmarks/segmentation.py [--sides 5120 10240 20480]

The table goes to ``docs/benchmarks/segmentation.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from memory import resident
from napari_splicer import open_image, open_mask, pipeline
from napari_splicer.files import write_text
from napari_splicer.samples import synthetic_tissue
from napari_splicer.segmentation.settings import USUAL_DIAMETER, SegmentationSettings
from results import BUILD, PAGES, load, made_by
from slide import opened, slide

if TYPE_CHECKING:
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.masks import LabelMask

FOUND = 0.5  # IoU
WIDTHS = (5.0, 6.0, 7.0, 10.0)  # µm, beside the usual one
SPACING = 20  # px from cell to cell


class Case(NamedTuple):
    """A set of images with masks."""

    title: str
    made_by: str
    images: str
    pixel_size: float | None = None


CASES = (
    Case(
        "MIBI breast, 12 fields",
        "watershed of HH3, nuclei + 3 px (the same idea)",
        "mibi_dcis_risom_dev/*.ome.tif",
    ),
    Case("MIBI, 1 field", "DeepCell, whole cells", "mibi_ark_fov8/*.ome.tif", 0.488),
    Case(
        "multiplex IF lung, 1 field",
        "the maker's software",
        "phenoptr_fihc4_mif/*.ome.tif",
    ),
    Case(
        "CODEX lymphoma, a piece of 101²",
        "published",
        "spatialproteomics_bnhl_codex_tiny/*.ome.tif",
        0.377,
    ),
    Case("IMC pancreas, 3 fields of 100²", "published", "cytomapper_pancreas_imc/*.ome.tif"),
)


def labels(mask: LabelMask) -> np.ndarray:
    """Return a mask as an array numbered without gaps."""
    height, width = mask.shape
    pixels = mask.read(0, height, 0, width)
    ids, numbered = np.unique(pixels, return_inverse=True)
    return numbered.reshape(pixels.shape) + (0 if ids[0] == 0 else 1)


def compare(here: np.ndarray, there: np.ndarray) -> tuple[int, int, int]:
    """Return how many cells are in one, in the other, and in both."""
    many = int(here.max()) + 1, int(there.max()) + 1
    both = np.bincount(here.ravel() * many[1] + there.ravel(), minlength=many[0] * many[1])
    both = both.reshape(many)
    union = both.sum(1, keepdims=True) + both.sum(0) - both
    found = (both / union)[1:, 1:] > FOUND
    return many[0] - 1, many[1] - 1, int(found.sum())


def made(image: MultiplexImage, diameter: float) -> np.ndarray:
    """Segment ``image`` with everything but the width of nuclei, in µm, as it is."""
    settings = SegmentationSettings(diameter=diameter)
    return labels(pipeline.run(pipeline.segment(image, settings)))


def agreement(folder: Path) -> list[str]:
    """Return a row of the table for each set of images."""
    rows = []
    for case in CASES:
        paths = sorted(folder.glob(case.images))
        images = [open_image(path, pixel_size=case.pixel_size) for path in paths]
        masks = [str(path).replace(".ome.tif", "_mask.tif") for path in paths]
        rows.append(_row(case.title, case.made_by, images, [labels(open_mask(m)) for m in masks]))
    field = synthetic_tissue(size=1024).field
    assert field.cells is not None
    given = [labels(field.cells)]
    return [*rows, _row("synthetic tissue, 1,024²", "exact", [field.image], given)]


def _row(title: str, made_by: str, images: list[MultiplexImage], given: list[np.ndarray]) -> str:
    counts = {
        width: np.sum([compare(made(i, width), g) for i, g in zip(images, given, strict=True)], 0)
        for width in (USUAL_DIAMETER, *WIDTHS)
    }
    best = max(counts, key=lambda width: _f1(counts[width]))
    here, there, _ = counts[USUAL_DIAMETER]
    row = (
        f"| {title} | {made_by} | {there:,} | {here:,} | {_f1(counts[USUAL_DIAMETER]):.2f} | "
        f"{_f1(counts[best]):.2f} ({best:g} µm) |"
    )
    print(row, flush=True)
    return row


def _f1(counts: np.ndarray) -> float:
    here, there, both = counts
    return float(2 * both / (here + there))


def measure(side: int, threads: int) -> dict[str, float]:
    """Segment a slide; in a process of its own."""
    image = opened(BUILD / "slides" / f"stain-{side}").image
    path = BUILD / "slides" / f"cells-{side}.ome.zarr"
    settings = SegmentationSettings(channels=("marker 0",))
    from napari_splicer.segmentation import segment  # noqa: F401  # what it imports is no slide's

    imports, start = resident(), time.perf_counter()
    events = pipeline.segment(image, settings, path=path, overwrite=True, threads=threads)
    mask = pipeline.run(events)
    seconds, peak = time.perf_counter() - start, resident() - imports
    return {"cells": len(mask.cells()), "seconds": seconds, "GB": peak}


def slides(sides: list[int], threads: int) -> list[str]:
    """Return a row of the table for each slide."""
    rows = []
    for side in sides:
        slide(BUILD / "slides" / f"stain-{side}", side, channels=1, spacing=SPACING)
        command = [sys.executable, Path(__file__), "--one", str(side), "--threads", str(threads)]
        done = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        row = json.loads(done.splitlines()[-1])
        speed = side**2 / 1e6 / row["seconds"]
        rows.append(
            f"| {side:,}² | {row['cells']:,} | {row['seconds']:.0f} | {speed:.1f} | "
            f"{row['GB']:.2f} |"
        )
        print(rows[-1], flush=True)
    return rows


def slides_and_load(sides: list[int], threads: int) -> list[str]:
    """Return the table of the slides, and how busy the machine was then."""
    rows = slides(sides, threads)
    head = ["| slide | cells | seconds | megapixels per second | GB |", "|---|---|---|---|---|"]
    return [*head, *rows, "", load()]


def main() -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[5120, 10240, 20480])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", type=int, help="this side alone, as JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.threads)))
        return
    lines = [
        "# Cell masks from a nuclear channel",
        "",
        f"Made by `benchmarks/segmentation.py` {made_by()}.",
        "",
        "## Agreement with other masks",
        "",
        f"Settings as they are: nuclei {USUAL_DIAMETER:g} µm wide, cells a quarter of that larger "
        "all around; beside it, the best of "
        f"{', '.join(f'{width:g}' for width in sorted((*WIDTHS, USUAL_DIAMETER)))} µm. F1 counts "
        "cells that overlap by more than half of their union. The weights of the method were "
        "chosen on these images (of the 12 fields, one), so others may fare worse; no mask but the "
        "last is the truth, and the pixel sizes of MIBI and CODEX are assumed.",
        "",
        "| images | their masks | cells there | cells here | F1 | F1, best width |",
        "|---|---|---|---|---|---|",
        *agreement(Path(os.environ["NAPARI_SPLICER_DATA"])),
        "",
        "## Slides",
        "",
        f"One channel, {options.threads} threads, nuclei of 16 pixels' width every 20 pixels; "
        "memory on top of the imports.",
        "",
        *slides_and_load(options.sides, options.threads),
    ]
    write_text(PAGES / "segmentation.md", "\n".join([*lines, ""]), overwrite=True)


if __name__ == "__main__":
    main()
