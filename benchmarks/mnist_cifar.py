"""MNIST-CIFAR: whether the easy digit drowns the subtle object.

A digit in one channel over a colour image in three, paired at random, 16 × 16 pixels (the first
experiment of arXiv 2503.07444, made small). Each objective trains the same network for the same
steps; a logistic regression on the frozen representation then reads the digit and the object.

    NAPARI_SPLICER_DATA=... python benchmarks/mnist_cifar.py [--epochs 25] [--seeds 1]

What was measured is kept in ``build/mnist_cifar/``: a run that was stopped goes on. The table
goes to ``docs/benchmarks/mnist_cifar.md``.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch.nn import functional

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import (
    AugmentationSettings,
    Component,
    ModelSettings,
    TrainingSettings,
)
from napari_splicer.model.objectives import build_network
from napari_splicer.patches.augmentation import (
    apply_augmentation,
    padded_size,
    sample_augmentation,
)
from napari_splicer.patches.reader import PatchBatch
from napari_splicer.patches.splitting import split
from napari_splicer.training.schedule import learning_rate
from results import Results, mean_and_sd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from napari_splicer.model.splicer import SpliCER

SIZE = 16
BATCH = 128
TRAINING = TrainingSettings()
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
    for loss in ("simclr", "vicreg", "barlow", "mmcr")
    for objective in ("je", "splicer", "concat", "sum-je")
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
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, weight_decay=TRAINING.weight_decay)
    steps = epochs * (len(x_BCHW) // BATCH)
    taken = 0
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
            torch.nn.utils.clip_grad_norm_(learned, TRAINING.clip)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(TRAINING, taken, steps)
            optimizer.step()
            network.after_step(taken / steps)
            taken += 1
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


def report(results: Results, epochs: int, seeds: int) -> Iterator[str]:
    """Yield the lines of the page."""
    table = pd.DataFrame(results.scores).T
    yield (
        "Accuracy of a linear probe on the frozen representation (128 numbers), 4,000 test pairs; "
        f"mean ± standard deviation over {seeds} seed(s). Chance is 0.10. 20,000 training pairs, "
        f"{SIZE} × {SIZE} pixels, {epochs} epochs, the compact encoder of width 32, branches as "
        "wide. *concat* has an encoder per part also when it is used, and a representation twice "
        "as wide."
    )
    yield ""
    yield "| model | digit | object | minutes to train |"
    yield "|---|---|---|---|"
    for name, rows in table.groupby([key.split(",")[0] for key in table.index]):
        yield (
            f"| {name} | {mean_and_sd(rows['digit'])} | {mean_and_sd(rows['object'])} "
            f"| {rows['minutes'].mean():.1f} |"
        )


def main() -> None:
    """Measure what is not kept yet and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    data = Path(os.environ["NAPARI_SPLICER_DATA"])
    results = Results("mnist_cifar")
    for seed, (name, settings) in product(range(options.seeds), MODELS.items()):
        results.add(
            f"{name}, {options.epochs} epochs, seed {seed}",
            partial(measure, settings, data, epochs=options.epochs, seed=seed),
        )
    results.write_page("MNIST-CIFAR", report(results, options.epochs, options.seeds))


if __name__ == "__main__":
    main()
