"""How an image and its mask first look as layers: one per channel, a few of them on, in colour."""

from __future__ import annotations

import math
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.gui.reading import OWN
from napari_splicer.gui.view import look_at
from napari_splicer.images.pyramid import label_levels, mask_at, thinned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari.layers import Layer
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.images.image import Affine2D, MultiplexImage
    from napari_splicer.images.masks import LabelMask

    LayerData = tuple[Any, dict[str, Any], str]

_OPENINGS = count(1)  # an image that is opened twice is two images
_COLOURS = ("blue", "green", "red", "magenta", "cyan", "yellow")
_ON = 3  # channels that are visible at first
_LOOKED_AT = 1024  # px, side of the piece from which contrast is taken
_QUANTILES = (0.05, 0.997)
_PAINTED = 2**26  # pixels up to which a mask is in memory, so that it can be painted on
_AT_HAND = 2**25  # pixels up to which a level of a larger mask is kept in memory
_THIN = 4  # how much coarser the smallest level is
_MIDDLE = slice(_THIN // 2, None, _THIN)
_BLUR = 8  # px, side of the blocks in which channels are compared


def image_layers(image: MultiplexImage, first: Sequence[str] = ()) -> list[LayerData]:
    """Return one layer per channel, lazy.

    Parameters
    ----------
    image : MultiplexImage
    first : sequence of str
        Channels that get a colour; the first three are visible. Default: those that show most,
        each something else.
    """
    piece_CHW = _middle(image)
    limits = _contrast(piece_CHW)
    if not first:
        first = [image.channels[i] for i in _telling(piece_CHW, limits, len(_COLOURS))]
    coloured = dict(zip(first, _COLOURS, strict=False))
    shown = tuple(coloured)[:_ON]
    opening = next(_OPENINGS)
    layers: list[LayerData] = []
    for index, name in enumerate(image.channels):
        planes = [level[index] for level in image.levels]
        settings = {
            "name": name,
            "colormap": coloured.get(name, "gray"),
            "blending": "additive",
            "visible": name in shown,
            "contrast_limits": limits[index],
            "multiscale": len(planes) > 1,
            "metadata": {
                OWN: {
                    "image": image.name,
                    "path": image.source,
                    "place": index,
                    "grids": image.grids,
                    "pixel_size": image.pixel_size,
                    "opening": opening,
                    "sheet": image.sheet,
                }
            },
            **place(image.transform),
        }
        layers.append((planes if len(planes) > 1 else planes[0], settings, "image"))
    return layers


def choose_opened(link: ViewerLink, opened: Sequence[Layer]) -> None:
    """Choose the image that these layers make up, and look at it."""
    for choice in link.images():
        if set(choice.layers) == set(opened):
            link.show_image(choice)
    if link.viewer is not None:
        look_at(link.viewer, opened)


@contextmanager
def selection_kept(viewer: Viewer | None) -> Iterator[None]:
    """While layers come, leave alone which ones are selected: napari would turn to each in turn.

    Where none is, the first that came is selected at the end.
    """
    if viewer is None:
        yield
        return
    selection, count = viewer.layers.selection, len(viewer.layers)
    before = set(selection)
    with selection.events.blocker_all():
        yield
        if len(before) == 1:
            selection.active = next(iter(before))
        else:
            selection.clear()
            selection.update(before)
    if not before and len(viewer.layers) > count:
        selection.active = viewer.layers[count]


def set_visible(layer: Layer, visible: bool) -> None:
    """Show or hide a layer; napari draws all anew even where nothing changes."""
    if layer.visible != visible:
        layer.visible = visible


def mask_layer(mask: LabelMask, transform: Affine2D) -> LayerData:
    """Return the mask as a layer where the image lies; hidden, as it would cover the channels."""
    levels = _levels(mask)
    settings = {
        "name": mask.name,
        "opacity": 0.3,
        "visible": False,
        "multiscale": len(levels) > 1,
        "metadata": {OWN: {"path": mask.source, "sheet": mask.sheet}},
        **place(transform),
    }
    return (levels if len(levels) > 1 else levels[0], settings, "labels")


def _levels(mask: LabelMask) -> list[Any]:
    """Return what is shown of a mask, finest first.

    One that can be painted on is in memory. Of a large one, each piece is read when it is in sight;
    of its smaller levels that hold labels, and of those made here if its file has none small
    enough, the ones that may be kept are in memory: napari reads the smallest one, for the
    thumbnail, whenever the view moves, and a whole slide in sight is painted anew at every click.
    """
    finest, there = mask.data, label_levels(mask)
    own = len(there) > 1
    largest = math.prod(max(lengths) for lengths in finest.chunks)
    if not own and (finest.size <= _PAINTED or largest > _PAINTED):
        return [np.asarray(finest)]  # such a chunk is decoded whole in any case
    levels: list[Any] = [mask.levels[level] for level in there]
    coarsest, factor = mask_at(mask, there[-1]), 1
    while levels[-1].size > _AT_HAND:
        factor *= 2
        levels.append(thinned(coarsest, factor))
    levels = [np.asarray(level) if level.size <= _AT_HAND else level for level in levels]
    large = not own or factor > 1
    if large and min(levels[-1].shape) >= 4 * _THIN:
        levels.append(levels[-1][_MIDDLE, _MIDDLE])
    return levels


def place(transform: Affine2D) -> dict[str, Any]:
    """Return a transform as keyword arguments of a layer."""
    parts = {name: getattr(transform, name) for name in ("rotate", "shear", "affine")}
    return {
        "scale": transform.scale,
        "translate": transform.translate,
        "units": transform.units,
        **{name: np.asarray(value) for name, value in parts.items() if value is not None},
    }


def _middle(image: MultiplexImage) -> NDArray[np.float32]:
    """Return the middle of the coarsest level, (C, H, W), undefined pixels black."""
    coarsest = image.levels[-1]
    (top, height), (left, width) = (
        (max(0, (n - _LOOKED_AT) // 2), min(n, _LOOKED_AT)) for n in coarsest.shape[1:]
    )
    piece_CHW = coarsest[:, top : top + height, left : left + width].compute()
    return np.nan_to_num(np.asarray(piece_CHW, np.float32), posinf=0, neginf=0)


def _contrast(piece_CHW: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return where each channel is black and where it is bright, (C, 2)."""
    low, high = np.quantile(piece_CHW.reshape(len(piece_CHW), -1), _QUANTILES, axis=1)
    return np.stack([low, np.maximum(high, low + 1e-6)], axis=1)


def _telling(piece_CHW: NDArray[np.float32], limits: NDArray[np.float64], count: int) -> list[int]:
    """Return the channels that show most of the tissue, each little of what others show."""
    coarse_CHW = piece_CHW[:, : len(piece_CHW[0]) // _BLUR * _BLUR, :]
    coarse_CHW = coarse_CHW[:, :, : coarse_CHW.shape[2] // _BLUR * _BLUR]
    channels, height, width = coarse_CHW.shape
    if not height or not width:
        return list(range(min(count, channels)))
    blocks = coarse_CHW.reshape(channels, height // _BLUR, _BLUR, width // _BLUR, _BLUR)
    shown_CP = blocks.mean((2, 4)).reshape(channels, -1)
    low, high = limits.T[..., None]
    shown_CP = ((shown_CP - low) / (high - low)).clip(0, 1)
    chosen: list[int] = []
    while len(chosen) < min(count, channels):
        # What is bright already hardly counts, so that further channels fill the dark.
        left = 1 - 0.8 * shown_CP[chosen].max(axis=0, initial=0)
        gain = (shown_CP * left).mean(axis=1)
        gain[chosen] = -1
        chosen.append(int(gain.argmax()))
    return chosen
