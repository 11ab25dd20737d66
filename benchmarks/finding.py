"""Whether a person can find the hidden state of the synthetic tissue by what the window offers.

Without labels: the CD8 T cells are divided in two, as *Split* does it (k-means), by one thing or
another: a chunk, the whole representation, mean intensity. Does one half hold those that are
engaged? With a few examples, as *Teach* does it: how many of the others does it tell right? Both
after a short training and after a longer one, of SpliCER and of JE.

    python benchmarks/finding.py [--seeds 1] [--steps 400 1500] [--dial 1 0.75]

What is done is kept, and the page ``docs/benchmarks/finding.md`` is made of all that is.
"""

from __future__ import annotations

import argparse
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from napari_splicer import pipeline, synthetic_tissue
from napari_splicer.analysis.clustering import cluster_cells
from napari_splicer.analysis.sources import available_sources
from napari_splicer.analysis.teaching import teach
from napari_splicer.config import CellType, ClusteringSettings, TaughtSettings
from napari_splicer.demo.comparison import add_truth
from napari_splicer.demo.settings import OBJECTIVES, demo_config
from results import Results, mean_and_sd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData

EXAMPLES, LESSONS = 10, 20
SIZE = 768  # pixels, as the sample of the window
NAMES = ("intensity", "representation", "combined", "chunk:granules", "chunk:lineage")


def tissue(objective: str, dial: float, steps: int, seed: int) -> AnnData:
    """Train on a tissue; return its CD8 T cells, their state in ``obs``."""
    made = synthetic_tissue(size=SIZE, contrast=dial, seed=seed)
    values = {"model.objective": OBJECTIVES[objective], "threads": 1}
    config = demo_config(seed=seed, steps=steps).with_values(values)
    bundle = pipeline.run(pipeline.train([made.field], config), show=None)
    table = pipeline.run(pipeline.embed([made.field], bundle, config), show=None)
    add_truth(table, made.types)
    return table[(table.obs["state"] != "").to_numpy()].copy()


def divided(table: AnnData, source: str) -> float:
    """Return how well two halves are the two states: adjusted Rand index, 0 as by chance."""
    settings = ClusteringSettings(name="halves", method="kmeans", clusters=2, source=source)
    return float(adjusted_rand_score(table.obs["state"], cluster_cells(table, settings).codes))


def taught(table: AnnData, source: str) -> float:
    """Return the share of cells told right after ten examples of each state; chance is 0.5."""
    states = table.obs["state"].astype(str).to_numpy()
    right = []
    for lesson in range(LESSONS):
        rng = np.random.default_rng(lesson)
        rows = [
            rng.choice(np.flatnonzero(states == name), EXAMPLES, replace=False)
            for name in np.unique(states)
        ]
        types = tuple(
            CellType(name=name, cells=tuple(table.obs_names[shown]))
            for name, shown in zip(np.unique(states), rows, strict=True)
        )
        found = teach(table, TaughtSettings(types=types, sources=(source,))).clustering
        others = np.isin(np.arange(len(table)), np.concatenate(rows), invert=True)
        told = pd.Series(np.array(found.names)[found.codes] == states)[others]
        right.append(told.groupby(states[others]).mean().mean())
    return float(np.mean(right))


def scores(table: AnnData) -> dict[str, float]:
    """Return both scores of every source that the table has."""
    there = [name for name in NAMES if name in available_sources(table)]
    return {f"split {name}": divided(table, name) for name in there} | {
        f"taught {name}": taught(table, name) for name in there
    }


def lines(measured: pd.DataFrame, dial: Sequence[float]) -> list[str]:
    """Return the body of the page."""
    found = [
        f"Tissues of {SIZE}² pixels with some 370 CD8 T cells, half of them engaged: their "
        "granules lie at one pole, those of the others around the cell. Both have as much "
        "granzyme B. *Split*: the CD8 T cells are divided in two by k-means, adjusted Rand index "
        "with their state (0: as by chance; 1: the states). *Taught*: share of the other cells "
        f"told right, as the mean over states, after {EXAMPLES} examples of each (mean of "
        f"{LESSONS} lessons; chance is 0.5). The components are those of `demo`; *granules* has "
        "one marker.",
    ]
    for contrast in dial:
        found += [
            "",
            f"## Dial {contrast:g}",
            "",
            "| model | steps | seeds | cells compared by | split | taught |",
            "|---|---|---|---|---|---|",
        ]
        here = measured[measured["dial"] == contrast]
        for (model, steps), rows in here.groupby(["model", "steps"], sort=False):
            found += [
                f"| {model} | {steps:,} | {len(rows)} | {name} | "
                f"{mean_and_sd(rows[f'split {name}'])} | {mean_and_sd(rows[f'taught {name}'])} |"
                for name in NAMES
                if rows[f"split {name}"].notna().all()
            ]
    return found


def main() -> None:
    """Measure what is missing, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, nargs="+", default=[400, 1500])
    parser.add_argument("--dial", type=float, nargs="+", default=[1.0, 0.75])
    parser.add_argument("--report", action="store_true", help="write the page alone")
    options = parser.parse_args()
    results = Results("finding")
    wanted = product(options.dial, options.steps, OBJECTIVES, range(options.seeds))
    rows = []
    for dial, steps, model, seed in wanted:
        name = f"{model} {steps} steps dial {dial:g} seed {seed}"
        if options.report and not results.known(name):
            continue
        results.add(
            name,
            lambda case=(model, dial, steps, seed): scores(tissue(*case)),  # type: ignore[misc]
        )
        rows.append({"dial": dial, "steps": steps, "model": model, **results.scores[name]})
    results.write_page(
        "Can a person find the hidden state?", lines(pd.DataFrame(rows), options.dial)
    )


if __name__ == "__main__":
    main()
