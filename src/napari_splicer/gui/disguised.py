"""Masks in disguise: napari opens those of 8 and 16 bits as images, which can't be chosen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image, Labels

from napari_splicer.gui.painting import place_of
from napari_splicer.gui.reading import OWN, is_own, size_of

if TYPE_CHECKING:
    from napari_splicer.gui.layers import ViewerLink

_SIDE = 256  # px of the piece that is looked at
_LEAST_ALIKE = 0.7  # of the pixels of cells have their right neighbour's number; of a picture 0.1
_LEAST_CELLS = 3
_NAMES = re.compile(r"mask|label|cell|seg|nuc", re.IGNORECASE)
_KNOWN: WeakKeyDictionary[Image, bool] = WeakKeyDictionary()


def disguised_masks(link: ViewerLink) -> list[Image]:
    """Return image layers of the image's size whose pixels are the numbers of cells.

    Of the image's own layers only those are looked at whose names suggest it.
    """
    image = link.session.image
    if image is None:
        return []
    layers = [layer for layer in link.layers if isinstance(layer, Image) and not is_own(layer)]
    return [
        layer
        for layer in layers
        if (layer not in link.image_layers or _NAMES.search(layer.name))
        and size_of(layer) == image.shape
        and _holds_numbers(layer)
    ]


def unmask(link: ViewerLink, layer: Image) -> Labels:
    """Put a Labels layer of the same pixels into the image layer's place, and return it."""
    path = layer.metadata.get(OWN, {}).get("path") or layer.source.path
    mask = Labels(
        layer.data,
        name=layer.name,
        opacity=0.3,
        visible=False,
        multiscale=layer.multiscale,
        metadata={OWN: {"path": path}},
        **place_of(layer),
    )
    link.remove_layer(layer)
    link.add_layer(mask)
    return mask


def _holds_numbers(layer: Image) -> bool:
    if layer not in _KNOWN:
        _KNOWN[layer] = _is_mask(layer)
    return _KNOWN[layer]


def _is_mask(layer: Image) -> bool:
    pixels: Any = layer.data[0] if layer.multiscale else layer.data
    if layer.rgb or pixels.ndim != 2 or np.dtype(pixels.dtype).kind not in "iu":
        return False
    middle = tuple(slice(max(0, (n - _SIDE) // 2), (n + _SIDE) // 2) for n in pixels.shape)
    piece = np.asarray(pixels[middle])
    left, right = piece[:, :-1], piece[:, 1:]
    alike = (left == right)[left != 0]
    cells = len(np.unique(piece[piece != 0]))
    return cells >= _LEAST_CELLS and bool(alike.mean() > _LEAST_ALIKE)
