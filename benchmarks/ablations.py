"""How to choose components: their number and widths, noise and repetition, weights, branches.

Two synthetic tissues whose CD8 T cells are resting or engaged (dial at 0.75). A model is trained
on the first, without labels; both are embedded; linear probes on the representation are fitted to
the first and tested on the second: *state*, engaged against resting (AUROC), which is subtle, and
*type*, the seven cell types (macro F1), which is easy. One thing is changed at a time.

    python benchmarks/ablations.py [--seeds 1] [--steps 400] [--fp32]

What was measured is kept in ``docs/benchmarks/results/ablations.json``: a run that was stopped goes
on. The page goes to ``docs/benchmarks/ablations.md``, its figure beside it.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_splicer import pipeline, synthetic_tissue
from napari_splicer.analysis.features import features
from napari_splicer.analysis.probe import probe_transfer
from napari_splicer.config import Component, Region
from napari_splicer.demo.comparison import add_truth
from napari_splicer.demo.settings import COMPONENTS, demo_config
from napari_splicer.export.figures import save_figure
from napari_splicer.images.masks import MaskedImage
from napari_splicer.images.stacking import stack_channels
from results import BUSY, PAGES, Results, mean_and_sd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anndata import AnnData
    from matplotlib.figure import Figure

    from napari_splicer.analysis.probe import ProbeResult
    from napari_splicer.config import RunConfig
    from napari_splicer.samples import Tissue

CONTRAST, SIZE = 0.75, 768
CHANNELS = (
    *("DNA", "Ki67", "PanCK", "Vimentin", "SMA", "CD31"),
    *("CD45", "CD3", "CD8", "CD20", "CD68", "GZMB"),
)
NOISE = "noise"
OWN = Region(kind="cell")
AROUND = Region(kind="surroundings")
BASE = "five components (the demo's)"
ADVICE = """## Advice

- **Few, and by what belongs together.** Cutting the panel in its own order helped little, however
  many the pieces, and a component for every marker much less than five that mean something.
- **Give what may be subtle a component of its own**: here the granules, one marker. Together with
  louder markers it drowned as it does without components.
- **A component too many does little harm**: noise, the same one twice, or one of the whole cell
  moved the score by about 0.01 at most. The report names those that are noise or repeated.
- **Give components chunks (SpliCER), not the whole embedding each (sum-JE)**, where something is
  subtle: with the same five components sum-JE hardly sees the state. With 12 and 16 components
  neither sees much of it, and sum-JE loses some of the types, too. Where nothing is as faint, as in
  MNIST-CIFAR and the tissue probe, the two are level.
- **Leave the widths equal.** Half of the embedding for the subtle component, or widths chosen
  automatically, told less of it than equal ones (two seeds: 0.64 and 0.64, not 0.68); a sixteenth
  told as much (0.70).
- **Let the components' terms be summed.** Averaged, the primary told less of the subtle state
  (two seeds: 0.62, not 0.68; with 12 components 0.53, not 0.56).
- **A panel that lacks a marker** can be embedded by a model that was trained with component
  dropout: the types suffer most (0.83, not 1.00), those of the blank component among them, the
  state does not (two seeds: 0.70, not 0.63). Dropout itself may cost some of it (0.63, not 0.68).
- **Leave the weights alone.** At a quarter of the others' weight the subtle component was lost; at
  four times their weight it won nothing.

The probed cells are 188 of each state: with one seed, differences under about 0.05 are chance."""
EARLIER = """An earlier version of this page told of three seeds together for the demo's five
components (state 0.700 ± 0.054, type 0.999 ± 0.001) and for branches of a quarter of the width
(0.698 ± 0.028 and 0.992 ± 0.010); the score of each seed is lost, so that the tables have what was
kept or measured again. The minutes of two models with other widths hold a pause of about a quarter
of an hour."""
JE = "none (joint embedding)"
DROPOUT: dict[str, object] = {"training.component_dropout": 0.3}
LACKS = "embedded without"
COUNTS = (1, 2, 3, 4, 6, 12, 16)


def groups(count: int, region: Region, prefix: str = "") -> tuple[Component, ...]:
    """Cut the panel, in its own order, into ``count`` components of equally many channels."""
    return tuple(
        Component(name=f"{prefix}{'+'.join(part)}", channels=tuple(part), region=region)
        for part in np.array_split(np.array(CHANNELS), count)
    )


def components(count: int) -> tuple[Component, ...]:
    """Up to 12 components of the own cell; 16 are these and four of the surroundings."""
    if count <= len(CHANNELS):
        return groups(count, OWN)
    return (*groups(len(CHANNELS), OWN), *groups(count - len(CHANNELS), AROUND, "around "))


def granules(**values: object) -> tuple[Component, ...]:
    """Return the demo's components with the granules changed."""
    return tuple(c.model_copy(update=values) if c.name == "granules" else c for c in COMPONENTS)


def variants() -> dict[str, dict[str, dict[str, object]]]:
    """By section of the page and by name, what is changed against the demo's settings."""
    twin = Component(name="granules again", channels=("GZMB",), region=OWN)
    noise = Component(name=NOISE, channels=(NOISE,), region=OWN)
    everything = Component(name="whole cell", channels=CHANNELS, region=OWN)
    return {
        "How many components": {
            JE: {"model.objective": "je"},
            **{f"{count}": {"components": components(count)} for count in COUNTS},
            BASE: {},
        },
        "A chunk each (SpliCER), or the whole embedding for all (sum-JE)": {
            "five, SpliCER": {},
            "five, sum-JE": {"model.objective": "sum-je"},
            "3, SpliCER": {"components": components(3)},
            "3, sum-JE": {"components": components(3), "model.objective": "sum-je"},
            "6, SpliCER": {"components": components(6)},
            "6, sum-JE": {"components": components(6), "model.objective": "sum-je"},
            "12, SpliCER": {"components": components(12)},
            "12, sum-JE": {"components": components(12), "model.objective": "sum-je"},
            "16, SpliCER": {"components": components(16)},
            "16, sum-JE": {"components": components(16), "model.objective": "sum-je"},
        },
        "How wide their chunks": {
            "equal (51 each)": {},
            "automatic": {"model.widths": "automatic"},
            "granules half of all": {"components": granules(width=128)},
            "granules a sixteenth": {"components": granules(width=16)},
        },
        "A component too many": {
            "as they are": {},
            "and one of pure noise": {"components": (*COMPONENTS, noise)},
            "and the granules twice": {"components": (*COMPONENTS, twin)},
            "and one of the whole cell": {"components": (*COMPONENTS, everything)},
        },
        "Weights": {
            "all 1": {},
            "granules 4": {"components": granules(weight=4.0)},
            "granules 1/4": {"components": granules(weight=0.25)},
        },
        "The primary's terms (summed, or averaged over the components)": {
            "summed": {},
            "averaged": {"model.primary_terms": "mean"},
            "12, summed": {"components": components(12)},
            "12, averaged": {"components": components(12), "model.primary_terms": "mean"},
        },
        "A panel that lacks a marker (structure: PanCK, so its component is blank)": {
            "whole panel": {},
            "whole panel, dropout 0.3": DROPOUT,
            "lacks it, dropout 0.3": DROPOUT | {LACKS: "PanCK"},
        },
        "How large the branches (parts of the primary's width; map of 16 px, coarse: 8 px)": {
            "1": {"model.branch_width": 32},
            "1/2 (default)": {},
            "1/4": {"model.branch_width": 8},
            "1/8": {"model.branch_width": 4},
            "1/2, coarse": {"model.branch_map": 12},
            "1/4, coarse": {"model.branch_width": 8, "model.branch_map": 12},
        },
        "The loss (consistent: branches are also held against themselves)": {
            "VICReg": {},
            "VICReg, consistent": {"model.consistency": 1},
            "SimCLR": {"model.loss": "simclr"},
            "SimCLR, temperature 0.1": {"model.loss": "simclr", "model.temperature": 0.1},
            "SimCLR, temperature 0.1, consistent": {
                "model.loss": "simclr",
                "model.temperature": 0.1,
                "model.consistency": 1,
            },
        },
    }


def tissues(seed: int) -> list[Tissue]:
    """Return two tissues, each with a channel of pure noise."""
    return [
        with_noise(synthetic_tissue(size=SIZE, contrast=CONTRAST, seed=number, name=name), number)
        for name, number in (("fit", seed), ("test", 1000 + seed))
    ]


def with_noise(tissue: Tissue, seed: int) -> Tissue:
    """Add a channel of counting noise around one mean everywhere."""
    image = tissue.field.image
    counts = np.random.default_rng(seed).poisson(20, image.shape).astype(image.dtype)
    noise = type(image).from_array(
        counts[None], [NOISE], name=NOISE, pixel_size=image.pixel_size, axes="CYX"
    )
    both = replace(stack_channels([image, noise], image.name), transform=image.transform)
    return replace(tissue, field=MaskedImage(both, tissue.field.cells, tissue.field.regions))


def measure(config: RunConfig, seed: int, lacks: str | None = None) -> dict[str, float]:
    """Train on the first tissue and probe both, without the channel that their panel lacks."""
    made = tissues(seed)
    began = time.perf_counter()
    bundle = pipeline.run(pipeline.train([made[0].field], config), show=None)
    minutes = (time.perf_counter() - began) / 60
    fields = [tissue.field for tissue in made]
    if lacks is not None:
        kept = [channel for channel in fields[0].image.channels if channel != lacks]
        fields = [replace(field, image=field.image.select(kept)) for field in fields]
    table = pipeline.run(pipeline.embed(fields, bundle, config))
    return {
        "state": probed(table, made, "state").auroc,
        "type": probed(table, made, "type").macro_f1,
        "minutes": minutes,
        "fp32": float(config.precision == "fp32"),
    }


def probed(table: AnnData, made: Sequence[Tissue], question: str) -> ProbeResult:
    """Fit a probe for a column of the truth to the first tissue and test it on the second."""
    x = features(table, "representation")
    parts = []
    for tissue in made:
        here = (table.obs["region"] == tissue.field.name).to_numpy()
        part = table[here].copy()
        add_truth(part, tissue.types)
        known = (part.obs[question] != "").to_numpy()
        parts += [x[here][known], part.obs[question][known].to_numpy()]
    return probe_transfer(*parts)


def rows(results: Results, steps: int) -> dict[str, pd.DataFrame]:
    """Return, by section, one row per seed and variant."""
    found = {}
    for section, changes in variants().items():
        lines = [
            {"name": name, **scores}
            for name, values in changes.items()
            for key, scores in results.scores.items()
            if key.startswith(f"{identity(values, steps)}, seed ")
        ]
        found[section] = pd.DataFrame(lines)
    return found


def identity(values: dict[str, object], steps: int) -> str:
    """Name a variant by what it changes, so that what sections share is measured once."""
    changed = []
    for key, value in values.items():
        if isinstance(value, tuple):
            value = " ".join(
                f"{c.name}{'' if c.width is None else f'({c.width})'}"
                f"{'' if c.weight == 1 else f'×{c.weight:g}'}"
                for c in value
            )
        changed.append(f"{key}={value}")
    return f"{'; '.join(changed) or 'base'}, {steps} steps"


def report(sections: dict[str, pd.DataFrame], steps: int, precision: str) -> Iterator[str]:
    """Yield the lines of the page."""
    yield "![state and type by the number of components](ablations.png)"
    yield ""
    yield (__doc__ or "").split("\n\n")[1]
    yield ""
    yield (
        f"Tissues of {SIZE} × {SIZE} px, {len(CHANNELS)} channels, {steps} steps, width 32, "
        f"{precision}, VICReg unless said; mean ± standard deviation over the seeds."
    )
    yield ""
    yield EARLIER
    yield ""
    yield BUSY
    for section, table in sections.items():
        if table.empty or table["name"].nunique() == 1:  # nothing to compare yet
            continue
        yield f"\n## {section}\n"
        if section == next(iter(others(sections)), None):
            yield "![state by what else was changed](ablations_others.png)"
            yield ""
        yield "| | seeds | state (AUROC) | type (macro F1) | minutes |"
        yield "|---|---|---|---|---|"
        for name, part in table.groupby("name", sort=False):
            yield (
                f"| {name} | {len(part)} "
                f"| {mean_and_sd(part['state'])} | {mean_and_sd(part['type'])} "
                f"| {part['minutes'].mean():.1f} |"
            )
    yield ""
    yield ADVICE


def figure(table: pd.DataFrame) -> Figure:
    """Draw both probes over the number of components, joint embedding as 0."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(7, 3.6), layout="constrained")
    axes = drawn.add_subplot()
    counted = table[table["name"] != BASE]
    names = list(dict.fromkeys(counted["name"]))
    demo = table[table["name"] == BASE]
    for column, label, colour in (
        ("state", "state, subtle (AUROC)", "#0072B2"),
        ("type", "type, easy (macro F1)", "#D55E00"),
    ):
        groups_of = counted.groupby("name", sort=False)[column]
        means, spread = groups_of.mean(), groups_of.std().fillna(0)
        axes.errorbar(range(len(names)), means, spread, label=label, color=colour, marker="o")
        mean, sd = demo[column].mean(), demo[column].fillna(0).std()
        axes.errorbar(len(names), mean, sd, color=colour, marker="o", mfc="white")
    axes.set_xticks(range(len(names) + 1), ["JE", *names[1:], "five by\nmeaning"])
    axes.set(xlabel="number of components", ylabel="score on another tissue", ylim=(0.4, 1))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return drawn


def others(sections: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the sections, but the first, in which there is something to compare."""
    return {
        section: table
        for section, table in list(sections.items())[1:]
        if not table.empty and table["name"].nunique() > 1
    }


def figure_of_others(sections: dict[str, pd.DataFrame]) -> Figure:
    """Draw, section by section, every seed's score of the subtle state, and their mean."""
    from matplotlib.figure import Figure

    heights = [table["name"].nunique() + 1 for table in sections.values()]
    drawn = Figure(figsize=(7, 0.24 * sum(heights) + 0.5), layout="constrained")
    rows_of = drawn.subplots(len(sections), sharex=True, height_ratios=heights)
    for axes, (section, table) in zip(np.atleast_1d(rows_of), sections.items(), strict=True):
        names = list(dict.fromkeys(table["name"]))
        for place, name in enumerate(names):
            scores = table.loc[table["name"] == name, "state"]
            axes.plot(scores, [place] * len(scores), "o", color="#0072B2", alpha=0.4, ms=4)
            axes.plot(scores.mean(), place, "|", color="#0072B2", ms=12, mew=2)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_title(section.partition(" (")[0], fontsize=9, loc="left")
        axes.axvline(0.5, color="black", linewidth=0.8, linestyle=(0, (1, 3)))
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("state, subtle (AUROC): each seed, and their mean")
    return drawn


def main() -> None:
    """Measure what is not kept yet; write the page and its figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--only", nargs="*", help="sections whose title begins like this")
    parser.add_argument("--fp32", action="store_true", help="for processors that lack bf16")
    parser.add_argument("--report", action="store_true", help="of what was measured; no training")
    options = parser.parse_args()
    results, precision = Results("ablations"), "fp32" if options.fp32 else "bf16"
    for seed, (section, changes) in product(range(options.seeds), variants().items()):
        left_out = options.only and not section.startswith(tuple(options.only))
        for values in changes.values():
            name = f"{identity(values, options.steps)}, seed {seed}"
            changed = {key: value for key, value in values.items() if key != LACKS}
            config = demo_config(seed=seed, steps=options.steps).with_values(
                {"precision": precision, "threads": 1, **changed}
            )
            if results.known(name) or not (left_out or options.report):
                results.add(name, partial(measure, config, seed, values.get(LACKS)))
    sections = rows(results, options.steps)
    in_fp32 = sum(scores.get("fp32", 0) > 0 for scores in results.scores.values())
    said = f"bf16 ({in_fp32} of {len(results.scores)} in fp32)" if in_fp32 else "bf16"
    results.write_page("How to choose components", report(sections, options.steps, said))
    counted = next(iter(sections.values()))
    save_figure(figure(counted), PAGES / "ablations.png", overwrite=True)
    drawn = figure_of_others(others(sections))
    save_figure(drawn, PAGES / "ablations_others.png", overwrite=True)


if __name__ == "__main__":
    main()
