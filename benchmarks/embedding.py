"""Embedding a slide, against what its two stages allow.

A compressed zarr of 20 × 8,192² uint16, 40,000 cells. Of the whole pipeline (reading, measuring
intensities, cropping, normalising, the network, writing the table to disk), in cells per second:

- ÷ the network's forward pass alone, on random patches that lie on the device; on a CPU the faster
  of two ways, all cores for one batch after the other, or a batch for every core;
- ÷ the rate that forward pass and decoding allow together: on a CPU they share the cores, so
  1 / (1 / forward + 1 / decode); a CUDA device computes while the CPU decodes, so the lesser.

    python benchmarks/embedding.py [--side 8192] [--device cuda] [--precisions fp32 bf16]

The table goes to ``docs/benchmarks/embedding.md``.
"""

from __future__ import annotations

import argparse
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import TYPE_CHECKING

import torch

from napari_splicer import pipeline
from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import RunConfig
from napari_splicer.embedding.resolve import resolve
from napari_splicer.files import write_text
from napari_splicer.model.bundle import Bundle
from napari_splicer.model.objectives import build_network
from napari_splicer.patches.normalization import fit_normalization
from napari_splicer.training.device import autocast, threads
from reading import TURNS, decoded_by, fastest
from results import BUILD, PAGES, load, made_by
from slide import opened, slide

if TYPE_CHECKING:
    from napari_splicer.images.masks import MaskedImage

GOALS = {"cpu": 0.9, "cuda": 0.8}
EARLIER = """Where windows overlap enough, as those of 64 px do here (each pixel lies in 2.4 of
them), tiles are normalised as a whole before windows are cut out. With and without it in turns in
one process, cells per second ÷ forward, medians of three turns: in bf16 0.56, 0.63 and 0.71 with,
0.48, 0.53 and 0.57 without; in fp32 0.69 and 0.57 with, 0.64 and 0.58 without. It saves a quarter
of the processor's time in bf16 (28 of 37 s). The machine's speed changes by a fifth within minutes,
so that a column's figures are not all of one speed: an hour before, without it, 0.79 and 0.74 of
what is allowed at 32 px, where nothing changed, and 0.76 and 0.70 at 64 px.
Before every core had a batch of its own (2026-11-21, another machine): 0.70 and 0.54 at 32 and
64 px in fp32, 0.52 and 0.47 in bf16.

What is missing to the limit is neither decoding nor the network. Of 64 px in bf16, seconds of one
core's time for 40,000 cells (a run of 32 in all): the network 16, decoding 5, normalising tiles
3 to 5, cutting windows out 2, cells' intensities 1.5, writing the table 0.3; and while one thread
cuts, others wait now and then."""


def model(field: MaskedImage, size: int, precision: str, device: str, width: int = 32) -> Bundle:
    """Return an untrained model, by default of the default size, a component per channel."""
    channels = field.image.channels
    parts = Decomposition.per_channel(channels)
    config = RunConfig(components=parts.components).with_values(
        {
            "patches.size": size,
            "precision": precision,
            "device": device,
            "model.width": width,
            "training.component_dropout": 0,
        }
    )
    network = build_network(config.model, parts, channels, size, seed=0).eval()
    scale = fit_normalization([field], channels, config.normalization)
    return Bundle(network, parts, channels, scale, config, pixel_size=(0.5, 0.5))


def forward_rate(bundle: Bundle) -> float:
    """Return how many patches per second go through the network, alone, in one turn."""
    run, size = bundle.config, bundle.config.patches.size
    device = torch.device(run.device)
    batch = resolve(run, bundle).embedding.batch or 1
    x_BCHW = torch.rand(batch, len(bundle.channels), size, size, device=device)
    network = bundle.network.to(device)
    times = max(1, 2048 // batch)

    def embed(_: int) -> None:
        with torch.inference_mode(), autocast(run, device):
            network.embed(x_BCHW)

    def one_by_one() -> None:
        for turn in range(times):
            embed(turn)
        if device.type == "cuda":
            torch.cuda.synchronize()

    def side_by_side() -> None:
        with threads(1), ThreadPoolExecutor(cores) as pool:
            for _ in pool.map(embed, range(times)):
                pass

    cores = torch.get_num_threads()
    ways = [one_by_one, side_by_side] if device.type == "cpu" else [one_by_one]
    embed(0)
    return times * batch / min(fastest(way, 1) for way in ways)


def pipeline_rate(field: MaskedImage, bundle: Bundle, cells: int) -> float:
    """Return how many cells per second are embedded, from the slide to the table, in one turn."""
    path = BUILD / "slides" / "table.zarr"

    def embed() -> None:
        shutil.rmtree(path, ignore_errors=True)
        pipeline.run(pipeline.embed([field], bundle, bundle.config, place=pipeline.Place(path)))

    return cells / fastest(embed, 1)


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"])
    options = parser.parse_args()
    folder = BUILD / "slides" / str(options.side)
    slide(folder, options.side)
    field = opened(folder)
    assert field.cells is not None
    cells = len(field.cells.cells())
    cuda = options.device != "cpu"
    lines = [
        "# Embedding a slide",
        "",
        f"Made by `benchmarks/embedding.py` {made_by()}, on {options.device}, "
        f"{torch.get_num_threads()} threads. {cells:,} cells of a compressed zarr of 20 × "
        f"{options.side}² uint16; the default network (width 32). Cells per second, "
        f"of each the fastest of {TURNS} turns, one after the other. "
        + (
            ""
            if cuda
            else "*Forward alone*: the faster of all cores for one batch after the "
            "other, and a batch for every core. "
        )
        + "*Allowed*: "
        + ("the lesser of both. " if cuda else "1 / (1 / forward + 1 / decode). ")
        + f"The goal is {GOALS['cuda' if cuda else 'cpu']} of that. {load()}",
        "",
        "| patch | precision | forward alone | decode alone | allowed | whole pipeline | "
        "÷ forward | ÷ allowed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for size, precision in product((32, 64), options.precisions):
        bundle = model(field, size, precision, options.device)
        turns = [
            (
                forward_rate(bundle),
                cells / decoded_by(folder, 1),
                pipeline_rate(field, bundle, cells),
            )
            for _ in range(TURNS)
        ]
        forward, decode, whole = (max(rates) for rates in zip(*turns, strict=True))
        allowed = min(forward, decode) if cuda else 1 / (1 / forward + 1 / decode)
        rates = " | ".join(f"{rate:,.0f}" for rate in (forward, decode, allowed, whole))
        lines.append(
            f"| {size} px | {precision} | {rates} | {whole / forward:.2f} | {whole / allowed:.2f} |"
        )
        print(lines[-1], flush=True)
    page = PAGES / f"embedding{'_cuda' if cuda else ''}.md"
    write_text(page, "\n".join([*lines, "", *([] if cuda else [EARLIER, ""])]), overwrite=True)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
