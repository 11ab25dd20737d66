"""Figures of a clustered table and of a comparison: drawn without a window or global state.

Each function returns a :class:`matplotlib.figure.Figure`; :func:`save_figure` writes it. Colours
are the table's own (``uns["<clustering>_colors"]``), the same as on the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.analysis.groups import colours_of, groups_of
from napari_splicer.errors import InvalidSettings
from napari_splicer.export.canvas import add_legend, new_figure, rgb
from napari_splicer.files import written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd
    from anndata import AnnData
    from matplotlib.figure import Figure

_DARK = "#141414"
_TAG = {"boxstyle": "round,pad=0.2", "facecolor": "white", "alpha": 0.85, "linewidth": 0}


def map_figure(table: AnnData, clustering: str) -> Figure:
    """Draw the map of the cells (UMAP) in the groups' colours, each group named at its middle.

    Raises
    ------
    InvalidSettings
        If the table has no map or no such clustering.
    """
    if "X_umap" not in table.obsm:
        raise InvalidSettings("The table has no map of the cells.", "Cluster the cells first.")
    groups, colours = groups_of(table, clustering), colours_of(table, clustering)
    place = np.asarray(table.obsm["X_umap"])
    codes = groups.cat.codes.to_numpy()
    drawn = np.flatnonzero(np.isfinite(place).all(axis=1) & (codes >= 0))
    drawn = np.random.default_rng(0).permutation(drawn)  # no group lies on top of all others
    figure = new_figure(8.5, 6.5)
    axes = figure.add_subplot()
    axes.set_facecolor(_DARK)
    axes.scatter(
        place[drawn, 0],
        place[drawn, 1],
        c=rgb(colours)[codes[drawn]],
        s=float(np.clip(20_000 / max(1, drawn.size), 0.5, 14)),
        linewidths=0,
    )
    for code, name in enumerate(groups.cat.categories):
        members = drawn[codes[drawn] == code]
        if members.size:
            x, y = np.median(place[members], axis=0)
            axes.annotate(
                str(name), (x, y), xytext=(0, 7), textcoords="offset points",
                ha="center", weight="bold", fontsize=9, bbox=_TAG,
            )  # fmt: skip
    axes.margins(0.08)
    axes.set(xticks=[], yticks=[], xlabel="UMAP 1", ylabel="UMAP 2")
    axes.set_title(f"Map of {drawn.size:,} cells: {clustering}")
    add_legend(axes, groups, colours)
    return figure


def profile_figure(table: AnnData, clustering: str) -> Figure:
    """Draw clusters × markers: mean z-scores, similar rows and columns side by side."""
    from napari_splicer.analysis.profiles import profile

    found = profile(table, clustering).ordered()
    groups, colours = groups_of(table, clustering), colours_of(table, clustering)
    colour = dict(zip(groups.cat.categories, colours, strict=True))
    rows, columns = found.scores.shape
    figure = new_figure(2.8 + 0.36 * columns, 1.6 + 0.32 * rows)
    axes = figure.add_subplot()
    limit = float(np.clip(np.nanmax(np.abs(found.scores.to_numpy()), initial=0), 1, 2.5))
    shown = axes.imshow(found.scores, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    counts = found.counts.sum(axis=1)
    axes.set_xticks(range(columns), found.scores.columns, rotation=60, ha="right")
    axes.set_yticks(range(rows), [f"{group}  ({counts[group]:,})" for group in found.scores.index])
    axes.tick_params(length=0)
    axes.tick_params(axis="y", pad=16)
    for row, group in enumerate(found.scores.index):
        axes.plot(
            -0.012 * 12 / columns - 0.012, row, "s", color=colour[group], markersize=8,
            transform=axes.get_yaxis_transform(), clip_on=False,
        )  # fmt: skip
    axes.set_title(f"{clustering}: groups (cells) × markers")
    figure.colorbar(shown, ax=axes, label="mean z-score", shrink=0.8, extend="both")
    return figure


def comparison_figure(
    scores: Mapping[str, float], *, title: str, measure: str, chance: float
) -> Figure:
    """Draw one bar per representation, with a line at what chance would give.

    Parameters
    ----------
    scores : mapping of str to float
        Score by name of the representation, in the order to draw, 0 to 1.
    title, measure : str
        What was asked, and the axis's label.
    chance : float
        Score of a guess.
    """
    figure = new_figure(7, 1.5 + 0.5 * len(scores))
    axes = figure.add_subplot()
    names = [*scores][::-1]
    values = [scores[name] for name in names]
    colours = ["#0072B2" if "SpliCER" in name else "#B5B5B5" for name in names]
    bars = axes.barh(names, values, color=colours, height=0.65)
    axes.axvline(chance, color="black", linestyle="--", linewidth=1)
    axes.bar_label(bars, fmt="%.2f", padding=5, bbox=_TAG)
    axes.annotate("chance", (chance, 1), xycoords=("data", "axes fraction"), xytext=(4, 2),
                  textcoords="offset points", fontsize=8)  # fmt: skip
    axes.set(xlim=(0, 1.08), xlabel=measure)
    axes.set_title(title, pad=16, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def table_figure(rows: pd.DataFrame, *, title: str) -> Figure:
    """Draw a short table as it stands; the first column is the rows' name, numbers get 2 digits."""
    from matplotlib.transforms import Bbox

    cells = [
        [f"{v:.2f}" if isinstance(v, float) else str(v) for v in row]
        for row in rows.itertuples(index=False)
    ]
    lines = [[*map(str, rows.columns)], *cells]
    widths = np.array([max(map(len, column)) + 4 for column in zip(*lines, strict=True)])
    figure = new_figure(0.1 * widths.sum(), 0.5 + 0.32 * len(lines))
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_title(title, loc="left")
    drawn = axes.table(
        cells,
        colLabels=lines[0],
        cellLoc="center",
        colWidths=list(widths / widths.sum()),
        bbox=Bbox.unit(),
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(10)
    for (row, column), cell in drawn.get_celld().items():
        cell.set_edgecolor("#C8C8C8")
        if row == 0:
            cell.set_text_props(weight="bold")
            cell.set_facecolor("#EFEFEF")
        if column == 0:
            cell.set_text_props(ha="left")
    return figure


def save_figure(figure: Figure, path: Path, *, overwrite: bool = False) -> None:
    """Write ``figure`` as PNG.

    Raises
    ------
    WouldOverwrite, CannotWrite
        See :func:`napari_splicer.files.written`.
    """
    with written(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary, dpi=150, format="png", bbox_inches="tight")
