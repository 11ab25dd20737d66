"""MNIST-CIFAR: whether the easy digit drowns the subtle object.

A digit in one channel over a colour image in three, paired at random, 16 × 16 pixels (the first
experiment of arXiv 2503.07444, made small). Each objective trains the same network for the same
steps; a logistic regression on the frozen representation then reads the digit and the object.

    NAPARI_SPLICER_DATA=... python benchmarks/mnist_cifar.py [--epochs 25] [--seeds 1]

Every configuration is cached in ``build/mnist_cifar/`` and can be interrupted. The table goes to
``docs/benchmarks/mnist_cifar.md``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch.nn import functional

import napari_splicer
from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import AugmentationSettings, Component, ModelSettings
from napari_splicer.model.splicer import SpliCER, build_network
from napari_splicer.patches.augmentation import (
    apply_augmentation,
    padded_size,
    sample_augmentation,
)
from napari_splicer.patches.reader import PatchBatch
from napari_splicer.patches.splitting import split

if TYPE_CHECKING:
    from torch import Tensor

SIZE = 16
BATCH = 128
CHANNELS = ("digit", "red", "green", "blue")
PARTS = Decomposition(
    (
        Component(name="digit", channels=CHANNELS[:1]),
        Component(name="object", channels=CHANNELS[1:]),
    )
)
VIEWS = AugmentationSettings(
    rotate=False, flip=False, scale=0.25, shift=0.15, gain=0.4, noise=0.02, mask_jitter=0
)
MODELS = {
    f"{objective}-{loss}": ModelSettings(
        objective=objective, loss=loss, width=32, branch_width=32, embedding=256, hidden=512
    )
    for loss in ("vicreg", "simclr")
    for objective in ("je", "splicer")
}


def pairs(data: Path, part: str, seed: int) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Return x_BCHW (0 to 1) of digits paired at random with objects, and both labels."""
    with np.load(data / "mnist_cifar.npz") as kept:
        digits, objects = kept[f"digits_{part}"], kept[f"objects_{part}"]
        digit, thing = kept[f"digit_labels_{part}"], kept[f"object_labels_{part}"]
    order = np.random.default_rng(seed).permutation(len(objects))
    digits_B1HW = torch.from_numpy(digits)[:, None].float() / 255
    objects_B3HW = torch.from_numpy(objects[order]).float() / 255
    x_BCHW = torch.cat(
        [
            functional.interpolate(images, SIZE, mode="bilinear", antialias=True)
            for images in (digits_B1HW, objects_B3HW)
        ],
        dim=1,
    )
    return x_BCHW, digit, thing[order]


def as_batch(x_BCHW: Tensor) -> PatchBatch:
    """Wrap plain images: no cells, no other masks."""
    count, _, height, width = x_BCHW.shape
    number_B = torch.arange(count)
    return PatchBatch(
        x_BCHW,
        torch.zeros(count, height, width, dtype=torch.int64),
        torch.zeros(count, 0, height, width, dtype=torch.bool),
        number_B,
        number_B,
        torch.zeros_like(number_B),
    )


def train(settings: ModelSettings, x_BCHW: Tensor, *, epochs: int, seed: int) -> SpliCER:
    """Train a network in a plain loop of its own; the package gives views, parts and loss."""
    network = build_network(settings, PARTS, CHANNELS, SIZE, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    margin = (padded_size(VIEWS, SIZE) - SIZE) // 2
    padded_BCHW = functional.pad(x_BCHW, [margin] * 4, mode="reflect")
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    steps = epochs * (len(x_BCHW) // BATCH)
    warmup = steps // 10
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(
            (step + 1) / warmup,
            0.5 * (1 + math.cos(math.pi * max(0, step - warmup) / (steps - warmup))),
        ),
    )
    network.train()
    for _ in range(epochs):
        order = torch.randperm(len(x_BCHW), generator=generator)
        for rows in order[: len(order) // BATCH * BATCH].split(BATCH):
            batch = as_batch(padded_BCHW[rows])
            first, second = (
                apply_augmentation(
                    batch,
                    sample_augmentation(VIEWS, BATCH, len(CHANNELS), generator=generator),
                    SIZE,
                )
                for _ in range(2)
            )
            views = (
                [second.x_BCHW]
                if network.bank is None
                else split(second, PARTS, CHANNELS, PARTS.regions)
            )
            terms = network.objective(first.x_BCHW, views)
            optimizer.zero_grad(set_to_none=True)
            terms.total.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return network.eval()


@torch.inference_mode()
def represent(network: SpliCER, x_BCHW: Tensor) -> np.ndarray:
    """Return z_BZ of plain images."""
    return torch.cat([network.represent(part) for part in x_BCHW.split(500)]).numpy()


def probe(train_x: np.ndarray, train_y: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """Return the accuracy of a logistic regression on standardised representations."""
    scaler = StandardScaler().fit(train_x)
    model = LogisticRegression(C=0.1, max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(scaler.transform(train_x), train_y)
    return float(model.score(scaler.transform(x), y))


def measure(settings: ModelSettings, data: Path, *, epochs: int, seed: int) -> dict[str, float]:
    """Train one configuration and probe both labels on the test pairs."""
    x_BCHW, digit, thing = pairs(data, "train", seed)
    test_BCHW, test_digit, test_thing = pairs(data, "test", seed)
    began = time.perf_counter()
    network = train(settings, x_BCHW, epochs=epochs, seed=seed)
    minutes = (time.perf_counter() - began) / 60
    z_BZ, test_BZ = represent(network, x_BCHW), represent(network, test_BCHW)
    return {
        "digit": probe(z_BZ, digit, test_BZ, test_digit),
        "object": probe(z_BZ, thing, test_BZ, test_thing),
        "minutes": minutes,
    }


def report(rows: dict[str, dict[str, float]], epochs: int, seeds: int) -> str:
    """Return the Markdown page."""
    table = pd.DataFrame(rows).T
    table.index = pd.Index([str(key).split(",")[0] for key in table.index], name="model")
    mean, spread = table.groupby(level=0).mean(), table.groupby(level=0).std(ddof=0)
    lines = [
        "# MNIST-CIFAR",
        "",
        f"Made by `benchmarks/mnist_cifar.py` on {datetime.date.today().isoformat()}, "
        f"napari-splicer {napari_splicer.__version__}, {torch.get_num_threads()} threads, "
        f"{epochs} epochs, {seeds} seed(s).",
        "",
        "Accuracy of a linear probe on the frozen representation (128 numbers), 4,000 test pairs; "
        "mean ± standard deviation over seeds. Chance is 0.10. 20,000 training pairs, "
        "16 × 16 pixels, the compact encoder of width 32.",
        "",
        "| model | digit | object | minutes to train |",
        "|---|---|---|---|",
    ]
    for name in mean.index:
        cells = [
            f"{mean.loc[name, k]:.3f} ± {spread.loc[name, k]:.3f}" for k in ("digit", "object")
        ]
        lines.append(f"| {name} | {' | '.join(cells)} | {mean.loc[name, 'minutes']:.1f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure what is not cached yet and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    data = Path(os.environ["NAPARI_SPLICER_DATA"])
    cache = Path("build/mnist_cifar")
    cache.mkdir(parents=True, exist_ok=True)
    rows = {}
    for seed in range(options.seeds):
        for name, settings in MODELS.items():
            kept = cache / f"{name} {options.epochs} {seed}.json"
            if not kept.exists():
                found = measure(settings, data, epochs=options.epochs, seed=seed)
                print(name, seed, found, flush=True)
                kept.write_text(json.dumps(found))
            rows[f"{name}, {seed}"] = json.loads(kept.read_text())
    page = Path("docs/benchmarks/mnist_cifar.md")
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(report(rows, options.epochs, options.seeds))
    print(page.read_text())


if __name__ == "__main__":
    main()
