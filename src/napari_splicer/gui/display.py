"""How an image and its mask first look as layers: one per channel, a few of them on, in colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.gui.reading import OWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_splicer.images.image import Affine2D, MultiplexImage
    from napari_splicer.images.masks import LabelMask

    LayerData = tuple[Any, dict[str, Any], str]

_COLOURS = ("blue", "green", "red", "magenta", "cyan", "yellow")
_ON = 3  # channels that are visible at first
_LOOKED_AT = 1024  # px, side of the piece from which contrast is taken
_QUANTILES = (0.05, 0.997)


def image_layers(image: MultiplexImage, first: Sequence[str] = ()) -> list[LayerData]:
    """Return one layer per channel, lazy.

    Parameters
    ----------
    image : MultiplexImage
    first : sequence of str
        Channels that get a colour; the first three are visible. Default: the image's first.
    """
    coloured = dict(zip(first or image.channels, _COLOURS, strict=False))
    shown = tuple(coloured)[:_ON]
    limits = _contrast(image)
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
            "metadata": {OWN: {"image": image.name}},
            **place(image.transform),
        }
        layers.append((planes if len(planes) > 1 else planes[0], settings, "image"))
    return layers


def mask_layer(mask: LabelMask, transform: Affine2D) -> LayerData:
    """Return the mask as a layer where the image lies; hidden, as it would cover the channels."""
    levels = [np.asarray(mask.data)] if len(mask.levels) == 1 else list(mask.levels)
    settings = {
        "name": mask.name,
        "opacity": 0.3,
        "visible": False,
        "multiscale": len(levels) > 1,
        **place(transform),
    }
    return (levels if len(levels) > 1 else levels[0], settings, "labels")


def place(transform: Affine2D) -> dict[str, Any]:
    """Return a transform as keyword arguments of a layer."""
    parts = {name: getattr(transform, name) for name in ("rotate", "shear", "affine")}
    return {
        "scale": transform.scale,
        "translate": transform.translate,
        "units": transform.units,
        **{name: np.asarray(value) for name, value in parts.items() if value is not None},
    }


def _contrast(image: MultiplexImage) -> NDArray[np.float64]:
    """Return where each channel is black and where it is bright, (C, 2), from its middle."""
    coarsest = image.levels[-1]
    (top, height), (left, width) = (
        (max(0, (n - _LOOKED_AT) // 2), min(n, _LOOKED_AT)) for n in coarsest.shape[1:]
    )
    piece = coarsest[:, top : top + height, left : left + width].compute()
    low, high = np.nanquantile(piece.reshape(len(piece), -1), _QUANTILES, axis=1)
    return np.stack([low, np.maximum(high, low + 1e-6)], axis=1)
