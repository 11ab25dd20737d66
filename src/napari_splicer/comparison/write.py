"""A comparison on disk: every score as CSV, the summary as Markdown, and a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.analysis_settings import component_of
from napari_splicer.comparison.study import INTENSITY
from napari_splicer.files import check_free, write_text, written

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

    from napari_splicer.comparison.study import Measured

FILES = ("comparison.csv", "comparison.md", "comparison.png")
_LATER = ("accuracy", "knn_accuracy")  # not kept by older comparisons
_SOURCES = {"representation": "", "intensity": "", "combined": f" + {INTENSITY}"}
_MEASURES = {
    "auroc": "AUROC",
    "macro_f1": "macro-F1",
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "knn_accuracy": "accuracy of 20 neighbours",
}


def scores_table(measured: Sequence[Measured]) -> pd.DataFrame:
    """Return one row per features, seed and question, with the scores as columns."""
    import pandas as pd

    return pd.DataFrame(
        [
            {"features": _features(found, source), "seed": found.seed, "question": question}
            | dict.fromkeys(_LATER, float("nan"))
            | scores
            for found in measured
            for source, answers in found.scores.items()
            for question, scores in answers.items()
        ]
    )


def _features(found: Measured, source: str) -> str:
    """Return what cells are described by, in words: a whole model, or the chunk of a component."""
    component = component_of(source)
    if component is not None:
        return f"{found.name}, {component} alone"
    return found.name + _SOURCES[source]


def summary(measured: Sequence[Measured]) -> pd.DataFrame:
    """Return one row per features: scores averaged over questions, mean and sd over seeds.

    Columns ``auroc``, ``auroc_sd`` and so on; best AUROC first.
    """
    scores = scores_table(measured)
    per_seed = scores.groupby(["features", "seed"], sort=False)[list(_MEASURES)].mean()
    by_features = per_seed.groupby("features", sort=False)
    spread = by_features.std().add_suffix("_sd")
    return by_features.mean().join(spread).sort_values("auroc", ascending=False)


def write_comparison(
    measured: Sequence[Measured], folder: Path, *, overwrite: bool = False
) -> tuple[Path, ...]:
    """Write ``comparison.csv``, ``.md`` and ``.png`` into ``folder``; return their paths.

    Raises
    ------
    WouldOverwrite
        If one of them is there and ``overwrite`` is off.
    """
    paths = tuple(folder / name for name in FILES)
    for path in paths:
        check_free(path, overwrite=overwrite)
    table, page, picture = paths
    with written(table, overwrite=overwrite) as temporary:
        scores_table(measured).to_csv(temporary, index=False)
    write_text(page, _page(measured), overwrite=overwrite)
    with written(picture, overwrite=overwrite) as temporary:
        _figure(summary(measured)).savefig(temporary, dpi=150, format="png")
    return paths


def _page(measured: Sequence[Measured]) -> str:
    questions = list(next(iter(measured[0].scores.values())))
    seeds = len({found.seed for found in measured})
    lines = [
        "# Which description of a cell tells most?",
        "",
        f"Asked of the cells: {', '.join(questions)}. A linear probe is fitted to some images (or "
        "blocks of the image) and tested on the others; scores are averaged over the questions. "
        f"Mean ± standard deviation over {seeds} seed(s).",
        "",
        "*Alone* is the part of the description that one component was trained for: a probe on the "
        "whole may take what is easy and leave the rest.",
        "",
        "A question like *CD8+* is about a marker that no component sees: which cells are among "
        "the brightest 5 %? Such labels are made of intensities, which favours mean intensity.",
        "",
        f"| cells described by | {' | '.join(_MEASURES.values())} |",
        "|---|" + "---|" * len(_MEASURES),
    ]
    for name, row in summary(measured).iterrows():
        cells = (_mean_and_sd(row[key], row[f"{key}_sd"]) for key in _MEASURES)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "| training | seed | minutes | RankMe |", "|---|---|---|---|"]
    lines += [
        f"| {found.name} | {found.seed} | {found.seconds / 60:.1f} | {found.rankme:.1f} |"
        for found in measured
        if found.name != INTENSITY
    ]
    return "\n".join([*lines, ""])


def _mean_and_sd(mean: float, sd: float) -> str:
    if mean != mean:
        return "–"
    return f"{mean:.3f} ± {sd:.3f}" if sd == sd else f"{mean:.3f}"


def _figure(rows: pd.DataFrame) -> Figure:
    from napari_splicer.export.canvas import new_figure

    rows = rows[::-1]
    figure = new_figure(7, 1.2 + 0.35 * len(rows))
    axes = figure.add_subplot()
    shades = {"splicer": "#0072B2", INTENSITY: "#E69F00"}
    colours = [shades.get(str(name).split(",")[0], "#8C8C8C") for name in rows.index]
    places, spread = range(len(rows)), rows["auroc_sd"].fillna(0)
    axes.errorbar(rows["auroc"], places, xerr=spread, fmt="none", color="#555555")
    axes.scatter(rows["auroc"], places, c=colours, zorder=3)
    axes.set_yticks(places, list(map(str, rows.index)))
    axes.set_xlabel("AUROC, mean over questions (chance 0.5)")
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
