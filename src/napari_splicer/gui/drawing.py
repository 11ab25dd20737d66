"""Drawing: cells are selected by drawing around them on the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_splicer.gui.numbering import shown_places
from napari_splicer.gui.painting import place_of
from napari_splicer.gui.reading import OWN
from napari_splicer.gui.snapshot import Notice
from napari_splicer.gui.widgets.lasso import combine, inside

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_splicer.gui.layers import ViewerLink

DRAWING = "drawing"
_NAME = "SpliCER drawing"
_FLAT_ONLY = (
    "Cells are drawn around in napari's flat view, not in 3D. Go back to it (the cube below the "
    "list of layers, or Ctrl+Y) and choose this again."
)
_HOW = (
    "Draw around cells on the image to select them. Shift adds to the selection, Alt takes away. "
    "Choose another layer to end."
)


class Drawing:
    """A layer that selects the cells in every shape drawn on it, and then forgets the shape.

    It comes when ``session.drawing_requested`` is emitted, and goes when another layer becomes the
    active one, or the cells are others.

    Parameters
    ----------
    viewer : napari.Viewer
    link : ViewerLink
    """

    def __init__(self, viewer: Viewer, link: ViewerLink) -> None:
        self._link = link
        self._under_way = False
        self._said = ""
        session = link.session
        session.drawing_requested.connect(self._begin)
        for signal in (session.events.cells, session.events.tiles):
            signal.connect(self._end)  # the layer lies over those before
        viewer.layers.selection.events.active.connect(self._on_active)

    def _begin(self) -> None:
        viewer, mask, session = self._link.viewer, self._link.ground.layer, self._link.session
        if viewer is None or mask is None or session.table is None:
            return
        if viewer.dims.ndisplay == 3:
            session.notice = Notice("info", session.words(_FLAT_ONLY))
            return
        layer = self._layer
        if layer is None:
            layer = Shapes(
                ndim=mask.ndim,
                name=_NAME,
                metadata={OWN: {"role": DRAWING}},
                edge_color="white",
                face_color="transparent",
                **place_of(mask),
            )
            layer.events.data.connect(self._on_shape)
            self._link.add_layer(layer)
        viewer.layers.selection.active = layer
        self._under_way = True
        layer.mode = "add_polygon_lasso"
        self._said = session.words(_HOW)
        session.notice = Notice("info", self._said)

    @property
    def _layer(self) -> Any:
        return self._link.own_layer(DRAWING)

    def _on_shape(self, event: Any) -> None:
        layer = self._layer
        if layer is None or event.action != "added" or not layer.data:
            return
        corners, here = np.asarray(layer.data[-1])[:, -2:], layer.data[-1][0]
        is_ellipse = layer.shape_type[-1] == "ellipse"
        session = self._link.session
        fits = session.table_fits and self._link.ground.holds(here)
        if session.table is not None and fits:  # another image may be chosen by now
            places = shown_places(session, session.table.obs)
            within = in_ellipse(places, corners) if is_ellipse else inside(places, corners)
            chosen = session.ids()[within]
            session.select(combine(session.selection, chosen, QApplication.keyboardModifiers()))
        # Not at once: napari is not done with the shape yet.
        QTimer.singleShot(0, self._forget_shapes)

    def _forget_shapes(self) -> None:
        layer = self._layer
        if layer is not None and layer.data:
            layer.selected_data = set()
            layer.data = []

    def _on_active(self) -> None:
        # Not at once: napari is in the midst of choosing, and a layer that is added is the active
        # one until the one before is chosen again.
        if self._under_way:
            QTimer.singleShot(0, self._leave)

    def _leave(self) -> None:
        """End drawing if another layer is the active one now."""
        viewer, layer = self._link.viewer, self._layer
        if not self._under_way or (
            viewer is not None and layer is not None and viewer.layers.selection.active is layer
        ):
            return
        self._end()

    def _end(self) -> None:
        if not self._under_way:
            return
        self._under_way = False
        session, layer = self._link.session, self._layer
        if session.notice is not None and session.notice.text == self._said:
            session.notice = None
        if layer is not None:
            self._link.remove_layer(layer)


def in_ellipse(points: NDArray[Any], corners: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which of ``points`` (n, 2) lie in the ellipse that a box with ``corners`` holds.

    Parameters
    ----------
    points : float (n, 2)
    corners : float (4, 2)
        Of a box that may be turned, one after the other.
    """
    centre = corners.mean(axis=0)
    distance = np.zeros(len(points))
    for axis in ((corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2):
        distance += ((points - centre) @ axis / max(float(axis @ axis), 1e-12)) ** 2
    within: NDArray[np.bool_] = distance <= 1
    return within
