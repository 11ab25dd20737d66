"""Who sees the subtle state? SpliCER, JE and mean intensity over the synthetic tissue's dial.

For every seed and every setting of the dial two tissues are made. An encoder is trained on the
first, without labels; both are embedded; a linear probe is fitted to the CD8 T cells of the first
and tested on those of the second: engaged or resting? SpliCER and JE have the same encoder,
patches, augmentations and steps. The reference line is what is found by someone who knows what to
measure: how far the centre of mass of granzyme B lies from the cell's middle.

    python benchmarks/subtle_type.py

Results are kept line by line in the cache, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from skimage.measure import regionprops_table
from sklearn.metrics import roc_auc_score

from napari_splicer import pipeline, synthetic_tissue
from napari_splicer.analysis.features import features
from napari_splicer.analysis.probe import probe_transfer
from napari_splicer.demo.comparison import add_truth
from napari_splicer.demo.settings import OBJECTIVES, demo_config
from napari_splicer.events import Metrics
from napari_splicer.export.figures import save_figure
from napari_splicer.files import write_text
from results import made_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anndata import AnnData
    from matplotlib.figure import Figure

    from napari_splicer.samples import Tissue

SEEDS = (0, 1, 2)
DIAL = (0.0, 0.25, 0.5, 0.75, 1.0)
REFERENCE = "asymmetry of GZMB"
STYLE = {
    "SpliCER": ("#0072B2", "-"),
    "mean intensity + SpliCER": ("#0072B2", ":"),
    "JE": ("#D55E00", "-"),
    "mean intensity + JE": ("#D55E00", ":"),
    "mean intensity": ("#009E73", "-"),
    REFERENCE: ("#999999", "--"),
}


@dataclass(frozen=True)
class Score:
    """One number of the benchmark; all but ``auroc`` is what it belongs to."""

    seed: int
    contrast: float
    size: int
    steps: int
    features: str
    auroc: float


def main() -> None:
    """Run what is missing, then write the table and the figure."""
    options = _options()
    scores = list(run(options))
    table = pd.DataFrame([asdict(score) for score in scores])
    summary = table.groupby(["features", "contrast"])["auroc"].agg(["mean", "std"])
    write_text(options.docs / "benchmarks" / "subtle_type.md", page(summary, options),
               overwrite=True)  # fmt: skip
    save_figure(figure(summary), options.docs / "images" / "subtle_type.png", overwrite=True)
    print(summary["mean"].unstack().round(3))


def run(options: argparse.Namespace) -> Iterator[Score]:
    """Yield every score, from the cache where it is there."""
    options.cache.parent.mkdir(parents=True, exist_ok=True)
    options.cache.touch()
    lines = options.cache.read_text().splitlines()
    known = [Score(**json.loads(line)) for line in lines]
    for seed, contrast in product(options.seeds, options.dial):
        wanted = (seed, contrast, options.size, options.steps)
        found = [s for s in known if (s.seed, s.contrast, s.size, s.steps) == wanted]
        if not found:
            found = list(measure(*wanted, gain=options.gain))
            with options.cache.open("a") as file:
                file.writelines(json.dumps(asdict(score)) + "\n" for score in found)
        yield from found


def measure(
    seed: int, contrast: float, size: int, steps: int, *, gain: float = 0.0
) -> Iterator[Score]:
    """Make two tissues, train on one, probe on the other; a score per way to describe a cell."""
    tissues = [
        synthetic_tissue(size=size, contrast=contrast, seed=number, name=name)
        for name, number in (("fit", seed), ("test", 1000 + seed))
    ]

    def score(name: str, auroc: float) -> Score:
        print(f"seed {seed}, contrast {contrast}: {name} {auroc:.3f}", flush=True)
        return Score(seed, contrast, size, steps, name, auroc)

    for name, objective in OBJECTIVES.items():
        values = {"model.objective": objective, "augmentation.gain": gain}
        config = demo_config(seed=seed, steps=steps).with_values(values)
        print(f"training {name} ...", flush=True)
        bundle = pipeline.run(pipeline.train([tissues[0].field], config), _tell)
        table = pipeline.run(
            pipeline.embed([tissue.field for tissue in tissues], bundle, config), _tell
        )
        yield score(name, auroc(table, tissues, "representation"))
        yield score(f"mean intensity + {name}", auroc(table, tissues, "combined"))
    yield score("mean intensity", auroc(table, tissues, "intensity"))
    yield score(REFERENCE, reference(tissues[1]))


def auroc(table: AnnData, tissues: list[Tissue], source: str) -> float:
    """Fit a probe to the first tissue's CD8 T cells and test it on the second's."""
    x = features(table, source)
    parts = []
    for tissue in tissues:
        here = (table.obs["region"] == tissue.field.name).to_numpy()
        part = table[here].copy()
        add_truth(part, tissue.types)
        probed = (part.obs["state"] != "").to_numpy()
        parts += [x[here][probed], part.obs["state"][probed].to_numpy()]
    return probe_transfer(*parts).auroc


def reference(tissue: Tissue) -> float:
    """Tell the states apart by how far GZMB lies from the cell's middle."""
    image, cells = tissue.field.image, tissue.field.cells
    if cells is None:
        raise TypeError("a synthetic tissue has cells")
    granzyme = np.asarray(image.select(["GZMB"]).data[0]).astype(float)
    granzyme = (granzyme - np.median(granzyme)).clip(min=0)
    names = ("label", "centroid", "centroid_weighted")
    found = regionprops_table(np.asarray(cells.data), granzyme, properties=names)
    off_y, off_x = (found[f"centroid_weighted-{a}"] - found[f"centroid-{a}"] for a in (0, 1))
    offset = pd.Series(np.hypot(off_y, off_x), index=found["label"])
    probed = tissue.types[tissue.types["state"] != ""]
    return float(roc_auc_score(probed["state"] == "engaged", offset.loc[probed["id"]]))


def page(summary: pd.DataFrame, options: argparse.Namespace) -> str:
    """Return the page for the documentation."""
    dial = sorted(summary.index.unique("contrast"))
    head = "| cell described by | " + " | ".join(f"{value:g}" for value in dial) + " |"
    rows = [
        f"| {name} | "
        + " | ".join("{mean:.2f} ± {std:.2f}".format(**summary.loc[(name, c)]) for c in dial)
        + " |"
        for name in STYLE
    ]
    return "\n".join(
        [
            "# Who sees the subtle state?",
            "",
            "![AUROC over the dial](../images/subtle_type.png)",
            "",
            "AUROC of a linear probe for engaged against resting CD8 T cells, mean ± standard "
            f"deviation over {len(options.seeds)} seeds, by the dial of the synthetic tissue "
            "(probability that a granule of an engaged cell lies at its pole). Chance is 0.5.",
            "",
            head,
            "|---|" + "---|" * len(dial),
            *rows,
            "",
            (__doc__ or "").split("\n\n")[1],
            "",
            f"Tissues of {options.size} × {options.size} px; {options.steps} steps for each model. "
            f"Made by `benchmarks/subtle_type.py` {made_by()}.",
            "",
        ]
    )


def figure(summary: pd.DataFrame) -> Figure:
    """Draw AUROC over the dial, one line per way to describe a cell."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(9, 4.5), layout="constrained")
    axes = drawn.add_subplot()
    for name, (colour, line) in STYLE.items():
        part = summary.loc[name]
        axes.errorbar(
            part.index, part["mean"], part["std"], label=name, color=colour, linestyle=line,
            marker="o", markersize=4, capsize=2, alpha=0.9,
        )  # fmt: skip
    axes.axhline(0.5, color="black", linewidth=0.8, linestyle=(0, (1, 3)))
    axes.annotate("chance", (0, 0.5), xycoords=("axes fraction", "data"), xytext=(4, -10),
                  textcoords="offset points", fontsize=8)  # fmt: skip
    axes.set(
        xlabel="dial: probability that a granule of an engaged cell lies at its pole",
        ylabel="AUROC, engaged against resting",
        ylim=(0.4, 1.02),
        title="Who sees the subtle state of CD8 T cells?",
    )
    axes.spines[["top", "right"]].set_visible(False)
    drawn.legend(frameon=False, loc="outside right upper", fontsize=9)
    return drawn


def _tell(event: object) -> None:
    if isinstance(event, Metrics) and "loss" in event.values and event.step % 100 == 0:
        print(f"  step {event.step}: loss {event.values['loss']:.3f}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--dial", type=float, nargs="+", default=DIAL)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--size", type=int, default=768, help="pixels")
    parser.add_argument("--gain", type=float, default=0.0, help="random, of each channel; with a "
                        "cache and docs of its own")  # fmt: skip
    parser.add_argument("--cache", type=Path, default=Path(".cache/subtle_type.jsonl"))
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
