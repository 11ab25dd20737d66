"""A table of numbers as the Explorer shows it: written as a picture, a drawing or a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.errors import InvalidSettings
from napari_splicer.export.canvas import new_figure
from napari_splicer.files import write_text, written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

SUFFIXES = (".png", ".svg", ".csv")


def matrix_figure(
    values: pd.DataFrame,
    shades: ArrayLike,
    colours: Sequence[str],
    *,
    title: str,
    swatches: Mapping[str, str] | None = None,
) -> Figure:
    """Draw rows × columns as colours, each name beside its row or under its column.

    Parameters
    ----------
    values : DataFrame (rows, columns)
        NaN is left empty.
    shades : float (rows, columns)
        Place of each value on the scale, 0 to 1.
    colours : sequence of str
        The scale, low to high.
    title : str
    swatches : mapping of str to str, optional
        Colours beside the names of rows.
    """
    from matplotlib.colors import ListedColormap

    rows, columns = values.shape
    figure = new_figure(2.6 + 0.34 * columns, 1.5 + 0.32 * rows)
    axes = figure.add_subplot()
    shown = np.where(np.isfinite(values.to_numpy(np.float64)), np.asarray(shades), np.nan)
    axes.imshow(shown, cmap=ListedColormap(list(colours)), vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(columns), [str(name) for name in values.columns], rotation=60, ha="right")
    axes.set_yticks(range(rows), [str(name) for name in values.index])
    axes.tick_params(length=0)
    if swatches:
        axes.tick_params(axis="y", pad=16)
        for row, name in enumerate(values.index):
            axes.plot(
                -0.15 / columns - 0.012, row, "s", color=swatches.get(str(name), "none"),
                markersize=8, transform=axes.get_yaxis_transform(), clip_on=False,
            )  # fmt: skip
    axes.set_title(title, loc="left")
    return figure


def write_matrix(path: Path, values: pd.DataFrame, figure: Figure) -> None:
    """Write the numbers (``.csv``) or the figure (``.png``, ``.svg``), replacing what is there.

    Raises
    ------
    InvalidSettings
        If the name ends otherwise.
    CannotWrite
        See :func:`napari_splicer.files.written`.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidSettings(
            f"'{path.name}' says not what to write.",
            "Let its name end in .png (a picture), .svg (a drawing) or .csv (the numbers).",
        )
    if suffix == ".csv":
        write_text(path, values.to_csv(), overwrite=True)
        return
    with written(path, overwrite=True) as temporary:
        figure.savefig(temporary, dpi=200, format=suffix[1:], bbox_inches="tight")
