"""Masks as layers: opened from a file, made here, and a piece of one to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels, Layer

from napari_splicer.gui.display import place
from napari_splicer.gui.painting import linear_of
from napari_splicer.gui.reading import OWN
from napari_splicer.images.image import Affine2D

if TYPE_CHECKING:
    from napari_splicer.gui.display import LayerData
    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.segmentation.preview import Preview
    from napari_splicer.segmentation.segment import Box

PREVIEW = "mask preview"
LARGEST = 768
"""Side in pixels of the largest piece that is shown before a mask is made."""


def lay_mask(link: ViewerLink, described: LayerData, *, outlined: bool = False) -> None:
    """Lay a mask where the image lies, and choose it.

    Parameters
    ----------
    link : ViewerLink
    described : tuple
        Its layer, as :func:`~napari_splicer.gui.display.mask_layer` returns it.
    outlined : bool
        Show the cells' outlines; else the layer is there, but hidden.
    """
    image = link.session.image
    data, look, kind = described
    there = place(image.transform if image else Affine2D())
    layer = Layer.create(data, {**look, **there}, kind)
    if outlined:
        layer.contour, layer.opacity, layer.visible = 1, 1.0, True
    link.add_layer(layer)
    link.use_mask(layer)


def box_in_sight(link: ViewerLink) -> Box:
    """Return the middle of what the viewer shows of the image, half-open, in its pixels."""
    image = link.session.image
    if image is None or not link.image_layers:
        return (0, 0, 0, 0)
    layer = link.image_layers[0]
    corners = np.asarray(layer.corner_pixels, float)[:, -2:]
    if layer.multiscale:
        corners *= np.asarray(layer.downsample_factors)[layer.data_level][-2:]
    (y0, x0), (y1, x1) = corners.astype(int).tolist()
    height, width = image.shape
    if y1 <= y0 or x1 <= x0:  # drawn nowhere yet
        y0, y1, x0, x1 = 0, height, 0, width
    return (*_middle(y0, y1, height), *_middle(x0, x1, width))


def _middle(start: int, stop: int, length: int) -> tuple[int, int]:
    start, stop = max(0, start), min(length, stop + 1)
    spare = max(0, stop - start - LARGEST)
    return start + spare // 2, stop - (spare - spare // 2)


def show_preview(link: ViewerLink, image: MultiplexImage, shown: Preview) -> None:
    """Show the outlines of a piece's cells over the image, in place of those shown before."""
    hide_preview(link)
    layer = Labels(
        shown.labels,
        name="Preview of the cells",
        metadata={OWN: {"role": PREVIEW}},
        opacity=1.0,
        **place(image.transform),
    )
    layer.translate = layer.translate + linear_of(layer) @ np.array([shown.box[0], shown.box[2]])
    layer.contour = 1
    layer.editable = False
    link.add_layer(layer)


def hide_preview(link: ViewerLink) -> None:
    """Take the piece away, if one is shown."""
    own = link.own_layer(PREVIEW)
    if own is not None:
        link.remove_layer(own)
