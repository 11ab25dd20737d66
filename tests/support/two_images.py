"""A viewer with two images of four channels, "left" and "right", each with its mask."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel

from napari_splicer.gui.layers import ViewerLink, link_for
from napari_splicer.samples import synthetic_tissue


def left_and_right() -> ViewerModel:
    """Return such a viewer, with the right image chosen; its link does not hold it."""
    viewer = ViewerModel()
    made = link_for(viewer)
    for seed, name in enumerate(("left", "right")):
        field = synthetic_tissue(size=160, seed=seed).field
        meta = {"splicer": {"image": name}}
        for channel in range(4):
            pixels = np.asarray(field.image.data[channel])
            viewer.add_image(pixels, name=field.image.channels[channel], metadata=meta)
        choose(made, name)
        made.use_mask(viewer.add_labels(np.array(field.cells.data), name=f"{name} mask"))
    return viewer


def choose(link: ViewerLink, name: str) -> None:
    """Choose one of the images, as the box in the dock does."""
    link.show_image(next(c for c in link.images() if c.title.startswith(name)))
