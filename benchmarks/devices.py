"""One training on one process and on two: whether the losses are the same, and the steps a second.

python benchmarks/devices.py [STEPS]

Two runs that differ by rounding alone drift apart with every step. How far is measured, too: by one
process whose branches run one after the other instead of side by side.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer import pipeline
from napari_splicer.config import Component, Region, RunConfig
from napari_splicer.events import Metrics
from napari_splicer.model import bank
from napari_splicer.samples import synthetic_tissue
from results import Results

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

LOSSES = ("vicreg", "simclr")
RUNS = {"one": (1, bank.NARROW), "one, rounded otherwise": (1, 0), "two": (2, bank.NARROW)}
"""By name: processes, and up to which width branches run side by side."""

CONFIG = RunConfig(
    device="cpu",
    precision="fp32",
    threads=1,
    components=(
        Component(name="immune", channels=("CD45", "CD3", "CD8", "CD20")),
        Component(name="granules", channels=("GZMB",), region=Region(kind="cell")),
        Component(name="around", channels=("PanCK", "SMA"), region=Region(kind="surroundings")),
    ),
).with_values({"training.batch": 64, "model.width": 16, "model.embedding": 96})


def measure(loss: str, steps: int, processes: int, narrow: int) -> dict[str, float]:
    """Return the loss of every step, by its number, and how many steps a second there were."""
    field = synthetic_tissue(size=512, seed=4).field
    config = CONFIG.with_values(
        {"model.loss": loss, "training.steps": steps, "training.devices": processes}
    )
    bank.NARROW = narrow
    times, scores = [], {}
    for event in pipeline.train([field], config):
        if isinstance(event, Metrics):
            times.append(time.perf_counter())
            scores[str(event.step)] = event.values["loss"]
    seconds = np.diff(times)
    return scores | {"steps/s": float(1 / np.median(seconds))}


def curve(scores: dict[str, float]) -> NDArray[np.float64]:
    """Return the losses in the order of the steps."""
    return np.array([value for name, value in scores.items() if name.isdecimal()])


def lines(results: Results, steps: int) -> Iterator[str]:
    """Yield the page's text."""
    yield (
        f"{steps} steps of {CONFIG.training.batch} patches of 7 channels of a synthetic tissue, "
        "three components. A process on the CPU, with one thread, stands for a device; the two "
        "speak by Gloo. Differences are those of the loss to that of `one`, relative to it, the "
        "largest where there are several."
    )
    yield ""
    yield "| loss | run | step 1 | first 10 steps | all steps | mean of the last 20 | steps/s |"
    yield "|---|---|---|---|---|---|---|"
    for loss in LOSSES:
        expected = curve(results.scores[f"{loss}, one"])
        for name in RUNS:
            scores = results.scores[f"{loss}, {name}"]
            found = curve(scores)
            apart = np.abs(found - expected) / np.abs(expected)
            last = abs(found[-20:].mean() / expected[-20:].mean() - 1)
            cells = [apart[0], apart[:10].max(), apart.max(), last]
            told = " | ".join("" if name == "one" else f"{cell:.1e}" for cell in cells)
            yield f"| {loss} | {name} | {told} | {scores['steps/s']:.2f} |"
    yield ""
    yield (
        "`one, rounded otherwise` computes the same numbers in another order: what it is apart "
        "from `one` is what rounding does, in one instance. AdamW divides every gradient by its "
        "own size, so that a weight whose gradient is rounding alone moves by a whole learning "
        "rate."
    )
    yield ""
    yield (
        "Steps a second are medians on a busy machine: other programs took the same cores, at some "
        "times more than at others. They say little of what two processes cost, and nothing of "
        "GPUs. Training on several GPUs (NCCL) was never run."
    )


def main(steps: int = 150) -> None:
    """Measure what is not yet kept, and write the page."""
    results = Results("devices")
    for loss in LOSSES:
        for name, (processes, narrow) in RUNS.items():
            run = partial(measure, loss, steps, processes, narrow)
            results.add(f"{loss}, {name}", run)
    results.write_page("Training on two processes against one", lines(results, steps))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
