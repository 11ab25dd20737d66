"""Cell masks made from a nuclear channel: how far they agree with others, and what slides cost.

Agreement: every image is segmented with the settings as they are, but for the nuclear channel where
its name does not tell, and compared with the mask that comes with it. A cell is found if one of the
mask overlaps it by more than half of their union (IoU); F1 is 2 found / (cells here + cells there).
Where nuclei are given, too, they are compared without expansion.

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
from napari_splicer.segmentation.settings import SegmentationSettings
from results import BUILD, PAGES, made_by
from slide import opened, slide

if TYPE_CHECKING:
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.masks import LabelMask

FOUND = 0.5  # IoU


class Case(NamedTuple):
    """A set of images with masks."""

    title: str
    made_by: str
    images: str
    pixel_size: float | None = None
    nuclei: str | None = None


CASES = (
    Case(
        "MIBI breast, 12 fields",
        "watershed of HH3, nuclei + 3 px (the same idea)",
        "mibi_dcis_risom_dev/*.ome.tif",
        nuclei="_nuclei.tif",
    ),
    Case("MIBI, 1 field", "DeepCell, whole cells", "mibi_ark_fov8/*.ome.tif", 0.488),
    Case(
        "multiplex IF lung, 1 field",
        "the maker's software",
        "phenoptr_fihc4_mif/*.ome.tif",
        nuclei="_nucleus_mask.tif",
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


def made(image: MultiplexImage, *, expansion: float | None = None) -> np.ndarray:
    """Segment ``image`` with the settings as they are."""
    given = {} if expansion is None else {"expansion": expansion}
    return labels(pipeline.run(pipeline.segment(image, SegmentationSettings(**given))))


def agreement(folder: Path) -> list[str]:
    """Return a row of the table for each set of images."""
    rows = []
    for case in CASES:
        cells, nuclei = [], []
        for path in sorted(folder.glob(case.images)):
            image = open_image(path, pixel_size=case.pixel_size)
            stem = str(path).removesuffix(".ome.tif")
            cells.append(compare(made(image), labels(open_mask(f"{stem}_mask.tif"))))
            if case.nuclei:
                given = labels(open_mask(f"{stem}{case.nuclei}"))
                nuclei.append(compare(made(image, expansion=0), given))
        rows.append(_row(case.title, case.made_by, cells, nuclei))
        print(rows[-1], flush=True)
    field = synthetic_tissue(size=1024).field
    assert field.cells is not None
    found = compare(made(field.image), labels(field.cells))
    return [*rows, _row("synthetic tissue, 1,024²", "exact", [found], [])]


def _row(
    title: str, made_by: str, cells: list[tuple[int, ...]], nuclei: list[tuple[int, ...]]
) -> str:
    here, there, _ = np.sum(cells, axis=0)
    return (
        f"| {title} | {made_by} | {there:,} | {here:,} | {_f1(cells):.2f} | "
        f"{f'{_f1(nuclei):.2f}' if nuclei else ''} |"
    )


def _f1(counts: list[tuple[int, ...]]) -> float:
    here, there, both = np.sum(counts, axis=0)
    return float(2 * both / (here + there))


def measure(side: int, threads: int) -> dict[str, float]:
    """Segment a slide; in a process of its own."""
    image = opened(BUILD / "slides" / f"stain-{side}").image
    path = BUILD / "slides" / f"cells-{side}.ome.zarr"
    settings = SegmentationSettings(channels=("marker 0",), diameter=16, expansion=2)
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
        slide(BUILD / "slides" / f"stain-{side}", side, channels=1)
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
        "Settings as they are (nuclei 8 µm wide, cells 2 µm larger all around). F1 counts cells "
        "that overlap by more than half of their union. The weights of the method were chosen on "
        "these images (one of the 12 fields), so other images may fare worse; none of these "
        "masks but the last is the truth.",
        "",
        "| images | their masks | cells there | cells here | F1 of cells | F1 of nuclei |",
        "|---|---|---|---|---|---|",
        *agreement(Path(os.environ["NAPARI_SPLICER_DATA"])),
        "",
        "## Slides",
        "",
        f"One channel, {options.threads} threads, nuclei of 32 pixels' width every 40 pixels; "
        "memory on top of the imports.",
        "",
        "| slide | cells | seconds | megapixels per second | GB |",
        "|---|---|---|---|---|",
        *slides(options.sides, options.threads),
    ]
    write_text(PAGES / "segmentation.md", "\n".join([*lines, ""]), overwrite=True)


if __name__ == "__main__":
    main()
