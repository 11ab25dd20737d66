"""Measure what tells cells apart on real tissue: representation, mean intensity, or both.

The tissue probe of the method: twelve fields of view of breast tissue (MIBI, Risom et al. 2022),
nine markers withheld from every input. On eight fields a model is trained without labels; a
logistic regression from each kind of feature then predicts which cells are in the top 5 % of each
withheld marker. Two scores: leave-one-field-out over the eight (for choosing), and on the other
four fields (looked at once, for reporting), each field on its own.

    NAPARI_SPLICER_DATA=... python benchmarks/tissue_probe.py [--seeds 3] [--report]

What was measured is kept in ``docs/benchmarks/results/tissue_probe.json``: a run that was stopped
goes on. The table goes to ``docs/benchmarks/tissue_probe.md``. Slow: about ten minutes per model
and core.
"""

from __future__ import annotations

import argparse
import os
import warnings
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from napari_splicer import pipeline
from napari_splicer.analysis.features import features
from napari_splicer.config import Component, ImageInput, Region, RunConfig
from results import Results

if TYPE_CHECKING:
    from collections.abc import Iterator

WITHHELD = ("CD4", "CD8", "CD68", "CK5", "FAP", "GZMB", "HLADRDPDQ", "Ki67", "PDL1")
GROUPS = {
    "epithelium": ("ECAD", "PanKRT", "CK7", "ER", "HER2", "AR", "P63", "GLUT1"),
    "immune": (
        *("CD3", "CD20", "CD45", "CD11c", "CD14", "CD56"),
        *("MPO", "Tryptase", "FOXP3", "PD1", "IDO1"),
    ),
    "stroma": ("COLI", "SMA", "VIM", "CD31", "CD36", "CD44", "MMP9"),
    "nucleus": ("HH3", "Nuc", "P", "pS6", "HIF1a", "COX2"),
}
CHANNELS = tuple(channel for group in GROUPS.values() for channel in group)
TEST_FIELDS = 4
SOURCES = ("intensity", "representation", "combined")
UNMASKED = "without the surroundings"
SHARP_AND_CONSISTENT = {"model.temperature": 0.1, "model.consistency": 1.0}
VARIANTS: dict[str, dict[str, object]] = {
    "sharp, consistent": SHARP_AND_CONSISTENT,
    "gain 0.1": {"augmentation.gain": 0.1},
    "sharp, consistent, wide": SHARP_AND_CONSISTENT | {"model.width": 64, "model.branch_width": 16},
    UNMASKED: {},
    "mask jitter 0": {"augmentation.mask_jitter": 0},
    "mask jitter 3": {"augmentation.mask_jitter": 3},
    "gain 0.3": {"augmentation.gain": 0.3},
    "styles 0.05": {"augmentation.styles": 0.05},
}


def components(masked: bool) -> tuple[Component, ...]:
    """Four groups of markers; with ``masked`` also everything around the own cell."""
    parts = [Component(name=name, channels=channels) for name, channels in GROUPS.items()]
    if masked:
        parts.append(
            Component(name="around", channels=CHANNELS, region=Region(kind="surroundings"))
        )
    return tuple(parts)


def configurations(epochs: int, seeds: int) -> Iterator[tuple[str, RunConfig]]:
    """Yield every configuration that is compared and its name, those that most hangs on first."""
    base = RunConfig(components=components(masked=True)).with_values(
        {"training.epochs": epochs, "precision": "bf16", "threads": 1}
    )

    def each_objective(seed: int) -> Iterator[tuple[str, RunConfig]]:
        for loss, objective in product(("simclr", "vicreg"), ("splicer", "je", "sum-je", "concat")):
            values = {"model.loss": loss, "model.objective": objective, "seed": seed}
            yield f"{objective}, {loss}, seed {seed}", base.with_values(values)

    yield from each_objective(0)
    for name, values in VARIANTS.items():
        config = base.with_values({"model.loss": "simclr", **values})
        if name == UNMASKED:
            config = config.model_copy(update={"components": components(masked=False)})
        yield f"splicer {name}, simclr, seed 0", config
    for seed in range(1, seeds):
        yield from each_objective(seed)


def scores(x: np.ndarray, marker: pd.DataFrame, train: np.ndarray, test: np.ndarray) -> float:
    """Mean AUROC over the withheld markers; the top 5 % is defined on the training cells."""
    scaler = StandardScaler().fit(x[train])
    found = []
    for name in WITHHELD:
        label = marker[name].to_numpy() > np.quantile(marker[name].to_numpy()[train], 0.95)
        if not label[train].any() or not label[test].any():
            continue
        model = LogisticRegression(C=0.01, max_iter=500)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(scaler.transform(x[train]), label[train])
        found.append(roc_auc_score(label[test], model.decision_function(scaler.transform(x[test]))))
    return float(np.mean(found))


def measure(config: RunConfig, data: Path) -> dict[str, float]:
    """Train on eight fields, embed all twelve, probe. Returns one score per feature and split."""
    images = sorted((data / "mibi_dcis_risom_dev").glob("*.ome.tif"))
    config = config.model_copy(
        update={
            "inputs": tuple(
                ImageInput(image=str(path), mask=str(path).replace(".ome.tif", "_mask.tif"))
                for path in images
            )
        }
    )
    fields = pipeline.open_inputs(config)
    held_out = {field.name for field in fields[2::3]}
    bundle = pipeline.run(
        pipeline.train([f for f in fields if f.name not in held_out], config), show=None
    )
    table = pipeline.run(pipeline.embed(fields, bundle, config))
    marker = table.to_df()
    inputs = table[:, list(CHANNELS)].copy()
    region = table.obs["region"].astype(str).to_numpy()
    test = np.isin(region, sorted(held_out))
    result: dict[str, float] = {"cells": float(len(table))}
    for source in SOURCES:
        x = features(inputs, source)
        for name in sorted(set(region)):
            here = region == name
            kind = "test" if name in held_out else "choose"
            result[f"{source}/{kind}/{name}"] = scores(x, marker, ~test & ~here, here)
    return result


class Estimate(NamedTuple):
    """A mean over fields, and its 95 % confidence interval (Student's t)."""

    mean: float
    reach: float

    def __str__(self) -> str:
        """Return e.g. ``0.812 ± 0.014``."""
        return f"{self.mean:.3f} ± {self.reach:.3f}"


def estimate(by_field: pd.Series) -> Estimate:
    """Return the mean over fields; fields are the sample, so that few fields are few."""
    count = len(by_field)
    reach = stats.t.ppf(0.975, count - 1) * by_field.std() / np.sqrt(count)
    return Estimate(float(by_field.mean()), float(reach))


def by_field(rows: pd.DataFrame, source: str, kind: str) -> pd.Series:
    """Return the mean over seeds of every field."""
    prefix = f"{source}/{kind}/"
    return rows[[c for c in rows if c.startswith(prefix)]].mean().rename(lambda c: c.split("/")[-1])


def report(results: Results, epochs: int) -> Iterator[str]:
    """Yield the lines of the page."""
    table = pd.DataFrame(results.scores).T
    yield (
        "Mean AUROC of a linear probe for the top 5 % of nine withheld markers "
        f"({', '.join(WITHHELD)}) on MIBI breast tissue: "
        f"{int(table['cells'].iloc[0]):,} cells, {len(CHANNELS)} channels in "
        f"{len(components(masked=True))} components, {epochs} epochs, bf16. *choose*: each of the "
        "eight training fields, left out in turn; *test*: the four other fields. Mean over fields "
        "(each the mean over seeds) and its 95 % confidence interval; *gain*: the same for the "
        "difference to mean intensity, field by field. The labels are made by thresholding "
        "intensities, which favours mean intensity."
    )
    yield ""
    baseline = {kind: by_field(table, "intensity", kind) for kind in ("choose", "test")}
    yield "| model | seeds | features | choose | gain | test | gain |"
    yield "|---|---|---|---|---|---|---|"
    first = (estimate(baseline[kind]) for kind in baseline)
    yield f"| none | | intensity | {' | | '.join(map(str, first))} | |"
    for name, rows in table.groupby([key.split(", seed")[0] for key in table.index], sort=False):
        for source in SOURCES[1:]:
            cells = []
            for kind, intensity in baseline.items():
                found = by_field(rows, source, kind)
                cells += [str(estimate(found)), str(estimate(found - intensity))]
            yield f"| {name} | {len(rows)} | {source} | {' | '.join(cells)} |"


def main() -> None:
    """Measure what is not kept yet, unless asked for the page alone; write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--report", action="store_true", help="of what was measured; no training")
    options = parser.parse_args()
    data = Path(os.environ["NAPARI_SPLICER_DATA"])
    results = Results("tissue_probe")
    for what, config in configurations(options.epochs, options.seeds):
        name = f"{what}, {options.epochs} epochs, bf16"
        if not options.report or results.known(name):
            results.add(name, partial(measure, config, data))
    results.write_page("Tissue probe", report(results, options.epochs))


if __name__ == "__main__":
    main()
