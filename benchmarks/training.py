"""Training, against a loop as lightly documents it, and how long a step waits for its patches.

Both train the same encoder (compact, width 32) with the same projector and VICReg on two views of
the same patches: 20 channels, 32 px, cut beforehand with room to rotate, normalised, in memory.

- *joint embedding*: ours, the same method, as ``pipeline.train`` runs it;
- *SpliCER*: ours, our default method, with five components of four channels;
- *lightly*: the plain PyTorch loop of lightly's VICReg example (``VICRegProjectionHead``,
  ``VICRegLoss``, SGD, a DataLoader), its ``MultiViewTransform`` over torchvision's transforms that
  do what ours do: any rotation, zoom, shift, flips, noise. Its own ``VICRegTransform`` changes hue
  and saturation, so it takes three channels only. Views are made by the loop itself or by worker
  processes, or are the patches' middle, unchanged: what the loop does with data for nothing.

    pip install lightly torchvision
    python benchmarks/training.py [--turns 3] [--steps 20] [--long 200] [--threads 1 2]

Patches per second are those of steps alone: looks at ranks in between, reading and what follows are
left out, and so are the first steps. The tables go to ``docs/benchmarks/training.md``.
"""

from __future__ import annotations

import argparse
import os
import time
from functools import partial, wraps
from importlib.metadata import version
from itertools import chain, islice, product, repeat
from statistics import mean, median
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from lightly.loss import VICRegLoss
from lightly.models.modules.heads import VICRegProjectionHead
from lightly.transforms.multi_view_transform import MultiViewTransform
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import InterpolationMode, v2

from napari_splicer import pipeline
from napari_splicer.config import Component, RunConfig
from napari_splicer.files import write_text
from napari_splicer.model.encoders import build_encoder, representation_width
from napari_splicer.training.ahead import Ahead
from napari_splicer.training.data import TrainingData
from napari_splicer.training.device import threads
from napari_splicer.training.learner import Learner
from napari_splicer.training.resolve import resolve
from napari_splicer.training.views import Views
from results import BUILD, PAGES, load, made_by
from slide import opened, slide

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from napari_splicer.images.masks import MaskedImage

SIZE, SIDE, WARM_UP = 32, 2048, 2
COMPONENTS, GOAL = 5, 0.05
CORES = os.cpu_count() or 1
OURS = {"joint embedding": "je", "SpliCER": "splicer"}


class Pace(NamedTuple):
    """Of a run's steps: patches per second, and shares of a step's time."""

    rate: float
    waiting: float = 0.0
    making: float = 0.0


class Clock:
    """Times a training's steps while the context lasts, and what in them is done for patches.

    Methods are replaced by ones that look at the clock, and put back afterwards.
    """

    def __init__(self) -> None:
        self._methods = [(Learner, "advance"), (Ahead, "__call__"), (Views, "of_rows")]
        self.seconds: dict[str, list[float]] = {name: [] for _, name in self._methods}
        self._kept: list[tuple[type, str, Callable[..., Any]]] = []

    def __enter__(self) -> Clock:
        """Begin to time."""
        for owner, name in self._methods:
            method = getattr(owner, name)
            self._kept.append((owner, name, method))
            setattr(owner, name, self._timed(name, method))
        return self

    def __exit__(self, *error: object) -> None:
        """Put the methods back."""
        for owner, name, method in self._kept:
            setattr(owner, name, method)

    def pace(self, batch: int) -> Pace:
        """Return what was found, but for the first steps."""
        step, wait, make = (mean(values[WARM_UP:]) for values in self.seconds.values())
        return Pace(batch / step, wait / step, make / step)

    def _timed(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def timed(*args: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return method(*args, **options)
            finally:
                self.seconds[name].append(time.perf_counter() - start)

        return timed


def settings(field: MaskedImage, objective: str, **training: int) -> RunConfig:
    """Return a run on the CPU in fp32."""
    names = field.image.channels
    components = tuple(
        Component(name=f"part {i}", channels=names[i::COMPONENTS]) for i in range(COMPONENTS)
    )
    count = training.pop("threads")
    values = {"patches.size": SIZE, "precision": "fp32", "device": "cpu", "threads": count}
    values |= {f"training.{name}": value for name, value in training.items()}
    return RunConfig(components=components).with_values(values | {"model.objective": objective})


def ours(field: MaskedImage, objective: str, **training: int) -> Pace:
    """Train as a user does."""
    with Clock() as clock:
        pipeline.run(pipeline.train([field], settings(field, objective, **training)))
    return clock.pace(training["batch"])


class Patches(Dataset[list[torch.Tensor]]):
    """Two views of every patch."""

    def __init__(self, x_NCHW: Tensor, transform: MultiViewTransform) -> None:
        self._x_NCHW = x_NCHW
        self._transform = transform

    def __len__(self) -> int:
        return len(self._x_NCHW)

    def __getitem__(self, index: int) -> list[Tensor]:
        views: list[Tensor] = self._transform(self._x_NCHW[index])
        return views


class VICReg(nn.Module):
    """The model of lightly's example, around our encoder and with as large a projector."""

    def __init__(self, channels: int, config: RunConfig) -> None:
        super().__init__()
        model = config.model
        self.backbone = build_encoder(model.encoder, channels, model.width, SIZE)
        width = representation_width(self.backbone, channels, SIZE)
        self.head = VICRegProjectionHead(width, model.hidden, model.embedding, num_layers=2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return what the loss compares."""
        embedding: Tensor = self.head(self.backbone(x_BCHW).flatten(start_dim=1))
        return embedding


def changed(config: RunConfig) -> MultiViewTransform:
    """Return torchvision's transforms that do what the run's augmentation does."""
    how = config.augmentation
    view = v2.Compose(
        [
            v2.RandomAffine(
                180,
                translate=(how.shift * 0.6, how.shift * 0.6),  # of the patch with its margin
                scale=(1 - how.scale, 1 + how.scale),
                interpolation=InterpolationMode.BILINEAR,
            ),
            v2.CenterCrop(SIZE),
            v2.RandomHorizontalFlip(),
            v2.RandomVerticalFlip(),
            v2.GaussianNoise(sigma=how.noise, clip=False),
        ]
    )
    return MultiViewTransform([view, view])


def lightly(x_NCHW: Tensor, config: RunConfig, transform: MultiViewTransform, workers: int) -> Pace:
    """Train as in lightly's example."""
    batch, steps = config.training.batch, config.training.steps or 1
    patches = Patches(x_NCHW, transform)
    loader = DataLoader(patches, batch, shuffle=True, drop_last=True, num_workers=workers)
    model, loss_of = VICReg(x_NCHW.shape[1], config), VICRegLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.06)
    start = time.perf_counter()
    with threads(config.threads):
        for step, (x0, x1) in enumerate(islice(chain.from_iterable(repeat(loader)), steps)):
            loss_of(model(x0), model(x1)).backward()
            optimizer.step()
            optimizer.zero_grad()
            if step + 1 == WARM_UP:
                start = time.perf_counter()
    return Pace(batch * (steps - WARM_UP) / (time.perf_counter() - start))


def patches(field: MaskedImage, config: RunConfig) -> Tensor:
    """Return the patches that ours are trained on, normalised, with room to rotate."""
    data = TrainingData([field], resolve(config, [field]), field.image.channels)
    for _ in data.read():
        pass
    x_NCHW = data.take(torch.arange(len(data))).x_BCHW
    data.close()
    return x_NCHW


def ways(field: MaskedImage, x_NCHW: Tensor, **run: int) -> dict[str, Callable[[], Pace]]:
    """Return all that is compared."""
    config = settings(field, "je", **run)
    middle, views = MultiViewTransform([v2.CenterCrop(SIZE)] * 2), changed(config)
    others = {
        "lightly, views by the loop": partial(lightly, x_NCHW, config, views, 0),
        f"lightly, views by {CORES} workers": partial(lightly, x_NCHW, config, views, CORES),
        "lightly, patches unchanged": partial(lightly, x_NCHW, config, middle, 0),
    }
    return {name: partial(ours, field, key, **run) for name, key in OURS.items()} | others


def rows(found: dict[tuple[int, int], dict[str, list[Pace]]]) -> list[str]:
    """Return the table of rates and ratios."""
    head = " | ".join(f"batch {batch}, {count} thread(s) | ours ÷ it" for count, batch in found)
    lines = [f"| | {head} |", "|---" * (1 + 2 * len(found)) + "|"]
    for name in next(iter(found.values())):
        cells = []
        for paces in found.values():
            pairs = zip(paces["joint embedding"], paces[name], strict=True)
            ratio = median(mine.rate / theirs.rate for mine, theirs in pairs)
            cells.append(f"{median(pace.rate for pace in paces[name]):,.0f} | {ratio:.2f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--long", type=int, default=200)
    parser.add_argument("--batch", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, CORES}))
    options = parser.parse_args()
    folder = BUILD / "slides" / str(SIDE)
    slide(folder, SIDE)
    field = opened(folder)
    x_NCHW = patches(field, settings(field, "je", threads=CORES, steps=1))
    found: dict[tuple[int, int], dict[str, list[Pace]]] = {}
    for (count, batch), _ in product(product(options.threads, options.batch), range(options.turns)):
        run = {"threads": count, "batch": batch, "steps": options.steps}
        for name, way in ways(field, x_NCHW, **run).items():
            found.setdefault((count, batch), {}).setdefault(name, []).append(way())
            print(run, name, found[count, batch][name][-1], flush=True)
    long = {
        f"{name}, {count} thread(s)": ours(
            field, key, threads=count, batch=options.batch[0], steps=options.long
        )
        for count, (name, key) in product(options.threads, OURS.items())
    }
    lines = [
        "# Training",
        "",
        f"Made by `benchmarks/training.py` {made_by()}, lightly {version('lightly')}, torchvision "
        f"{version('torchvision')}. {len(x_NCHW):,} patches of 20 channels and {SIZE} px, the "
        f"compact encoder of width 32, VICReg, two views, fp32. Patches per second in steps alone, "
        f"{options.steps} steps per run; medians of {options.turns} turns, in which one way "
        "follows the other. *Ours* is joint embedding, lightly's method; SpliCER has "
        f"{COMPONENTS} components of four channels. {load()}",
        "",
        *rows(found),
        "",
        "lightly's loop makes views patch by patch (torchvision), with SGD as in its example; ours "
        "makes those of a batch at once, masks included, clips gradients and steps with AdamW.",
        "",
        f"## What a step waits for its patches (goal: under {100 * GOAL:.0f} %)",
        "",
        f"In runs of `pipeline.train` of {options.long} steps, batch {options.batch[0]}. "
        "*Waiting*: from where a step asks for its two views to where it has them. *Making*: them, "
        "of patches in memory (taken, normalised, changed, split into components), in a thread of "
        "its own.",
        "",
        "| | patches/s | waiting | making |",
        "|---|---|---|---|",
        *(
            f"| {name} | {pace.rate:,.0f} | {pace.waiting:.1%} | {pace.making:.1%} |"
            for name, pace in long.items()
        ),
        "",
    ]
    write_text(PAGES / "training.md", "\n".join(lines), overwrite=True)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
