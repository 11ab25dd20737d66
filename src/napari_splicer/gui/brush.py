"""Brush: strokes over cells in the image make them examples of a type, or take them out."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes
from qtpy.QtCore import QTimer

from napari_splicer.gui import lessons
from napari_splicer.gui.painting import place_of
from napari_splicer.gui.reading import OWN
from napari_splicer.gui.shortcuts import UNPAINT
from napari_splicer.gui.snapshot import Notice
from napari_splicer.gui.touching import touched
from napari_splicer.gui.view import camera_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_splicer.gui.layers import ViewerLink

BRUSH = "brush"
_NAME = "SpliCER brush"
_WIDTH = 4  # screen pixels of the line that a stroke leaves while it is drawn
_ERASER = "#ffffff"


class Brush:
    """A layer on which strokes are drawn as long as ``session.brush`` names a type.

    Every cell that a stroke touches becomes an example of the type; with Alt, it is an example of
    nothing any more. The layer goes when another becomes the active one.

    Parameters
    ----------
    viewer : napari.Viewer
    link : ViewerLink
    """

    def __init__(self, viewer: Viewer, link: ViewerLink) -> None:
        self._link, self._session = link, link.session
        self._said = ""
        self._before: Callable[[], Layer | None] = lambda: None  # the layer that was active
        self._session.events.brush.connect(self._follow)
        self._session.events.lesson.connect(self._follow)
        for signal in (self._session.events.cells, self._session.events.tiles):
            signal.connect(self._end)
        viewer.layers.selection.events.active.connect(self._on_active)

    @property
    def _layer(self) -> Any:
        return self._link.own_layer(BRUSH)

    def _follow(self) -> None:
        """Take the brush up, put it down, or let it say whose examples it makes now."""
        session, viewer, layer = self._session, self._link.viewer, self._layer
        types, place, ground = session.lesson.types, session.brush, self._link.ground.layer
        if place is not None and place >= len(types):
            session.brush = None  # which calls this again
        elif place is None:
            self._put_down()
        elif viewer is not None and ground is not None and session.table is not None:
            if layer is None:
                active = viewer.layers.selection.active
                self._before = (lambda: None) if active is None else weakref.ref(active)
                layer = self._take_up(place_of(ground), ground.ndim)
                viewer.layers.selection.active = layer
            self._say(
                session.words(
                    "Paint over cells on the image: every cell that a stroke touches becomes an "
                    f"example of {types[place].name}. With Alt, cells are taken out. To end, "
                    "press Paint again or choose another layer."
                )
            )

    def _end(self) -> None:
        self._session.brush = None

    def _take_up(self, place: dict[str, Any], ndim: int) -> Shapes:
        layer = Shapes(ndim=ndim, name=_NAME, metadata={OWN: {"role": BRUSH}}, **place)
        layer.mouse_pan = False  # a drag is a stroke
        layer.cursor = "cross"
        layer.mouse_drag_callbacks.append(self._on_drag)
        self._link.add_layer(layer)
        return layer

    def _put_down(self) -> None:
        layer, session = self._layer, self._session
        if session.notice is not None and session.notice.text == self._said:
            session.notice = None
        if layer is not None:
            self._link.remove_layer(layer)
            self._choose_the_layer_before()
        self._said = ""

    def _choose_the_layer_before(self) -> None:
        viewer, before = self._link.viewer, self._before()
        if viewer is None or before not in viewer.layers:
            return
        if viewer.layers.selection.active is None:
            viewer.layers.selection.active = before

    def _say(self, words: str) -> None:
        if words != self._said:
            self._said = words
            self._session.notice = Notice("info", words)

    # strokes -----------------------------------------------------------------------------------

    def _on_drag(self, layer: Shapes, event: Any) -> Iterator[None]:
        """Follow the mouse from press to release; a click is a stroke of one point."""
        viewer = self._link.viewer
        flat = viewer is not None and viewer.dims.ndisplay == 2
        if event.button != 1 or not flat:  # in 3D nothing tells which cells a stroke is over
            return
        takes = UNPAINT.among(event.modifiers)
        path = [np.asarray(layer.world_to_data(event.position), float)]
        yield
        while event.type == "mouse_move":
            path.append(np.asarray(layer.world_to_data(event.position), float))
            self._draw(layer, path, takes)
            yield
        layer.data = []
        if self._link.ground.holds(path[0]):
            self._apply(np.array(path)[:, -2:], takes)

    def _draw(self, layer: Shapes, path: Sequence[Any], takes: bool) -> None:
        place, viewer = self._session.brush, self._link.viewer
        if place is None or viewer is None:
            return
        colour = _ERASER if takes else self._session.lesson.types[place].colour
        # Shapes are as thick as pixels of the mask, at whatever zoom.
        width = _WIDTH / max(camera_of(viewer).zoom * float(layer.scale[-1]), 1e-9)
        layer.data = []
        layer.add_paths(np.array(path), edge_color=colour or _ERASER, edge_width=width)

    def _apply(self, path: Any, takes: bool) -> None:
        session = self._session
        mask, place = session.snapshot().units, session.brush
        if mask is None or place is None:
            return
        cells = touched(mask, path)
        if takes:
            lessons.take_out(session, lessons.examples_among(session, cells))
        else:
            lessons.show(session, place, cells)

    def _on_active(self) -> None:
        # Not at once: a layer that is added is the active one until the one before is chosen again.
        if self._session.brush is not None:
            QTimer.singleShot(0, self._leave)

    def _leave(self) -> None:
        """Put the brush down if another layer is the active one now."""
        viewer, layer = self._link.viewer, self._layer
        if viewer is None or layer is None or viewer.layers.selection.active is not layer:
            self._session.brush = None
