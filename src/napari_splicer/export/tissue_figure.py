"""A field of view with its cells in their groups' colours; large slides are thinned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.analysis.groups import colours_of, groups_of
from napari_splicer.errors import InvalidSettings
from napari_splicer.export.canvas import add_legend, new_figure, rgb

if TYPE_CHECKING:
    import dask.array as da
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from napari_splicer.images.masks import MaskedImage

LONGEST_SIDE = 2000
"""Pixels to which the tissue is thinned out."""


def tissue_figure(
    table: AnnData, field: MaskedImage, clustering: str, *, longest: int = LONGEST_SIDE
) -> Figure:
    """Draw a field of view with every cell in its group's colour over the image in grey.

    Parameters
    ----------
    table : AnnData
        With the cells of ``field``; joined by label id.
    field : MaskedImage
        With cells. Only every n-th pixel of the level that suffices is read, channel by channel.
    clustering : str
        A column of ``obs``.
    longest : int
        The drawn image's longer side in pixels.

    Raises
    ------
    InvalidSettings
        If the field has no cell mask, or the table no such clustering.
    """
    if field.cells is None:
        raise InvalidSettings(f"{field.name} has no cell mask.", "Add the mask of its cells.")
    groups, colours = groups_of(table, clustering), colours_of(table, clustering)
    here = (table.obs["region"] == field.name).to_numpy()
    height, width = _thinned(field.image.shape, longest)
    grey = _composite(field.image.levels, height, width)
    mask = _sampled(field.cells.levels, height, width)
    codes = _look_up(mask, table.obs["instance_id"].to_numpy()[here], groups.cat.codes[here])
    paint = np.vstack([rgb(colours), [[0.55, 0.55, 0.55]]])  # the last for everything else
    share = np.where(codes < 0, 1.0, 0.45 + 0.75 * grey)[..., None]
    picture = np.where(codes[..., None] < 0, 0.5 * grey[..., None], paint[codes] * share)

    figure = new_figure(9.5, 7.5 * max(0.4, min(2.5, height / width)) + 0.4)
    axes = figure.add_subplot()
    axes.imshow(picture.clip(0, 1), interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(f"{field.name}: {clustering}")
    pixel_size = field.image.pixel_size
    if pixel_size is not None:
        _scale_bar(axes, width, pixel_size[1] * field.image.shape[1] / width)
    add_legend(axes, groups[here], colours)
    return figure


def _thinned(shape: tuple[int, int], longest: int) -> tuple[int, int]:
    """Return height and width, at most ``longest``, at the shape's proportions."""
    scale = min(1.0, longest / max(shape))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _sampled(levels: tuple[da.Array, ...], height: int, width: int) -> NDArray[Any]:
    """Return the (Y, X) plane at ``height`` × ``width``, the nearest pixel of each, read lazily."""
    level = next((level for level in reversed(levels) if level.shape[-1] >= width), levels[0])
    rows, columns = (
        ((np.arange(count) + 0.5) * length / count).astype(np.int64)
        for count, length in zip((height, width), level.shape[-2:], strict=True)
    )
    return np.asarray(level[rows][:, columns])


def _composite(levels: tuple[da.Array, ...], height: int, width: int) -> NDArray[np.float32]:
    """Return the mean of all channels, each from its 1 % to its 99.5 % quantile: 0 to 1."""
    total = np.zeros((height, width), np.float32)
    for channel in range(levels[0].shape[0]):
        plane = _sampled(tuple(level[channel] for level in levels), height, width)
        plane = np.nan_to_num(plane.astype(np.float32))
        low, high = np.quantile(plane, (0.01, 0.995))
        if high > low:
            total += ((plane - low) / (high - low)).clip(0, 1)
    return total / max(float(np.quantile(total, 0.995)), 1e-6)


def _look_up(mask: NDArray[Any], ids: NDArray[Any], codes: pd.Series[Any]) -> NDArray[np.int64]:
    """Return every pixel's group; -1 where there is no cell, or none that the table knows."""
    order = np.argsort(ids)
    if not order.size:
        return np.full(mask.shape, -1, np.int64)
    place = np.searchsorted(ids, mask, sorter=order).clip(max=order.size - 1)
    found = ids[order][place] == mask
    return np.where(found & (mask != 0), codes.to_numpy()[order][place], -1).astype(np.int64)


def _scale_bar(axes: Axes, width: int, um_per_pixel: float) -> None:
    """Draw a bar of a round length, about a fifth of the image's width."""
    rough = width * um_per_pixel / 5
    power = 10.0 ** np.floor(np.log10(rough))
    length = max(step * power for step in (1, 2, 5) if step * power <= rough)
    x, y = 0.04 * width, axes.get_ylim()[0] * 0.96
    axes.plot([x, x + length / um_per_pixel], [y, y], color="white", linewidth=4)
    axes.annotate(f"{length:g} µm", (x, y), xytext=(0, 6), textcoords="offset points",
                  color="white", weight="bold")  # fmt: skip
