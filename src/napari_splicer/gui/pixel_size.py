"""How large a pixel is, where a person says so: the image, and all that lies with it, follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.gui.view import look_at

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_splicer.gui.layers import ViewerLink


def set_pixel_size(link: ViewerLink, size: float) -> None:
    """Lay the chosen image and the layers with pixels as large out in pixels of ``size`` µm."""
    image = link.image_layers[-1]
    ratio = size / np.abs(np.asarray(image.scale[-2:]))
    others = [layer for layer in link.layers if layer is not image and _alike(layer, image)]
    for layer in (*others, image):  # the last one tells the session
        _enlarge(layer, ratio)
    if link.viewer is not None:
        look_at(link.viewer, link.image_layers)


def _alike(layer: Layer, image: Layer) -> bool:
    pixels = np.allclose(layer.scale[-2:], image.scale[-2:])
    return pixels and tuple(layer.units[-2:]) == tuple(image.units[-2:])


def _enlarge(layer: Layer, ratio: np.ndarray) -> None:
    scale, translate = np.array(layer.scale), np.array(layer.translate)
    affine = np.array(layer.affine.affine_matrix)
    scale[-2:] *= ratio
    translate[-2:] *= ratio
    affine[-3:-1, -1] *= ratio
    layer.scale, layer.translate, layer.affine = scale, translate, affine
    layer.units = (*map(str, layer.units[:-2]), "um", "um")
