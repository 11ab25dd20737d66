"""A plot's view in which the left button draws a lasso, or a rectangle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal

from napari_splicer.gui.shortcuts import ADD, KEEP_BOTH, RECTANGLE, TAKE_AWAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHORTEST = 3  # corners


class LassoView(pg.ViewBox):
    """Left drag draws a lasso, with Ctrl a rectangle; middle drag pans, right drag, wheel zoom.

    Signals
    -------
    lassoed : (float (k, 2), Qt.KeyboardModifiers)
        Corners of a finished lasso, in the plot's coordinates.
    clicked : (QPointF, Qt.KeyboardModifiers)
        Where, in the plot's coordinates.
    reset : ()
        Double click.
    """

    lassoed = Signal(object, object)
    clicked = Signal(object, object)
    reset = Signal()

    def __init__(self) -> None:
        super().__init__(lockAspect=True, enableMenu=False)
        self._corners: list[tuple[float, float]] = []
        self._line = pg.PlotCurveItem()
        self._line.setZValue(30)
        self.addItem(self._line, ignoreBounds=True)

    def set_line_colour(self, colour: str) -> None:
        """Draw the lasso in this colour."""
        self._line.setPen(pg.mkPen(colour, width=1.5, style=Qt.PenStyle.DashLine))

    def cancel(self) -> bool:
        """Drop the lasso that is being drawn; return whether there was one."""
        drawing = bool(self._corners)
        self._corners = []
        self._line.setData([], [])
        return drawing

    def mouseDragEvent(self, ev: Any, axis: int | None = None) -> None:
        """Extend the lasso; other buttons do what they do in every plot."""
        if ev.button() != Qt.MouseButton.LeftButton:
            super().mouseDragEvent(ev, axis)
            return
        ev.accept()
        if ev.isStart():
            self._corners = [self._place(ev.buttonDownPos())]
        if not self._corners:
            return
        place = self._place(ev.pos())
        if RECTANGLE.among(ev.modifiers()):
            (x, y), (x1, y1) = self._corners[0], place
            self._corners = [(x, y), (x1, y), (x1, y1), (x, y1)]
        else:
            self._corners.append(place)
        self._line.setData(*np.array([*self._corners, self._corners[0]]).T)
        if ev.isFinish():
            corners = np.array(self._corners)
            self.cancel()
            if len(corners) >= _SHORTEST:
                self.lassoed.emit(corners, ev.modifiers())

    def mouseClickEvent(self, ev: Any) -> None:
        """Tell of a left click."""
        if ev.button() != Qt.MouseButton.LeftButton:
            return
        ev.accept()
        if ev.double():
            self.reset.emit()
        else:
            self.clicked.emit(self.mapToView(ev.pos()), ev.modifiers())

    def _place(self, position: Any) -> tuple[float, float]:
        point = self.mapToView(position)
        return point.x(), point.y()


def inside(points: NDArray[Any], corners: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which of ``points`` (n, 2) lie in the polygon with ``corners`` (k, 2)."""
    from skimage.measure import points_in_poly

    low, high = corners.min(axis=0), corners.max(axis=0)
    within: NDArray[np.bool_] = ((points >= low) & (points <= high)).all(axis=1)
    within[within] = points_in_poly(points[within], corners)
    return within


def combine(old: NDArray[np.int64], chosen: NDArray[np.int64], modifiers: Any) -> NDArray[np.int64]:
    """Return the new selection: Shift adds ``chosen``, Alt takes them away, else they replace.

    Both together keep what is in both. Neither ``old`` nor ``chosen`` holds a cell twice: finding
    that out would take far longer than all the rest.
    """
    if KEEP_BOTH.among(modifiers):
        return np.intersect1d(old, chosen, assume_unique=True)
    if ADD.among(modifiers):
        return np.sort(np.append(old, np.setdiff1d(chosen, old, assume_unique=True)))
    if TAKE_AWAY.among(modifiers):
        return np.setdiff1d(old, chosen, assume_unique=True)
    return chosen
