"""Thumbnails of cells: crops of the image in up to three channels. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_splicer.analysis.exemplars import borderline_cells, typical_cells
from napari_splicer.analysis.features import Scale, features
from napari_splicer.analysis.sources import available_sources
from napari_splicer.embedding.table import holds_tiles
from napari_splicer.gui.crops import shrunk_crops

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.gui.snapshot import Light
    from napari_splicer.images.image import MultiplexImage

HUES = ("#ffffff",), ("#ff50e6", "#50ff50"), ("#ff50e6", "#ffe600", "#32c8ff")
"""Colours of one, two and three channels, far apart for colour-blind readers too."""

_REFERENCES = 24  # cells all over the image that the contrast is taken from
_QUANTILES = (0.02, 0.998)
_STANDS_OUT = 0.2  # standard deviations
_GREY, _ALIKE = 25, 100  # of 255 between the primaries of one colour; of 765 between two colours
_LOOKED_AT = 20_000  # cells in which channels are compared


@dataclass(frozen=True, eq=False)
class Query:
    """What to show: frozen, for a worker.

    Parameters
    ----------
    image : MultiplexImage
    table : AnnData
        From :func:`excerpt`.
    codes : int64 (n,)
        Group of each row.
    group : int
    borderline : bool
        Cells on the group's border instead of typical ones.
    channels : tuple of str
        Up to three; empty for those that stand out in the group.
    count : int
        At most so many cells.
    lights : mapping of str to Light
        Of the viewer's channels.
    """

    image: MultiplexImage
    table: AnnData
    codes: NDArray[np.int64]
    group: int
    borderline: bool
    channels: tuple[str, ...]
    count: int
    lights: Mapping[str, Light] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Cells by id, and their pictures, uint8 (n, side, side, 3), in the channels' colours."""

    ids: NDArray[np.int64]
    pictures: NDArray[np.uint8]
    channels: tuple[str, ...]
    hues: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Cells:
    """What pictures of a table's cells need: arrays that never change, none of them copied.

    Parameters
    ----------
    intensities : (n, C)
        Numpy or dask.
    markers : tuple of str
    ids : int64 (n,)
    y, x, area : float (n,)
        In pixels.
    tiles : bool
        Whether they are tiles of a grid.
    """

    intensities: Any
    markers: tuple[str, ...]
    ids: NDArray[np.int64]
    y: NDArray[np.float64]
    x: NDArray[np.float64]
    area: NDArray[np.float64]
    tiles: bool = False

    @classmethod
    def of(cls, table: AnnData, shown: pd.DataFrame) -> Cells:
        """Take them from a table and from what :func:`shown_cells` returns of it."""
        ids, y, x, area = (shown[name].to_numpy() for name in ("instance_id", "y", "x", "area"))
        markers = tuple(map(str, table.var_names))
        return cls(table.X, markers, ids, y, x, area, holds_tiles(table))


def excerpt(table: AnnData, shown: pd.DataFrame) -> AnnData:
    """Return a table of its own with what thumbnails need; arrays that never change are shared."""
    from anndata import AnnData

    return AnnData(
        table.X,
        obs=shown,
        var=pd.DataFrame(index=table.var_names),
        obsm={key: table.obsm[key] for key in ("X_splicer",) if key in table.obsm},
        uns={"splicer": {"sites": "grid" if holds_tiles(table) else "cells"}},
    )


def make_thumbnails(query: Query) -> Thumbnails:
    """Find the cells of a group and read their crops."""
    table = query.table
    source = "representation" if "representation" in available_sources(table) else "intensity"
    choose = borderline_cells if query.borderline else typical_cells
    rows = choose(features(table, source), query.codes, query.group, query.count)
    cells, members = Cells.of(table, table.obs), np.flatnonzero(query.codes == query.group)
    channels = query.channels or outstanding(cells, members, query.image)
    return picture(query.image, cells, rows, channels, query.lights)


def picture(
    image: MultiplexImage,
    cells: Cells,
    rows: NDArray[np.int64],
    channels: tuple[str, ...],
    lights: Mapping[str, Light],
) -> Thumbnails:
    """Read the crops of some cells; only chunks that they touch are decoded.

    Colours and contrast are the viewer's, where it has a layer for each channel; channels in grey
    there, or in one another's colour, get one that can be told apart.

    Parameters
    ----------
    image : MultiplexImage
    cells : Cells
    rows : int64 (m,)
    channels : tuple of str
        One to three of the image's; empty for those in which these cells stand out.
    lights : mapping of str to Light
        Of the viewer's channels.
    """
    channels = channels or outstanding(cells, rows, image)
    side = _side(cells)
    if all(name in lights for name in channels):
        limits = np.array([[lights[name].low, lights[name].high] for name in channels]).T
    else:
        references = np.random.default_rng(0).permutation(len(cells.ids))[:_REFERENCES]
        limits = _contrast(shrunk_crops(image, _places(cells, references), side, channels))
    gammas = [lights[name].gamma if name in lights else 1.0 for name in channels]
    hues = hues_of(channels, lights)
    crops = shrunk_crops(image, _places(cells, rows), side, channels)
    ids = cells.ids[rows].astype(np.int64)
    return Thumbnails(ids, composite(crops, limits, hues, gammas), channels, hues)


def hues_of(channels: tuple[str, ...], lights: Mapping[str, Light]) -> tuple[str, ...]:
    """Return a colour for each of up to three channels: the viewer's, where it tells them apart.

    Examples
    --------
    >>> from napari_splicer.gui.snapshot import Light
    >>> green = Light("#00ff00", 0, 1)
    >>> hues_of(("CD3", "CD8"), {"CD3": Light("#ffffff", 0, 1), "CD8": green})
    ('#ff50e6', '#00ff00')
    >>> hues_of(("CD3", "CD8"), {"CD3": green, "CD8": green})
    ('#00ff00', '#ff50e6')
    """
    found: dict[str, str] = {}
    for name in channels:
        hue = lights[name].hue if name in lights else ""
        if hue and _is_colour(hue) and _apart(hue, found.values()):
            found[name] = hue
    for name in channels:
        if name not in found:
            own = (*HUES[len(channels) - 1], *HUES[-1])
            found[name] = next(hue for hue in own if _apart(hue, found.values()))
    return tuple(found[name] for name in channels)


def _rgb(hue: str) -> NDArray[np.float32]:
    return np.array([int(hue[i : i + 2], 16) for i in (1, 3, 5)], np.float32)


def _is_colour(hue: str) -> bool:
    return bool(np.ptp(_rgb(hue)) > _GREY)


def _apart(hue: str, others: Iterable[str]) -> bool:
    return all(np.abs(_rgb(hue) - _rgb(other)).sum() > _ALIKE for other in others)


def _places(cells: Cells, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.stack([cells.y[rows], cells.x[rows]], axis=1)


def outstanding(
    cells: Cells, rows: NDArray[np.int64], image: MultiplexImage, count: int = 3
) -> tuple[str, ...]:
    """Return the image's channels that are highest in the cells ``rows``, as against all cells.

    Of very many cells, some that are drawn at random stand for all.
    """
    columns = [i for i, name in enumerate(cells.markers) if name in image.channels]
    random = np.random.default_rng(0)
    members, others = (
        some if len(some) <= _LOOKED_AT else np.sort(random.choice(some, _LOOKED_AT, replace=False))
        for some in (np.sort(rows), np.arange(len(cells.ids)))
    )
    x = np.nan_to_num(np.asarray(cells.intensities[members], np.float32))[:, columns]
    scale = Scale.fit(np.asarray(cells.intensities[others], np.float32)[:, columns])
    height = scale.of(x).mean(axis=0) if len(x) else np.empty(0)
    # Where cells hold less of nearly everything, what they do hold is better than a black picture.
    share = x[:, scale.columns].mean(axis=0) / (scale.mean + 3 * scale.sd) if len(x) else height
    order = np.lexsort((-np.where(height > _STANDS_OUT, height, share), height <= _STANDS_OUT))
    best = [columns[scale.columns[i]] for i in order[:count]]
    return tuple(cells.markers[i] for i in best) or image.channels[:count]


def composite(
    crops: NDArray[np.float32],
    limits: NDArray[np.floating[Any]],
    hues: tuple[str, ...],
    gammas: Sequence[float] = (1.0, 1.0, 1.0),
) -> NDArray[np.uint8]:
    """Add up the channels' light.

    Parameters
    ----------
    crops : float32 (n, C, H, W)
    limits : float (2, C)
        Values that become black and full light.
    hues : tuple of str
        ``"#rrggbb"`` per channel.
    gammas : sequence of float
        Power with which each channel's light grows between its limits.

    Returns
    -------
    uint8 (n, H, W, 3)
    """
    low, high, power = (
        np.asarray(each, np.float32)[None, : len(hues), None, None] for each in (*limits, gammas)
    )
    light = np.clip((crops - low) / np.where(high > low, high - low, 1), 0, 1) ** power
    colours = np.stack([_rgb(hue) for hue in hues])
    mixed: NDArray[np.float32] = np.einsum("nchw,ck->nhwk", light, colours)
    return mixed.clip(0, 255).astype(np.uint8)


def _contrast(crops: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the same limits for all cells, so that their brightness can be compared."""
    pixels = crops.transpose(1, 0, 2, 3).reshape(crops.shape[1], -1)
    limits: NDArray[np.float64] = np.quantile(pixels, _QUANTILES, axis=1)
    return limits


def _side(cells: Cells) -> int:
    """Return three times the diameter of a usual cell, or the side of a usual tile, in pixels."""
    if cells.tiles:
        return max(8, round(float(np.sqrt(np.median(cells.area)))))
    diameter = np.sqrt(float(np.median(cells.area)) * 4 / np.pi)
    return max(16, round(3 * float(diameter)))
