"""What all figures share: an empty page, colours as matplotlib has them, and the legend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure; sizes in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def rgb(colours: list[str]) -> NDArray[np.float64]:
    """Return colours as (n, 3), 0 to 1."""
    from matplotlib.colors import to_rgb

    return np.array([to_rgb(colour) for colour in colours]).reshape(-1, 3)


def add_legend(axes: Axes, groups: pd.Series[Any], colours: list[str]) -> None:
    """Name the groups with their counts, beside the axes."""
    from matplotlib.lines import Line2D

    counts = groups.value_counts()
    handles = [
        Line2D([], [], marker="s", linestyle="", color=colour, label=f"{name}  ({counts[name]:,})")
        for name, colour in zip(groups.cat.categories, colours, strict=True)
    ]
    axes.legend(
        handles=handles, title="group (cells)", loc="upper left", bbox_to_anchor=(1.01, 1),
        frameon=False, borderaxespad=0, fontsize=9, ncols=1 + (len(handles) - 1) // 28,
    )  # fmt: skip
