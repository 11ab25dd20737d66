"""Which share of the cells each group is, as bars: for a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.export.canvas import new_figure

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def composition_figure(counts: pd.DataFrame, colours: Mapping[str, str], *, title: str) -> Figure:
    """Draw a bar for each part of the cells, divided into its groups; of one part, one per group.

    Parameters
    ----------
    counts : DataFrame (parts, groups)
        Cells.
    colours : mapping of str to str
        Of the groups.
    title : str
    """
    if len(counts) == 1:
        return _single(counts.iloc[0], colours, title)
    figure = new_figure(8, 1.6 + 0.4 * len(counts) + 0.2 * (1 + counts.shape[1] // 6))
    axes = figure.add_subplot()
    totals = counts.sum(axis=1)
    shares = counts.div(totals.where(totals > 0, 1), axis=0) * 100
    left = np.zeros(len(counts))
    for name in counts.columns:
        width = shares[name].to_numpy()
        axes.barh(range(len(counts)), width, left=left, color=colours[str(name)], label=str(name))
        left += width
    _dress(axes, [f"{part}  ({total:,})" for part, total in totals.items()])
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of its cells")
    axes.set_title(title, loc="left")
    figure.legend(loc="outside lower center", ncols=6, frameon=False)
    return figure


def _single(counts: pd.Series[int], colours: Mapping[str, str], title: str) -> Figure:
    figure = new_figure(7, 1.4 + 0.3 * len(counts))
    axes = figure.add_subplot()
    total = max(int(counts.sum()), 1)
    bars = axes.barh(
        range(len(counts)), counts.to_numpy(), color=[colours[str(name)] for name in counts.index]
    )
    axes.bar_label(bars, [f"{n:,}  ({n / total:.1%})" for n in counts], padding=3)
    axes.margins(x=0.2)
    _dress(axes, [str(name) for name in counts.index])
    axes.set_xlabel("cells")
    axes.set_title(title, loc="left")
    return figure


def _dress(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
