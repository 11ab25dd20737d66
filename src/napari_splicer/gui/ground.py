"""Ground: the Labels layer in whose pixels cells, or tiles, have their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_splicer.gui.display import place
from napari_splicer.gui.reading import OWN

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.images.image import Affine2D
    from napari_splicer.patches.tile_mask import TileMask

TILES = "tiles"
_FAINT = (1.0, 1.0, 1.0, 0.5)


class Ground:
    """What is numbered in the viewer: the cells' mask, or tiles that lie where the image lies.

    As long as no table fits the tiles, their borders are shown.

    Parameters
    ----------
    link : ViewerLink
    """

    def __init__(self, link: ViewerLink) -> None:
        self._link = link
        self._tiles: Labels | None = None
        self._made_of: tuple[TileMask, Affine2D] | None = None
        events = link.session.events
        for signal in (events.tiles, events.table, events.made_from):
            signal.connect(self._show)

    @property
    def layer(self) -> Labels | None:
        """The layer; that of tiles need not be among the viewer's. None where there is none."""
        session = self._link.session
        if not session.of_tiles:
            return self._link.mask_layer
        if session.tiles is None or session.image is None:
            return None
        made_of = (session.tiles, session.image.transform)
        if self._tiles is None or self._made_of != made_of:
            self._tiles, self._made_of = tile_layer(*made_of), made_of
        return self._tiles

    @property
    def plane(self) -> tuple[int, ...]:
        """Which of the layer's planes is meant, where it has several."""
        return () if self._link.session.of_tiles else self._link.mask_plane

    def holds(self, place: ArrayLike) -> bool:
        """Return whether a place in the layer's pixels lies in the plane that is meant.

        In another plane the same number may be another cell, and in napari's 3D display nothing
        tells which cell the mouse is over.
        """
        viewer, plane = self._link.viewer, np.floor(np.asarray(place)[:-2] + 0.5)
        return viewer is not None and viewer.dims.ndisplay == 2 and tuple(plane) == self.plane

    def _show(self) -> None:
        """Show the tiles while they are chosen: what is made of them takes their place."""
        session, shown = self._link.session, self._link.own_layer(TILES)
        wanted = session.of_tiles and (session.table is None or not session.table_fits)
        layer = self.layer if wanted else None
        if shown is not None and shown is not layer:
            self._link.remove_layer(shown)
        if layer is not None and shown is not layer:
            self._link.add_layer(layer)


def tile_layer(tiles: TileMask, transform: Affine2D) -> Labels:
    """Return tiles as a layer that shows their borders, where an image of ``transform`` lies."""
    levels: list[Any] = list(tiles.levels)
    several = len(levels) > 1
    layer = Labels(
        levels if several else np.asarray(levels[0]),
        name="SpliCER tiles",
        metadata={OWN: {"role": TILES}},
        multiscale=several,
        colormap=DirectLabelColormap(color_dict={0: "transparent", None: _FAINT}),
        opacity=1.0,
        **place(transform),
    )
    layer.contour = 1
    layer.editable = False
    return layer
