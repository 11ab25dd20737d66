"""SheetNames: what images that lie side by side are called, written above each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Points

from napari_splicer.gui.display import place
from napari_splicer.gui.reading import OWN
from napari_splicer.gui.words import shortened

if TYPE_CHECKING:
    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.images.image import MultiplexImage

NAMES = "image names"
_ABSENT = " (not found)"
_LONGEST = 16  # letters, so that the names of twelve images side by side don't overlap


class SheetNames:
    """A layer of names that is there as long as the chosen image is several side by side.

    Parameters
    ----------
    link : ViewerLink
    """

    def __init__(self, link: ViewerLink) -> None:
        self._link = link
        link.session.events.image.connect(self._show)

    def _show(self, image: MultiplexImage | None) -> None:
        link, shown = self._link, self._link.own_layer(NAMES)
        of = None if image is None or image.sheet is None else image
        lie = None if of is None or of.sheet is None else (of.sheet.all_spots, of.transform)
        if shown is not None and shown.metadata[OWN]["of"] != lie:
            link.remove_layer(shown)
            shown = None
        if of is not None and shown is None:
            link.add_layer(names_layer(of))


def names_layer(image: MultiplexImage) -> Points:
    """Return a layer with the name of every image of a sheet at its upper left corner."""
    if image.sheet is None:
        raise ValueError(f"{image.name} is one image")
    spots = image.sheet.all_spots
    absent = {spot.name for spot in image.sheet.absent}
    layer = Points(
        np.array([(spot.y, spot.x) for spot in spots], float),
        name="SpliCER image names",
        size=1,
        opacity=1.0,
        face_color="transparent",
        border_color="transparent",
        text={
            "string": [
                shortened(spot.name, _LONGEST) + (_ABSENT if spot.name in absent else "")
                for spot in spots
            ],
            "color": "white",
            "size": 7,
            "anchor": "upper_left",
        },
        metadata={OWN: {"role": NAMES, "of": (spots, image.transform)}},
        **place(image.transform),
    )
    layer.editable = False
    return layer
