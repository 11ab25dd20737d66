"""Map of the cells: similar cells lie close together; a lasso or rectangle selects them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QTimer, QVariantAnimation
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_splicer.gui.binding import bind
from napari_splicer.gui.categories import said_of
from napari_splicer.gui.selected_rows import selected_rows
from napari_splicer.gui.shortcuts import ADD, CLEAR, TAKE_AWAY
from napari_splicer.gui.widgets.annotation_menu import AnnotationMenu
from napari_splicer.gui.widgets.colour_box import ColourBox
from napari_splicer.gui.widgets.colour_range import ColourRange
from napari_splicer.gui.widgets.colouring import colouring_of
from napari_splicer.gui.widgets.hover_label import HoverLabel
from napari_splicer.gui.widgets.lasso import LassoView, combine
from napari_splicer.gui.widgets.map_axes import MapAxes
from napari_splicer.gui.widgets.map_plot import MapPlot
from napari_splicer.gui.widgets.point_cloud import PointCloud, Points
from napari_splicer.gui.widgets.point_grid import PointGrid
from napari_splicer.gui.widgets.selection_bar import SelectionBar
from napari_splicer.gui.widgets.theme import DARK

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtCore import QEvent
    from qtpy.QtGui import QKeyEvent

    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.theme import Theme

_REACH = 8  # screen pixels within which a cell is under the mouse
_DIMMED = 0.25
_SAME_SHAPE = 0.02  # share by which the shape of a pixel may differ from that of the tree
_RING, _PULSE = 14, 44  # screen pixels


class CellMap(QWidget):
    """The table's cells, by default on its ``X_umap``, coloured by what the session says.

    Drag selects (Shift adds, Alt takes away, both intersect, Esc clears), a click selects one cell
    and asks the viewer to fly to it, the cell under the mouse becomes ``session.hovered``. What
    others select, hover or pick is shown. Cells are told by id: ids that the table does not have
    are ignored.

    Parameters
    ----------
    session : Session
        Read and written.
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = DARK
        self._points = np.empty((0, 2))
        self._placed: NDArray[np.bool_] = np.empty(0, bool)
        self._ids = np.empty(0, np.int64)
        self._tree: Any = None
        self._stretch = 1.0  # how much y is stretched in the tree
        self._grid: PointGrid | None = None
        self._colouring = colouring_of(session)
        self._build()
        self._listen()
        self._new_table()

    # construction ------------------------------------------------------------------------------

    def _build(self) -> None:
        self.view = LassoView()
        self.ground = MapPlot(self.view)
        self.plot = self.ground.plot
        self._cloud = PointCloud(self.view)
        self._chosen = PointCloud(self.view, z=10)
        self._ring = Points(size=_RING, brush=pg.mkBrush(None), pxMode=True)
        self._pulse = Points(size=_RING, brush=pg.mkBrush(None), pxMode=True)
        self._label = HoverLabel()
        for item in (self._ring, self._pulse, self._label):
            item.setZValue(20)
            self.view.addItem(item, ignoreBounds=True)
        self._beat = QVariantAnimation(self, startValue=_PULSE, endValue=_RING, duration=700)
        self._beat.valueChanged.connect(self._pulse.setSize)

        self.axes = MapAxes(self._session)
        self.tools = SelectionBar(self._session)
        self.annotations = AnnotationMenu(self._session)
        self.colour_by = ColourBox(self._session)
        self.colour_by.tip = "What the colours of map and overlay stand for"
        self.scale = ColourRange(self._session)
        top = QHBoxLayout()
        top.addWidget(QLabel("Colour by"))
        top.addWidget(self.colour_by, stretch=1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 4)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.scale)
        layout.addWidget(self.axes)
        layout.addWidget(self.ground, stretch=1)
        layout.addWidget(self.tools)
        top.addWidget(self.annotations)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.set_theme(DARK)

    def _listen(self) -> None:
        # A result changes several fields at once: draw once, when all have changed.
        self._due = QTimer(self, singleShot=True, interval=0)
        self._due.timeout.connect(self._draw)
        events = self._session.events
        bind(self, events.table, self._new_table)
        for signal in (
            events.measures,
            events.mixture,
            events.clustering,
            events.groups,
            events.colour_by,
            events.colour_ranges,
        ):
            bind(self, signal, self._ask_to_draw)
        bind(self, events.selection, self._draw_chosen)
        bind(self, events.hovered_group, self._draw_chosen)
        bind(self, events.hovered, self._draw_hovered)
        bind(self, events.picked, self._draw_picked)
        self.axes.finder.changed.connect(self._place)
        self.ground.page.again.clicked.connect(self.axes.finder.again)
        self.view.lassoed.connect(self._lassoed)
        self.view.clicked.connect(self._clicked)
        self.view.reset.connect(self._show_all)
        self.plot.scene().sigMouseMoved.connect(self._moved)

    def set_theme(self, theme: Theme) -> None:
        """Paint in the theme's colours."""
        self._theme = theme
        self.ground.set_theme(theme)
        self.view.set_line_colour(theme.text)
        self._ring.setPen(pg.mkPen(theme.accent, width=2))
        self._pulse.setPen(pg.mkPen(theme.accent, width=2))
        self._label.setColor(theme.text)
        self._label.fill = pg.mkBrush(theme.background)
        self.scale.set_theme(theme)
        self._draw_chosen()

    # drawing -----------------------------------------------------------------------------------

    def _new_table(self) -> None:
        self._ids = self._session.ids()
        self._place()

    def _place(self) -> None:
        """Draw the cells where the chosen axes put them; where that is not known yet, none."""
        finder, places = self.axes.finder, self.axes.finder.places
        known = len(places.points) == len(self._ids)
        self._points = places.points if known else np.full((len(self._ids), 2), np.nan)
        self._placed = np.asarray(np.isfinite(self._points).all(axis=1), bool)
        self._tree = self._grid = None
        self.ground.show_places(places, finder.message, again=finder.stopped)
        self._show_all()
        self._ask_to_draw()

    def _ask_to_draw(self) -> None:
        self._due.start()

    def _draw(self) -> None:
        self._colouring = colouring_of(self._session)
        self._tree = None
        self.scale.follow(self._colouring)
        self._cloud.draw(self._points, self._colouring, self._drawn(), size=self._size())
        self._draw_chosen()
        self._draw_hovered()
        self._ring_picked()

    def _drawn(self) -> NDArray[np.bool_]:
        """Return which cells are on the map: those with a place, of groups that are not hidden."""
        return self._colouring.shown & self._placed

    def _size(self) -> float:
        """Return the diameter of a point: smaller, the more there are."""
        return float(np.clip(60 / max(len(self._ids), 1) ** 0.3, 3, 9))

    def _draw_chosen(self) -> None:
        """Draw the hovered group, or else the selected cells, over the others."""
        session = self._session
        lit = session.hovered_group
        meant = selected_rows(session) if lit is None else session.codes() == lit
        if not len(self._colouring.codes) == len(meant) == len(self._points):
            return
        chosen = meant & self._drawn()
        dim = bool(chosen.any())
        self._cloud.set_opacity(_DIMMED if dim else 1.0)
        outline = self._theme.accent if lit is None else None
        self._chosen.draw(
            self._points, self._colouring, chosen, size=self._size() + 1, outline=outline
        )

    def _row(self, cell: int | None) -> int | None:
        """Return the row of a cell that has a place on the map."""
        if cell is None:
            return None
        rows = np.flatnonzero((self._ids == cell) & self._placed)
        return int(rows[0]) if len(rows) else None

    def _draw_hovered(self) -> None:
        row = self._row(self._session.hovered)
        if row is None:
            self._label.hide()
            self._ring.clear()
            return
        self._ring.setData(pos=self._points[row : row + 1])
        self._label.show_at(self._points[row], said_of(self._session, row), self.view)

    def _draw_picked(self) -> None:
        self._beat.stop()
        if self._ring_picked():
            self._beat.start()

    def _ring_picked(self) -> bool:
        """Put a ring around the picked cell, where it is now; return whether it is on the map."""
        row = self._row(self._session.picked)
        if row is None:
            self._pulse.clear()
            return False
        self._pulse.setData(pos=self._points[row : row + 1])
        return True

    # the mouse ---------------------------------------------------------------------------------

    def _show_all(self) -> None:
        finite = self._points[self._placed]
        if len(finite):
            low, high = finite.min(axis=0), finite.max(axis=0)
            self.view.setRange(xRange=(low[0], high[0]), yRange=(low[1], high[1]), padding=0.06)

    def _lassoed(self, corners: Any, modifiers: Any) -> None:
        if self._grid is None:
            self._grid = PointGrid(self._points)
        self._choose(self._ids[self._grid.inside(corners) & self._drawn()], modifiers)

    def _choose(self, cells: NDArray[np.int64], modifiers: Any) -> None:
        self._session.select(combine(self._session.selection, cells, modifiers))
        self.plot.viewport().repaint()  # here, where one looks, before the image and all else

    def _clicked(self, place: Any, modifiers: Any) -> None:
        cell = self._cell_at(place.x(), place.y())
        if cell is None:
            return
        self._choose(np.array([cell]), modifiers)
        if not any(gesture.among(modifiers) for gesture in (ADD, TAKE_AWAY)):
            self._session.cell_requested.emit(cell)
            self._session.cell_clicked.emit(cell)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc drops the lasso under way, or else the selection."""
        if not CLEAR.matches(event):
            super().keyPressEvent(event)
        elif not self.view.cancel():
            self._session.select([])

    def _moved(self, position: Any) -> None:
        place = self.view.mapSceneToView(position)
        self._session.hovered = self._cell_at(place.x(), place.y())

    def leaveEvent(self, event: QEvent) -> None:
        """Let no cell be under the mouse once it has left."""
        self._session.hovered = None
        super().leaveEvent(event)

    def _cell_at(self, x: float, y: float) -> int | None:
        """Return the id of the drawn cell that is nearest on screen to a place, within reach."""
        from scipy.spatial import cKDTree

        rows = np.flatnonzero(self._drawn())
        if not len(rows):
            return None
        width, height = self.view.viewPixelSize()  # axes with a meaning differ in scale
        if self._tree is None or abs(width / height / self._stretch - 1) > _SAME_SHAPE:
            self._stretch = width / height
            seen = self._points[rows] * (1, self._stretch)
            self._tree = cKDTree(seen, balanced_tree=False, compact_nodes=False)
        reach = _REACH * width
        place = (x, y * self._stretch)
        distance, nearest = self._tree.query(place, distance_upper_bound=reach)
        return int(self._ids[rows[nearest]]) if np.isfinite(distance) else None
