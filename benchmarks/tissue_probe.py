"""Measure what tells cells apart on real tissue: representation, mean intensity, or both.

The tissue probe of the method: twelve fields of view of breast tissue (MIBI, Risom et al. 2022),
nine markers withheld from every input. On eight fields a model is trained without labels; a
logistic regression from each kind of feature then predicts which cells are in the top 5 % of each
withheld marker. Two scores: leave-one-field-out over the eight (for choosing), and on the other
four fields (looked at once, for reporting).

    NAPARI_SPLICER_DATA=... python benchmarks/tissue_probe.py [--seeds 3] [--epochs 30]

What was measured is kept in ``build/tissue_probe/``: a run that was stopped goes on. The table
goes to ``docs/benchmarks/tissue_probe.md``. Slow: about ten minutes per model on two cores.
"""

from __future__ import annotations

import argparse
import os
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from napari_splicer import pipeline
from napari_splicer.analysis.features import features
from napari_splicer.config import Component, ImageInput, Region, RunConfig
from results import Results, mean_and_sd

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


def components(masked: bool) -> tuple[Component, ...]:
    """Four groups of markers; with ``masked`` also everything around the own cell."""
    parts = [Component(name=name, channels=channels) for name, channels in GROUPS.items()]
    if masked:
        parts.append(
            Component(name="around", channels=CHANNELS, region=Region(kind="surroundings"))
        )
    return tuple(parts)


def configurations(epochs: int, seeds: int) -> dict[str, RunConfig]:
    """Every configuration that is compared, by name."""
    base = RunConfig(components=components(masked=True)).with_values({"training.epochs": epochs})
    variants = {
        "JE-VICReg": {"model.objective": "je"},
        "SpliCER-VICReg": {},
        "SpliCER-SimCLR": {"model.loss": "simclr"},
        "JE-SimCLR": {"model.objective": "je", "model.loss": "simclr"},
    }
    return {
        f"{name}, seed {seed}": base.with_values({**values, "seed": seed})
        for seed in range(seeds)
        for name, values in variants.items()
    }


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
        folds = [
            scores(x, marker, ~test & (region != left_out), region == left_out)
            for left_out in sorted(set(region[~test]))
        ]
        result[f"{source}/choose"] = float(np.mean(folds))
        result[f"{source}/test"] = scores(x, marker, ~test, test)
    return result


def report(results: Results, epochs: int, seeds: int) -> Iterator[str]:
    """Yield the lines of the page."""
    table = pd.DataFrame(results.scores).T
    yield (
        "Mean AUROC of a linear probe for the top 5 % of nine withheld markers "
        f"({', '.join(WITHHELD)}) on MIBI breast tissue: "
        f"{int(table['cells'].iloc[0]):,} cells, {len(CHANNELS)} channels in "
        f"{len(components(masked=True))} components, {epochs} epochs. *choose*: leave one of the "
        "eight training fields out; *test*: the four other fields. Mean ± standard deviation over "
        f"{seeds} seed(s). The labels are made by thresholding intensities, which favours mean "
        "intensity."
    )
    yield ""
    yield "| model | features | choose | test |"
    yield "|---|---|---|---|"
    for name, rows in table.groupby([key.split(",")[0] for key in table.index]):
        for source in SOURCES:
            cells = (mean_and_sd(rows[f"{source}/{split}"]) for split in ("choose", "test"))
            yield f"| {name} | {source} | {' | '.join(cells)} |"


def main() -> None:
    """Measure what is not kept yet and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    data = Path(os.environ["NAPARI_SPLICER_DATA"])
    results = Results("tissue_probe")
    for name, config in configurations(options.epochs, options.seeds).items():
        results.add(f"{name}, {options.epochs} epochs", partial(measure, config, data))
    results.write_page("Tissue probe", report(results, options.epochs, options.seeds))


if __name__ == "__main__":
    main()
