"""Files in a window at once, where a test is not about how they come there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Layer

from napari_splicer.gui.display import choose_opened, image_layers, mask_layer, selection_kept
from napari_splicer.gui.mask_layers import lay_mask
from napari_splicer.images.image import Affine2D
from napari_splicer.images.open import open_image, open_mask

if TYPE_CHECKING:
    from napari_splicer.gui.layers import ViewerLink


def show_image_file(link: ViewerLink, path: str) -> None:
    """Open an image file or folder as one layer per channel, and choose it."""
    opened = [Layer.create(*data) for data in image_layers(open_image(path))]
    with link.holding(), selection_kept(link.viewer):
        for layer in opened:
            link.add_layer(layer)
    choose_opened(link, opened)


def show_mask_file(link: ViewerLink, path: str) -> None:
    """Open a mask file where the image lies, and choose it if it is of the image's size."""
    lay_mask(link, mask_layer(open_mask(path), Affine2D()))
