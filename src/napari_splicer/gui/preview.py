"""What each component sees of one cell, as small pictures, made by the network's own reader."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.analysis.palette import group_colours
from napari_splicer.components.decomposition import Decomposition

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_splicer.config import NormalizationSettings
    from napari_splicer.gui.snapshot import Snapshot
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.patches.normalization import Normalization
    from napari_splicer.patches.sites import Sites

_OUTSIDE = 0.16  # grey of pixels outside a component's region
_FULL = 0.7  # normalised intensity at which a component's colour is at its purest
_CONTOUR = np.array([1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Tile:
    """One picture; ``pixels`` is uint8 (H, W, 3)."""

    title: str
    caption: str
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Preview:
    """Composite first, then one tile per component."""

    cell: int
    tiles: tuple[Tile, ...]


def make_preview(inputs: Snapshot, cell: int | None, seed: int) -> Preview:
    """Read one cell's patch and split it.

    Parameters
    ----------
    inputs : Snapshot
        With image, cells and valid components.
    cell : int or None
        Label id; None, or an id that the mask does not have, takes a random cell.
    seed : int
        Which random cell.

    Raises
    ------
    SplicerError
        If the mask holds no cells, or a component does not fit the image.
    """
    from napari_splicer.patches.reader import PatchReader
    from napari_splicer.patches.sites import cell_sites, patch_sides
    from napari_splicer.patches.splitting import region_mask, split

    fields = inputs.fields()
    decomposition = Decomposition(inputs.components)
    decomposition.validate(fields[0])
    channels, regions = decomposition.channels, decomposition.regions
    sites = _one(cell_sites(fields), cell, seed)
    patches = inputs.settings.patches
    reader = PatchReader(
        fields,
        sites,
        channels=channels,
        regions=regions,
        side=patch_sides(fields, patches),
        size=patches.size,
        batch=1,
    )
    batch = next(iter(reader))
    scale = _normalization(fields[0].image, channels, inputs.settings.normalization)
    batch = replace(batch, x_BCHW=scale.apply(batch.x_BCHW))
    own = (batch.labels_BHW[0] == batch.id_B[0]).numpy()
    colours = [_rgb(colour) for colour in group_colours(len(inputs.components))]
    composite, shown = np.zeros((*own.shape, 3)), set[str]()
    tiles = []
    views = split(batch, decomposition, channels, regions)
    for component, view, colour in zip(inputs.components, views, colours, strict=True):
        mask = region_mask(batch, component.region, regions)
        inside = None if mask is None else mask[0].numpy()
        light = view[0].numpy().max(axis=0).clip(0, 1)[..., None]
        if not shown.issuperset(component.channels):
            composite += light * colour
            shown.update(component.channels)
        picture = _finish(_tint(light, colour), own, inside)
        tiles.append(Tile(component.name, component.region.describe(), picture))
    composite /= max(1.0, float(np.quantile(composite, 0.99)))
    cell_id = int(batch.id_B[0])
    together = Tile("All together", f"cell {cell_id}", _finish(composite, own, None))
    return Preview(cell_id, (together, *tiles))


@lru_cache(maxsize=4)
def _normalization(
    image: MultiplexImage, channels: tuple[str, ...], settings: NormalizationSettings
) -> Normalization:
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.patches.normalization import fit_normalization

    fields: tuple[MaskedImage, ...] = (MaskedImage(image),)
    return fit_normalization(fields, channels, settings)


def _one(sites: Sites, cell: int | None, seed: int) -> Sites:
    rows = np.flatnonzero(sites.id == cell) if cell is not None else np.empty(0, int)
    if not len(rows):
        rows = np.random.default_rng(seed).integers(0, len(sites), 1)
    return sites.take(rows[:1])


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def _tint(light: NDArray[np.float64], colour: NDArray[np.float64]) -> NDArray[np.float64]:
    """Go from black over the component's colour to white, so that faint and bright detail shows."""
    rising = (light / _FULL).clip(0, 1)
    whitening = ((light - _FULL) / (1 - _FULL)).clip(0, 1)
    tinted: NDArray[np.float64] = colour * rising + (1 - colour) * whitening
    return tinted


def _finish(
    light: NDArray[np.float64], own: NDArray[np.bool_], inside: NDArray[np.bool_] | None
) -> NDArray[np.uint8]:
    """Grey what the component does not see, and outline the cell."""
    picture = light.clip(0, 1)
    if inside is not None:
        picture[~inside] = _OUTSIDE
    core = own.copy()
    core[1:] &= own[:-1]
    core[:-1] &= own[1:]
    core[:, 1:] &= own[:, :-1]
    core[:, :-1] &= own[:, 1:]
    edge = own & ~core
    picture[edge] = 0.45 * picture[edge] + 0.55 * _CONTOUR
    return (picture * 255).round().astype(np.uint8)
