"""Person: works a napari window with mouse and keys, and may take pictures of it.

Used by the tour (``docs/tour.py``) and by the test that walks through it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit, QScrollArea
from superqt.utils import WorkerBase

from napari_splicer.gui.explorer_widget import ExplorerWidget
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.view import camera_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from napari.viewer import Viewer
    from qtpy.QtWidgets import QAbstractItemView, QComboBox, QWidget

    from napari_splicer.gui.main_widget import SplicerWidget
    from napari_splicer.gui.session import Session

SIZE = (1400, 900)
_QUALITY = 90  # of JPEG: tissue is noise, which PNG stores at a megabyte a picture
LEFT = Qt.MouseButton.LeftButton
NO_KEY = Qt.KeyboardModifier.NoModifier
SHIFT, CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


class Person:
    """One window, and what can be done in it.

    Parameters
    ----------
    viewer : napari.Viewer
        Shown.
    folder : Path, optional
        Where pictures go; without it, none are taken.
    patience : float
        Seconds to wait for anything.
    """

    def __init__(self, viewer: Viewer, folder: Path | None = None, patience: float = 900) -> None:
        self.viewer, self.folder, self.patience = viewer, folder, patience
        self.dock: SplicerWidget
        self.dock = self.viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER")[1]
        self.window = self.dock.window()
        self.window.resize(*SIZE)
        self.session: Session = self.dock.session
        QTest.qWait(300)

    # looking -----------------------------------------------------------------------------------

    @property
    def explorer(self) -> ExplorerWidget:
        """The Explorer, once it is open."""
        return self.window.findChild(ExplorerWidget)

    def take(self, name: str) -> None:
        """Save a picture of the whole window."""
        if self.folder is None:
            return
        QTest.qWait(700)
        picture = self.window.screen().grabWindow(self.window.winId())
        picture.save(str(self.folder / f"{name}.jpg"), quality=_QUALITY)

    def wait(self, ready: Callable[[], Any]) -> None:
        """Let the window live until ``ready()``."""
        end = time.monotonic() + self.patience
        while not ready():
            QTest.qWait(50)
            if time.monotonic() > end:
                raise TimeoutError(f"waited {self.patience} s; last: {self.session.notice}")

    def see(self, widget: QWidget) -> None:
        """Scroll to a widget and check that it can be used."""
        parent = widget.parentWidget()
        while parent is not None:
            if isinstance(parent, QScrollArea):
                parent.ensureWidgetVisible(widget)
            parent = parent.parentWidget()
        QTest.qWait(20)
        assert widget.isVisible(), f"{widget} is not in sight"
        assert widget.isEnabled(), f"{widget} is disabled: {widget.toolTip()}"

    # doing -------------------------------------------------------------------------------------

    def click(self, button: QWidget) -> None:
        """Click a button."""
        self.see(button)
        QTest.mouseClick(button, LEFT)

    def choose(self, box: QComboBox, text: str) -> None:
        """Pick an entry of a combo box with the arrow keys."""
        self.see(box)
        row = box.findText(text)
        assert row >= 0, f"no {text!r} among {[box.itemText(i) for i in range(box.count())]}"
        box.setFocus()
        steps = row - box.currentIndex()
        for _ in range(abs(steps)):
            QTest.keyClick(box, Qt.Key.Key_Down if steps > 0 else Qt.Key.Key_Up)
        assert box.currentText() == text

    def click_row(self, view: QAbstractItemView, place: tuple[int, int], keys: Any = NO_KEY) -> Any:
        """Click a cell (row, column) of a list or table; return its index."""
        self.see(view)
        index = view.model().index(*place)
        view.scrollTo(index)
        QTest.mouseClick(view.viewport(), LEFT, keys, view.visualRect(index).center())
        return index

    def edit_row(self, view: QAbstractItemView, place: tuple[int, int], text: str) -> None:
        """Double-click a cell of a table, and type something else."""
        index = self.click_row(view, place)
        QTest.mouseDClick(view.viewport(), LEFT, NO_KEY, view.visualRect(index).center())
        self.type(view.findChild(QLineEdit), text)

    def type(self, widget: QWidget, text: str) -> None:
        """Replace what is in a field, and press Enter."""
        QTest.keyClick(widget, Qt.Key.Key_A, CTRL)
        QTest.keyClicks(widget, text)
        QTest.keyClick(widget, Qt.Key.Key_Return)

    def draw(self, places: Iterable[tuple[float, float]], keys: Any = NO_KEY) -> None:
        """Drag the mouse over the map through these points of it."""
        plot = self.explorer.map.plot
        view = self.explorer.map.view
        pixels = [
            QPointF(plot.mapFromScene(view.mapViewToScene(QPointF(float(x), float(y)))))
            for x, y in places
        ]
        self._drag(plot.viewport(), pixels, keys)

    def around(self, cells: np.ndarray) -> list[tuple[float, float]]:
        """Return corners of a lasso around the middle of these cells on the map."""
        points = self.explorer.map.axes.finder.places.points
        mine = points[np.isin(self.session.ids(), cells)]
        low, high = np.percentile(mine, [5, 95], axis=0)
        middle, radius = (low + high) / 2, (high - low) / 2 + 0.2
        angles = np.linspace(0, 2 * np.pi, 25)
        return [tuple(middle + radius * (np.cos(a), np.sin(a))) for a in angles]

    def click_cell(self, cell: int, keys: Any = NO_KEY) -> None:
        """Fly to a cell, and click it in the image."""
        self.session.cell_requested.emit(cell)
        QTest.qWait(200)
        canvas = self._canvas()
        middle = QPointF(canvas.width() / 2, canvas.height() / 2)
        self._drag(canvas, [middle], keys)

    def click_in_sight(self, cell: int) -> None:
        """Click a cell in the image where it is now."""
        layer = link_for(self.viewer).mask_layer
        cells = self.session.cells.cells().set_index("id")
        world = np.array(layer.data_to_world(cells.loc[cell, ["y", "x"]].to_numpy(float)))
        camera = camera_of(self.viewer)
        y, x = (world - camera.center[-2:]) * camera.zoom
        canvas = self._canvas()
        self._drag(canvas, [QPointF(canvas.width() / 2 + x, canvas.height() / 2 + y)])

    def press_in_image(self, key: Qt.Key) -> None:
        """Press a key where the image was clicked before."""
        QApplication.setActiveWindow(self.window)  # a display without window manager does not
        QTest.keyClick(self._canvas(), key)

    def draw_in_image(self, size: float) -> None:
        """Drag a ring of this many screen pixels around the middle of the canvas."""
        canvas = self._canvas()
        angles = np.linspace(0, 2 * np.pi, 40)
        x, y = canvas.width() / 2, canvas.height() / 2
        ring = [QPointF(x + size * np.cos(a), y + size * np.sin(a)) for a in angles]
        self._drag(canvas, ring)

    def stroke_in_image(self, length: float) -> None:
        """Drag to the right from the middle of the canvas, by so many screen pixels."""
        canvas = self._canvas()
        x, y = canvas.width() / 2, canvas.height() / 2
        self._drag(canvas, [QPointF(x + step, y) for step in np.linspace(0, length, 20)])

    def close(self) -> None:
        """Close the window and let workers end."""
        self.viewer.close()
        WorkerBase.await_workers()

    def _canvas(self) -> QWidget:
        """Return the widget that shows the image: napari has no public name for it."""
        return self.viewer.window._qt_viewer.canvas.native

    def _drag(self, widget: QWidget, places: list[QPointF], keys: Any = NO_KEY) -> None:
        none = Qt.MouseButton.NoButton
        acts = [(QEvent.Type.MouseMove, places[0], none, none)]
        acts.append((QEvent.Type.MouseButtonPress, places[0], LEFT, LEFT))
        acts += [(QEvent.Type.MouseMove, place, none, LEFT) for place in places[1:]]
        acts.append((QEvent.Type.MouseButtonRelease, places[-1], LEFT, none))
        for kind, place, button, buttons in acts:
            point = QPointF(widget.mapToGlobal(QPoint(round(place.x()), round(place.y()))))
            QApplication.sendEvent(widget, QMouseEvent(kind, place, point, button, buttons, keys))
            QTest.qWait(15)


def open_field(person: Person, image: str, mask: str) -> None:
    """Open an image and its mask as the buttons of step ① do after their file dialogs."""
    opener = link_for(person.viewer).opener
    opener.open_image(image)
    opener.open_mask(mask)
    person.wait(lambda: not opener.busy)
