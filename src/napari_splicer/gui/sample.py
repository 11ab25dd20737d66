"""*File > Open Sample*: the synthetic tissue as one layer per channel, and its mask."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_splicer.gui.display import image_layers, mask_layer

if TYPE_CHECKING:
    from napari_splicer.gui.display import LayerData

# Enough to see nests, vessels and immune cells.
_FIRST = ("DNA", "PanCK", "CD45", "SMA", "Vimentin", "CD8")


def open_sample() -> list[LayerData]:
    """Return the synthetic tissue as layer data: its channels, then its cell mask."""
    from napari_splicer.samples import synthetic_tissue

    field = synthetic_tissue(contrast=1.0).field  # the states can be found, as README tells
    layers = image_layers(field.image, _FIRST)
    if field.cells is not None:
        mask = replace(field.cells, name="cell mask")
        layers.append(mask_layer(mask, field.image.transform))
    return layers
