"""Many coloured points in a plot: as points up to 10⁵, as an image of their density beyond."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QRectF, QTimer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_splicer.gui.widgets.colouring import Colouring

MOST_POINTS = 100_000  # drawn one by one in about 40 ms per frame
_BIN = 2  # screen pixels per pixel of the density image
_LAYERS = 10  # over which the points of every category are strewn
_MOST_BATCHES = 120  # of which Qt draws a frame in about 50 ms


class Points(pg.ScatterPlotItem):
    """Points of one look that leave clicks to the view behind them."""

    def mouseClickEvent(self, ev: Any) -> None:
        """Pass the click on."""
        ev.ignore()


class PointCloud:
    """Points of a plot, drawn in batches of one colour; never one brush per point.

    Small groups lie above large ones and high values above low ones, so that what is rare stays
    in sight. Those of categories, such as images, lie mixed: where they share a place, none of them
    hides the others.

    Parameters
    ----------
    view : pyqtgraph.ViewBox
        Where they are drawn.
    z : float
        Height above other items.
    most : int
        More points than this are drawn as an image, made anew for every part of the plot that is
        looked at.
    """

    def __init__(self, view: pg.ViewBox, *, z: float = 0.0, most: int = MOST_POINTS) -> None:
        self._view, self._z, self._most = view, z, most
        self._batches: list[Points] = []
        self._image = pg.ImageItem(axisOrder="row-major")
        self._image.setZValue(z)
        view.addItem(self._image, ignoreBounds=True)
        self._dense: tuple[NDArray[Any], Colouring] | None = None
        self._redraw = QTimer(view, singleShot=True, interval=0)
        self._redraw.timeout.connect(self._draw_image)
        view.sigRangeChanged.connect(self._range_changed)
        view.sigResized.connect(self._range_changed)

    def draw(
        self,
        points: NDArray[Any],
        colouring: Colouring,
        drawn: NDArray[np.bool_],
        *,
        size: float = 5.0,
        outline: str | None = None,
    ) -> None:
        """Draw the points (n, 2) for which ``drawn`` (n,) is true; ``size`` is in screen pixels."""
        self.clear()
        if int(drawn.sum()) > self._most:
            self._dense = (points[drawn], _only(colouring, drawn))
            self._draw_image()
            return
        pen = pg.mkPen(outline, width=1) if outline else pg.mkPen(None)
        batches = _batches(colouring, np.flatnonzero(drawn))
        for height, rows in enumerate(batches):
            brush = pg.mkBrush(colouring.colours[colouring.codes[rows[0]]])
            x, y = points[rows].T
            item = Points(x=x, y=y, size=size, pen=pen, brush=brush, pxMode=True)
            item.setZValue(self._z + height / (len(batches) + 1))
            self._view.addItem(item, ignoreBounds=True)
            self._batches.append(item)

    def clear(self) -> None:
        """Draw nothing."""
        for item in self._batches:
            self._view.removeItem(item)
        self._batches = []
        self._dense = None
        self._image.clear()

    def set_opacity(self, opacity: float) -> None:
        """Let what lies below shine through."""
        for item in (*self._batches, self._image):
            item.setOpacity(opacity)

    def _range_changed(self) -> None:
        if self._dense is not None:
            self._redraw.start()

    def _draw_image(self) -> None:
        if self._dense is None:
            return
        area = self._view.viewRect()
        shape = (max(1, int(self._view.height() / _BIN)), max(1, int(self._view.width() / _BIN)))
        image = density_image(*self._dense, area.getCoords(), shape)
        self._image.setImage(image, autoLevels=False, levels=(0, 255))
        self._image.setRect(QRectF(area))


def _batches(colouring: Colouring, rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Return rows of one colour each, from the lowest to those that lie above all others."""
    if not len(rows):
        return []
    codes, kinds = colouring.codes[rows], len(colouring.colours)
    if colouring.names:
        chance = np.random.default_rng(0)
        layers = int(np.clip(_MOST_BATCHES // kinds, 2, _LAYERS))
        # Drawn for all points, so that each stays in its layer whichever of them are seen.
        layer = chance.integers(layers, size=len(colouring.codes))[rows]
        turns = np.array([chance.permutation(kinds) for _ in range(layers)])
        height = layer * kinds + turns[layer, codes]
    elif colouring.limits:
        height = codes
    else:
        counts = np.bincount(codes, minlength=kinds)
        height = np.argsort(np.argsort(-counts, kind="stable"))[codes]
    order = np.argsort(height, kind="stable")
    ends = np.flatnonzero(np.diff(height[order])) + 1
    return np.split(rows[order], ends)


def _only(colouring: Colouring, drawn: NDArray[np.bool_]) -> Colouring:
    return type(colouring)(
        colouring.codes[drawn], colouring.colours, colouring.shown[drawn], colouring.limits
    )


def density_image(
    points: NDArray[Any],
    colouring: Colouring,
    area: tuple[float, float, float, float],
    shape: tuple[int, int],
) -> NDArray[np.uint8]:
    """Count points per pixel: the colour is that of most, or of their mean; opacity tells how many.

    Parameters
    ----------
    points : float (n, 2)
        x and y.
    colouring : Colouring
        Of these points; with ``limits``, codes are averaged, else the most frequent one wins.
    area : (x0, y0, x1, y1)
        What the image covers.
    shape : (int, int)
        Rows and columns.

    Returns
    -------
    uint8 (rows, columns, 4)
        RGBA; row 0 at ``y0``.
    """
    height, width = shape
    x0, y0, x1, y1 = area
    x, y = (points[:, 0] - x0) / (x1 - x0) * width, (points[:, 1] - y0) / (y1 - y0) * height
    within = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    pixel = y[within].astype(np.int64) * width + x[within].astype(np.int64)
    code = colouring.codes[within]
    count = np.bincount(pixel, minlength=height * width)
    winner = (_mean_code if colouring.limits else _mode_code)(
        pixel, code, height * width, len(colouring.colours)
    )
    palette = np.array([pg.mkColor(colour).getRgb() for colour in colouring.colours], np.uint8)
    image = palette[winner]
    strength = np.log1p(count) / np.log1p(max(1, count.max(initial=1)))
    image[:, 3] = np.where(count > 0, 255 * (0.35 + 0.65 * strength), 0).astype(np.uint8)
    return image.reshape(height, width, 4)


def _mode_code(
    pixel: NDArray[np.int64], code: NDArray[np.int64], pixels: int, colours: int
) -> NDArray[np.int64]:
    table = np.bincount(pixel * colours + code, minlength=pixels * colours)
    return np.asarray(table.reshape(pixels, colours).argmax(axis=1), np.int64)


def _mean_code(
    pixel: NDArray[np.int64], code: NDArray[np.int64], pixels: int, colours: int
) -> NDArray[np.int64]:
    known = code < colours - 1
    total = np.bincount(pixel[known], weights=code[known], minlength=pixels)
    count = np.bincount(pixel[known], minlength=pixels)
    mean = np.rint(total / np.maximum(count, 1)).astype(np.int64)
    return np.where(count > 0, mean, colours - 1)
