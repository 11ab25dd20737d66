"""What a training step costs as components are added, against joint embedding.

A step is forward and backward of the loss on patches that lie in memory, with the same primary:
two primary views for JE, one primary view and N branches for SpliCER. Branches have the primary's
width, half, a quarter or an eighth of it, look at maps of 16 or (coarse) 8 px, and run one after
the other or as one network with grouped layers. All are measured in turns, and the fastest of
several turns counts; on a CPU it is the time that the process itself takes, over its threads, so
that other programs matter little.

    python benchmarks/step_cost.py [--device cuda] [--threads 1]

The table goes to ``docs/benchmarks/step_cost.md``; of another device, with how much of its peak in
bf16 a step reaches, to a page called after it.
"""

from __future__ import annotations

import argparse
import time
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import ModelSettings
from napari_splicer.files import write_text
from napari_splicer.model.objectives import build_network
from results import PAGES, made_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SIZE, BATCH, WIDTH, TURNS = 32, 128, 32, 5
COUNTS = (1, 2, 4, 8, 16, 32)
FRACTIONS = (1, 2, 4, 8)
MAPS = {24: "", 12: ", coarse"}
GOAL = 1.5


class Way(NamedTuple):
    """How branches are made and run."""

    fraction: int
    largest_map: int
    grouped: bool

    def __str__(self) -> str:
        """Return the first two columns of the table's row."""
        width = "1" if self.fraction == 1 else f"1/{self.fraction}"
        run = "grouped" if self.grouped else "one after the other"
        return f"{width}{MAPS[self.largest_map]} | {run}"


def step(way: Way | None, count: int, device: str, *, bf16: bool = False) -> Callable[[], None]:
    """Return one step with ``count`` single-channel components, or of joint embedding."""
    channels = [f"c{i}" for i in range(count)]
    settings = ModelSettings(objective="je", width=WIDTH, embedding=256)
    if way is not None:
        settings = settings.model_copy(
            update={
                "objective": "splicer",
                "branch_width": max(4, WIDTH // way.fraction),
                "branch_map": way.largest_map,
            }
        )
    network = build_network(settings, Decomposition.per_channel(channels), channels, SIZE)
    network = network.to(device).train()
    if network.bank is not None and way is not None:
        network.bank.grouped = way.grouped
    x_BCHW, other_BCHW = (torch.rand(BATCH, count, SIZE, SIZE, device=device) for _ in range(2))
    views = [other_BCHW] if network.bank is None else list(other_BCHW.split(1, dim=1))

    def run() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            total = network.objective(x_BCHW, views).total
        total.backward()
        network.zero_grad(set_to_none=True)
        if device != "cpu":
            torch.cuda.synchronize()

    return run


def fastest(
    steps: dict[Way | None, Callable[[], None]], clock: Callable[[], float]
) -> dict[Way | None, float]:
    """Return the seconds of the fastest of several turns of each."""
    times = dict.fromkeys(steps, float("inf"))
    for turn in range(1 + TURNS):
        for name, run in steps.items():
            start = clock()
            run()
            if turn:  # the first warms up
                times[name] = min(times[name], clock() - start)
    return times


def peak(device: str, side: int = 8192) -> float:
    """Return the floating-point operations per second of a large bf16 matrix product."""
    a, b = (torch.rand(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))

    def product() -> None:
        a @ b
        if device != "cpu":
            torch.cuda.synchronize()

    (seconds,) = fastest({None: product}, time.perf_counter).values()
    return 2 * side**3 / seconds


def shares(ways: Sequence[Way | None], device: str, side: int = 8192) -> Iterator[str]:
    """Yield a table of how much of the device's bf16 peak a step reaches."""
    most = peak(device, side)
    rate = f"{most / 1e12:,.1f} TFLOP/s"
    yield f"## In bf16\n\nA product of two {side} × {side} matrices computes {rate}."
    yield "What a step computes (forward and backward, as torch counts it) in its time, ÷ that:\n"
    yield "| branches | run | " + " | ".join(f"N = {count}" for count in COUNTS) + " |"
    yield "|---|---|" + "---|" * len(COUNTS)
    for way in ways:
        cells = []
        for count in COUNTS:
            run = step(way, count, device, bf16=True)
            with FlopCounterMode(display=False) as counter:
                run()
            (seconds,) = fastest({way: run}, time.perf_counter).values()
            cells.append(f"{counter.get_total_flops() / seconds / most:.3f}")
        yield f"| {'joint embedding |' if way is None else way} | {' | '.join(cells)} |"
    yield ""


SAYS = """## What this says

The goal is met with 16 components by branches of a quarter of the width on coarse maps (1.27, and
0.96 with an eighth) and by an eighth on the usual maps (1.27), not by the default of half the
width (3.18): accuracy decided that one, see [mnist_cifar](mnist_cifar.md). Measured on one thread
of a CPU in fp32; on CUDA nothing was measured."""

WHY = """## Which way is taken

On a CPU branches of width 8 or less run grouped, wider ones one after the other; on other devices
all run grouped, by the reasoning that launches of small kernels are what costs there, not by a
measurement of each network. It is a rule, not the fastest way in every row: branches of width 8
(1/4) on maps of 16 px take 4 to 7 % longer grouped with 16 or 32 components.

Why it isn't measured before each training: the two ways give the same numbers to rounding only,
so a choice that hangs on the clock would make the same seed give another model on a busy
computer, unless it were kept in the run file and the model. A few per cent are not worth a
setting that decides a result. `ComponentBank.grouped` can be set by hand.

Not done: `torch.func.vmap` over stacked branches, which would need branches of one shape
(components have different numbers of channels, and chunks different widths) and normalisation
that does not update running statistics in place; and CUDA graphs, which would need the same
shapes and no look at the device in every step, while patches that lack a component are left out
of its terms."""


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.device == "cpu" else time.perf_counter
    ways = [Way(*made) for made in product(FRACTIONS, MAPS, (False, True))]
    lines = [
        "# What a training step costs",
        "",
        f"Made by `benchmarks/step_cost.py` {made_by()}, on {options.device}, {options.threads} "
        f"thread(s). Batch {BATCH}, patches of {SIZE} px, one channel per component, primary of "
        f"width {WIDTH}, VICReg, fp32.",
        "",
        "Time of a step ÷ time of a step of joint embedding with the same primary and channels "
        f"(two primary views). The goal is {GOAL} for 16 components. Branches: parts of the "
        "primary's width (`model.branch_width`), on maps of 16 px, or coarse of 8 px "
        "(`model.branch_map = 12`).",
        "",
        "| branches | run | " + " | ".join(f"N = {count}" for count in COUNTS) + " |",
        "|---|---|" + "---|" * len(COUNTS),
    ]
    ratios: dict[Way, list[float]] = {way: [] for way in ways}
    baseline = []
    for count in COUNTS:
        steps = {way: step(way, count, options.device) for way in (None, *ways)}
        times = fastest(steps, clock)
        baseline.append(1000 * times[None])
        for way in ways:
            ratios[way].append(times[way] / times[None])
        print(count, {str(way): round(values[-1], 2) for way, values in ratios.items()}, flush=True)
    for way, values in ratios.items():
        lines.append(f"| {way} | {' | '.join(f'{ratio:.2f}' for ratio in values)} |")
    lines += ["", f"A step of JE took {', '.join(f'{ms:.0f}' for ms in baseline)} ms.", ""]
    if options.device != "cpu":
        lines += shares([None, *(way for way in ways if way.fraction == 2)], options.device)
    else:
        lines += [SAYS, ""]
    lines += [WHY, ""]
    page = PAGES / f"step_cost{'' if options.device == 'cpu' else '_' + options.device}.md"
    write_text(page, "\n".join(lines), overwrite=True)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
