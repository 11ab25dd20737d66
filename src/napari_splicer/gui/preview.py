"""One cell as small pictures: what each component sees of it, as stored or as in training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.gui.component_colours import component_colours
from napari_splicer.gui.numbering import shown_sites

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_splicer.config import NormalizationSettings
    from napari_splicer.gui.snapshot import Snapshot
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.patches.normalization import Normalization
    from napari_splicer.patches.reader import PatchBatch
    from napari_splicer.patches.sites import Sites

_OTHERS = 7  # cells read beside the one shown, where all of a batch take on the style of one
_OUTSIDE = 0.16  # grey of pixels outside a component's region
_FULL = 0.7  # normalised intensity at which a component's colour is at its purest
_CONTOUR = np.array([1.0, 1.0, 1.0])
_TOGETHER = "All together"

_IN_TRAINING = {
    "splicer": "First picture: one variation of this cell, which the model sees whole. The others: "
    "a second variation, of which every component sees its part.",
    "sum-je": "First picture: one variation of this cell, which the model sees whole. The others: "
    "a second variation, of which every component sees its part.",
    "concat": "Two variations of this cell, of which every component's own network sees its part. "
    "First picture: one of them, before it is divided. The others: the parts of the second.",
    "je": "Two variations of this cell; the model sees both whole, and no components.",
}


@dataclass(frozen=True)
class Tile:
    """One picture; ``pixels`` is uint8 (H, W, 3)."""

    title: str
    caption: str
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Preview:
    """Composite first, then one tile per component; ``words`` say what training makes of them."""

    cell: int
    tiles: tuple[Tile, ...]
    words: str = ""


def make_preview(inputs: Snapshot, cell: int | None, seed: int, draw: int | None = None) -> Preview:
    """Read one cell's patch and split it.

    Parameters
    ----------
    inputs : Snapshot
        With image, cells and valid components.
    cell : int or None
        Label id; None, or an id that the mask does not have, takes a random cell.
    seed : int
        Which random cell.
    draw : int, optional
        Show two views as training would draw them (arXiv 2312.02111), with ``draw`` as seed: the
        first one whole, the components of the second. Unset: the patch as it is embedded.

    Raises
    ------
    SplicerError
        If the mask holds no cells, or a component does not fit the image.
    """
    Decomposition(inputs.components).validate(inputs.whole(), sites=inputs.settings.patches.sites)
    if draw is None:
        sites = _sites(inputs, cell, seed)
        patch = _read_patches(inputs, sites, inputs.settings.patches.size)
        cell_id = int(shown_sites(inputs, _whole_fields(inputs), sites)[0])
        whole = Tile(_TOGETHER, _called(inputs, sites), _composite(patch, inputs))
        return Preview(cell_id, (whole, *_parts(patch, inputs)))
    first, second = training_views(inputs, cell, seed, draw)
    model = inputs.settings.model
    tiles = [Tile(_TOGETHER, "first variation", _composite(first, inputs))]
    if model.objective != "je":
        tiles += _parts(second, inputs)
    if model.objective == "je" or (model.objective == "splicer" and model.shared):
        tiles.append(Tile(_TOGETHER, "second variation", _composite(second, inputs)))
    shown = int(shown_sites(inputs, _whole_fields(inputs), _sites(inputs, cell, seed))[0])
    return Preview(shown, tuple(tiles), inputs.words(_IN_TRAINING[model.objective]))


def training_views(
    inputs: Snapshot, cell: int | None, seed: int, draw: int
) -> tuple[PatchBatch, PatchBatch]:
    """Return a cell's two views as training draws them, each a batch of one patch."""
    import torch

    from napari_splicer.patches.augmentation import (
        apply_augmentation,
        padded_size,
        sample_augmentation,
    )
    from napari_splicer.patches.reader import PatchBatch

    settings, size = inputs.settings.augmentation, inputs.settings.patches.size
    others = _OTHERS if settings.styles else 0
    sites = _sites(inputs, cell, seed, others=others, draw=draw)
    batch = _read_patches(inputs, sites, padded_size(settings, size))
    row = batch.index_B == 0  # patches come in the order in which they are stored
    generator = torch.Generator().manual_seed(draw)

    def view() -> PatchBatch:
        channels = batch.x_BCHW.shape[1]
        drawn = sample_augmentation(settings, len(batch), channels, generator=generator)
        varied = apply_augmentation(batch, drawn, size)
        return PatchBatch(**{name: values[row] for name, values in vars(varied).items()})

    return view(), view()


def _whole_fields(inputs: Snapshot) -> tuple[MaskedImage, ...]:
    """Return the images that have all that the components look at; all, where none has."""
    parts, fields = Decomposition(inputs.components), inputs.fields()
    whole = [
        field
        for field in fields
        if {*parts.channels} <= {*field.image.channels} and {*parts.regions} <= {*field.regions}
    ]
    return tuple(whole) or fields


def _read_patches(inputs: Snapshot, sites: Sites, size: int) -> PatchBatch:
    """Return normalised patches of ``size`` pixels, in the resolution that training reads."""
    from napari_splicer.patches.levels import at_levels
    from napari_splicer.patches.reader import PatchReader
    from napari_splicer.patches.sites import patch_sides

    fields, settings = _whole_fields(inputs), inputs.settings
    shown, sites = at_levels(fields, sites, settings.patches)
    decomposition = Decomposition(inputs.components)
    reader = PatchReader(
        shown,
        sites,
        channels=decomposition.channels,
        regions=decomposition.regions,
        side=patch_sides(shown, settings.patches, size),
        size=size,
        batch=len(sites),
    )
    batch = next(iter(reader))
    images = tuple(field.image for field in fields)
    scale = _normalization(images, decomposition.channels, settings.normalization)
    return replace(batch, x_BCHW=scale.apply(batch.x_BCHW))


@lru_cache(maxsize=4)
def _normalization(
    images: tuple[MultiplexImage, ...], channels: tuple[str, ...], settings: NormalizationSettings
) -> Normalization:
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.patches.normalization import fit_normalization

    return fit_normalization(tuple(map(MaskedImage, images)), channels, settings)


def _sites(
    inputs: Snapshot, cell: int | None, seed: int, *, others: int = 0, draw: int = 0
) -> Sites:
    """Return the site of the cell, or tile, and then those of other random ones."""
    from napari_splicer.patches.sites import find_sites, patch_sides

    fields, patches = _whole_fields(inputs), inputs.settings.patches
    sites = find_sites(fields, patches, patch_sides(fields, patches))
    rows = np.flatnonzero(shown_sites(inputs, fields, sites) == cell)
    if not len(rows):
        rows = np.random.default_rng(seed).integers(0, len(sites), 1)
    strangers = np.delete(np.arange(len(sites)), rows[0])
    beside = np.random.default_rng(draw).permutation(strangers)[:others]
    return sites.take(np.append(rows[:1], beside))


def _called(inputs: Snapshot, sites: Sites) -> str:
    """Say which cell, or tile, the first site is: of several images, of which."""
    whole = inputs.image is None or inputs.image.sheet is None
    image = "" if whole else f" of {_whole_fields(inputs)[sites.field[0]].name}"
    return inputs.words(f"cell {sites.id[0]}") + image


def _parts(patch: PatchBatch, inputs: Snapshot) -> Iterator[Tile]:
    """Yield what each component sees of a batch of one patch."""
    from napari_splicer.patches.splitting import region_mask, split

    components, decomposition = inputs.components, Decomposition(inputs.components)
    views = split(patch, decomposition, decomposition.channels, decomposition.regions)
    colours = component_colours(components, inputs.colours)
    for component, view, colour in zip(components, views, colours, strict=True):
        mask = region_mask(patch, component.region, decomposition.regions)
        inside = None if mask is None else mask[0].numpy()
        light = view[0].numpy().max(axis=0).clip(0, 1)[..., None]
        picture = _finish(_tint(light, _rgb(colour)), _own(patch), inside)
        yield Tile(component.name, component.region.describe(), picture)


def _composite(patch: PatchBatch, inputs: Snapshot) -> NDArray[np.uint8]:
    """Return the whole patch, every channel in the colour of the first component that has it."""
    components = inputs.components
    place = {name: i for i, name in enumerate(Decomposition(components).channels)}
    x_CHW = patch.x_BCHW[0].numpy()
    picture, shown = np.zeros((*x_CHW.shape[1:], 3)), set[str]()
    colours = component_colours(components, inputs.colours)
    for component, colour in zip(components, colours, strict=True):
        if not shown.issuperset(component.channels):
            light = x_CHW[[place[name] for name in component.channels]].max(axis=0).clip(0, 1)
            picture += light[..., None] * _rgb(colour)
            shown.update(component.channels)
    picture /= max(1.0, float(np.quantile(picture, 0.99)))
    return _finish(picture, _own(patch), None)


def _own(patch: PatchBatch) -> NDArray[np.bool_]:
    own: NDArray[np.bool_] = (patch.labels_BHW[0] == patch.id_B[0]).numpy()
    return own


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
