"""The accuracy that *Teach* tells, beside the accuracy of the types that it tells.

On synthetic tissue, whose cells' types are known, examples are shown as a person would show them:
some cells of every type at some places, neighbours of one type at each. The accuracy that is told,
of examples tested apart from all whose patches overlap theirs, stands beside that of folds drawn at
random, and beside the truth: the share of types that are right, as the mean over types, among cells
that are no examples and overlap none, and among all that are no examples.

    python benchmarks/teaching.py [--seeds 3] [--draws 20]

The table goes to ``docs/benchmarks/teaching.md``.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from napari_splicer import pipeline, synthetic_tissue
from napari_splicer.analysis.standardised import StandardisedCells
from napari_splicer.analysis.teaching import teach
from napari_splicer.config import CellType, TaughtSettings
from napari_splicer.demo.comparison import add_truth
from napari_splicer.demo.settings import demo_config
from napari_splicer.embedding.spans import patch_spans
from napari_splicer.files import write_text
from results import PAGES, made_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anndata import AnnData

SIZE, STEPS = 1024, 200
SHOWN = ((12, 1), (6, 2), (4, 3), (3, 6), (2, 12))
"""Places, and cells at each, of every type."""


class Told(NamedTuple):
    """What one lesson makes of one question; NaN where nothing is told."""

    question: str
    places: int
    cells: int
    at_random: float
    apart: float
    far: float
    all: float


def tissue(seed: int) -> AnnData:
    """Train on a tissue and describe its cells, whose types are in ``obs``."""
    made = synthetic_tissue(size=SIZE, seed=seed)
    config = demo_config(seed=seed, steps=STEPS)
    bundle = pipeline.run(pipeline.train([made.field], config), show=None)
    table = pipeline.run(pipeline.embed([made.field], bundle, config), show=None)
    add_truth(table, made.types)
    return table


def shown(types: np.ndarray, at: np.ndarray, places: int, cells: int, seed: int) -> np.ndarray:
    """Return the rows of examples: of every type some places, and neighbours at each."""
    rng = np.random.default_rng(seed)
    rows: list[np.ndarray] = []
    for name in np.unique(types):
        here = np.flatnonzero(types == name)
        first = rng.choice(here, places, replace=False)
        _, near = cKDTree(at[here]).query(at[first], k=cells)
        rows.append(here[np.unique(near)])
    return np.concatenate(rows)


def balanced(right: np.ndarray, types: np.ndarray) -> float:
    """Return the share that is right, as the mean over types."""
    return float(pd.Series(right).groupby(types).mean().mean())


def lesson(table: AnnData, column: str, places: int, cells: int, seed: int) -> Told:
    """Teach types by examples, and see how well they are told."""
    table = table[(table.obs[column] != "").to_numpy()].copy()
    types, at = table.obs[column].astype(str).to_numpy(), table.obs[["y", "x"]].to_numpy()
    rows = shown(types, at, places, cells, seed)
    settings = TaughtSettings(
        types=tuple(
            CellType(name=name, cells=tuple(table.obs_names[rows[types[rows] == name]]))
            for name in np.unique(types)
        )
    )
    taught = teach(table, settings)
    right = np.array(taught.clustering.names)[taught.clustering.codes] == types
    (span,) = patch_spans(table).values()
    distance, _ = cKDTree(at[rows]).query(at, p=np.inf)
    others = np.isin(np.arange(len(table)), rows, invert=True)
    x = StandardisedCells(table, settings.sources).of(rows)
    probe = LogisticRegression(class_weight="balanced", max_iter=2000)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    at_random = cross_val_predict(probe, x, types[rows], cv=folds) == types[rows]
    far = distance >= span
    return Told(
        column,
        places,
        cells,
        balanced(at_random, types[rows]),
        np.nan if taught.accuracy is None else taught.accuracy,
        balanced(right[far], types[far]),
        balanced(right[others], types[others]),
    )


def lessons(seeds: int, draws: int) -> Iterator[Told]:
    """Yield what all lessons make of the types, and of the subtle state of the CD8 T cells."""
    for seed in range(seeds):
        table = tissue(seed)
        for column in ("type", "state"):
            for places, cells in SHOWN:
                for draw in range(draws):
                    yield lesson(table, column, places, cells, draw)
        print(f"tissue {seed + 1} of {seeds} done", flush=True)


def page(told: pd.DataFrame, seeds: int, draws: int) -> str:
    """Return the Markdown page."""
    lines = [
        "# Teaching",
        "",
        f"Made by `benchmarks/teaching.py` {made_by()}.",
        "",
        f"{seeds} synthetic tissues of {SIZE:,}² pixels, each with a model of its own "
        f"(components of `demo`, {STEPS} steps), {draws} lessons each; patches of 32 px. *Types*: "
        "all that the tissue has; *state*: whether a CD8 T cell is engaged, which is subtle. "
        "*Told* is what the window says; *at random* what it would say if overlapping patches "
        "could lie on both sides of a fold; *true, far*: cells that overlap no example; *true, "
        "all*: all that are no examples. Accuracy as the mean over types; mean ± standard "
        "deviation over lessons; *error* is the mean of told (or at random) minus true, far.",
        "",
        "| question | examples of each type | told | lessons | at random | true, far | true, all | "
        "error, told | error, at random |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (question, places, cells), rows in told.groupby(
        ["question", "places", "cells"], sort=False
    ):
        some = rows.dropna(subset="apart")
        lines.append(
            f"| {question} | {places} places × {cells} | {of(some['apart'])} | "
            f"{len(some)} of {len(rows)} | {of(rows['at_random'])} | {of(rows['far'])} | "
            f"{of(rows['all'])} | {(some['apart'] - some['far']).mean():+.3f} | "
            f"{(rows['at_random'] - rows['far']).mean():+.3f} |"
        )
    return "\n".join([*lines, ""])


def of(values: pd.Series) -> str:
    """Return mean and standard deviation."""
    return f"{values.mean():.2f} ± {values.std():.2f}" if len(values) else ""


def main() -> None:
    """Teach, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args()
    told = pd.DataFrame(lessons(options.seeds, options.draws))
    text = page(told, options.seeds, options.draws)
    write_text(PAGES / "teaching.md", text, overwrite=True)
    print(text)


if __name__ == "__main__":
    main()
