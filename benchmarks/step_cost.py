"""What a training step costs as components are added, against joint embedding.

A step is forward and backward of the loss on patches that lie in memory, with the same primary:
two primary views for JE, one primary view and N branches for SpliCER. Branches have the primary's
width, half, a quarter or an eighth of it, and run one after the other or as one network with
grouped layers. All are measured in turns, and the fastest of several turns counts, so that other
programs matter little.

    python benchmarks/step_cost.py [--device cuda] [--threads 1]

The table goes to ``docs/benchmarks/step_cost.md``.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import torch

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import ModelSettings
from napari_splicer.files import write_text
from napari_splicer.model.objectives import build_network
from results import PAGES, made_by

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE, BATCH, WIDTH, TURNS = 32, 128, 32, 5
COUNTS = (1, 2, 4, 8, 16, 32)
FRACTIONS = (1, 2, 4, 8)
GOAL = 1.5


def step(
    objective: str, count: int, fraction: int, grouped: bool, device: str
) -> Callable[[], None]:
    """Return one step of a network with ``count`` single-channel components."""
    channels = [f"c{i}" for i in range(count)]
    settings = ModelSettings(
        objective=objective, width=WIDTH, branch_width=max(4, WIDTH // fraction), embedding=256
    )
    network = build_network(settings, Decomposition.per_channel(channels), channels, SIZE)
    network = network.to(device).train()
    if network.bank is not None:
        network.bank.grouped = grouped
    x_BCHW, other_BCHW = (torch.rand(BATCH, count, SIZE, SIZE, device=device) for _ in range(2))
    views = [other_BCHW] if network.bank is None else list(other_BCHW.split(1, dim=1))

    def run() -> None:
        network.objective(x_BCHW, views).total.backward()
        network.zero_grad(set_to_none=True)
        if device != "cpu":
            torch.cuda.synchronize()

    return run


def fastest(steps: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Return the seconds of the fastest of several turns of each."""
    times = dict.fromkeys(steps, float("inf"))
    for turn in range(1 + TURNS):
        for name, run in steps.items():
            start = time.perf_counter()
            run()
            if turn:  # the first warms up
                times[name] = min(times[name], time.perf_counter() - start)
    return times


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    ways = {"one after the other": False, "grouped": True}
    lines = [
        "# What a training step costs",
        "",
        f"Made by `benchmarks/step_cost.py` {made_by()}, on {options.device}, {options.threads} "
        f"thread(s). Batch {BATCH}, patches of {SIZE} px, one channel per component, primary of "
        f"width {WIDTH}, VICReg, fp32.",
        "",
        "Time of a step ÷ time of a step of joint embedding with the same primary and channels "
        f"(two primary views). The goal is {GOAL} for 16 components.",
        "",
        "| branches | run | " + " | ".join(f"N = {count}" for count in COUNTS) + " |",
        "|---|---|" + "---|" * len(COUNTS),
    ]
    found: dict[tuple[int, str], list[float]] = {}
    baseline = []
    for count in COUNTS:
        steps = {"je": step("je", count, 1, False, options.device)}
        for fraction in FRACTIONS:
            for way, grouped in ways.items():
                made = step("splicer", count, fraction, grouped, options.device)
                steps[f"{fraction} {way}"] = made
        times = fastest(steps)
        baseline.append(1000 * times["je"])
        for fraction in FRACTIONS:
            for way in ways:
                ratio = times[f"{fraction} {way}"] / times["je"]
                found.setdefault((fraction, way), []).append(ratio)
        print(count, {name: round(1000 * value, 1) for name, value in times.items()}, flush=True)
    for (fraction, way), ratios in found.items():
        width = "as wide as the primary" if fraction == 1 else f"1/{fraction} of its width"
        lines.append(f"| {width} | {way} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
    lines += ["", f"A step of JE took {', '.join(f'{ms:.0f}' for ms in baseline)} ms.", ""]
    page = PAGES / f"step_cost{'' if options.device == 'cpu' else '_' + options.device}.md"
    write_text(page, "\n".join(lines), overwrite=True)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
