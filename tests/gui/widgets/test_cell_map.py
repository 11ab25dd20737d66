"""The map and the session: lasso, click, hover and colours, by real mouse events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyqtgraph as pg
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QFontMetrics, QHelpEvent, QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_splicer.analysis.palette import group_colours
from napari_splicer.gui import editing
from napari_splicer.gui.session import Session
from napari_splicer.gui.widgets.cell_map import CellMap
from napari_splicer.gui.widgets.theme import LIGHT

if TYPE_CHECKING:
    from collections.abc import Iterator

NONE, SHIFT, ALT = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
LEFT, NO_BUTTON = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


@pytest.fixture
def cell_map(qtbot, session) -> Iterator[CellMap]:
    limit = pg.getConfigOption("mouseRateLimit")
    pg.setConfigOption("mouseRateLimit", -1)  # no hand moves as fast as a test
    cell_map = CellMap(session)
    qtbot.addWidget(cell_map)
    cell_map.resize(420, 300)
    with qtbot.waitExposed(cell_map):
        cell_map.show()
    _settle(qtbot, cell_map)
    yield cell_map
    pg.setConfigOption("mouseRateLimit", limit)


def _settle(qtbot, cell_map: CellMap) -> None:
    qtbot.waitUntil(lambda: not cell_map._due.isActive())
    cell_map._show_all()
    QApplication.processEvents()


def _send(cell_map: CellMap, kind: QEvent.Type, place, button, buttons, modifiers) -> None:
    viewport = cell_map.plot.viewport()
    event = QMouseEvent(kind, place, viewport.mapToGlobal(place), button, buttons, modifiers)
    QApplication.sendEvent(viewport, event)


def _pixel(cell_map: CellMap, x: float, y: float) -> QPointF:
    scene = cell_map.view.mapViewToScene(QPointF(float(x), float(y)))
    return QPointF(cell_map.plot.mapFromScene(scene))


def _drag(cell_map: CellMap, corners, modifiers=NONE, *, release: bool = True) -> None:
    places = [_pixel(cell_map, x, y) for x, y in corners]
    _send(cell_map, QEvent.Type.MouseButtonPress, places[0], LEFT, LEFT, modifiers)
    for place in places[1:]:
        _send(cell_map, QEvent.Type.MouseMove, place, NO_BUTTON, LEFT, modifiers)
    if release:
        _send(cell_map, QEvent.Type.MouseButtonRelease, places[-1], LEFT, NO_BUTTON, modifiers)


def _around(x: float, y: float, radius: float = 3.0) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 24)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def _everything(cell_map: CellMap) -> np.ndarray:
    x0, y0, x1, y1 = cell_map.view.viewRect().adjusted(0.2, 0.2, -0.2, -0.2).getCoords()
    return np.array([[x0, y0], [x0, y1], [x1, y1], [x1, y0], [x0, y0]])


LEFT_GROUP, RIGHT_GROUP, TOP_GROUP = (-6.0, 0.0), (6.0, 0.0), (0.0, 8.0)


def test_lasso_selects_the_cells_inside_by_id(cell_map, session):
    _drag(cell_map, _around(*RIGHT_GROUP))
    np.testing.assert_array_equal(session.selection, np.sort(session.cells_of(1)))
    _drag(cell_map, _around(*LEFT_GROUP))
    np.testing.assert_array_equal(session.selection, np.sort(session.cells_of(0)))
    assert cell_map.tools.count.text().startswith("30 of 90 cells")


def test_with_ctrl_a_rectangle_selects(cell_map, session):
    x, y = RIGHT_GROUP
    corners = [(x - 3, y - 1.5), (x - 2, y + 2), (x + 1.5, y + 2)]  # only first and last count
    _drag(cell_map, corners, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(session.selection, np.sort(session.cells_of(1)))


def test_shift_and_alt_keep_what_is_in_both(cell_map, session):
    session.select([*session.cells_of(0), *session.cells_of(1)])
    _drag(cell_map, _around(*RIGHT_GROUP), SHIFT | ALT)
    np.testing.assert_array_equal(session.selection, np.sort(session.cells_of(1)))


def test_the_rest_is_selected_instead(cell_map, session):
    session.select(session.cells_of(0))
    cell_map.tools.inverse.trigger()
    assert len(session.selection) == 60
    cell_map.tools.everything.trigger()
    assert len(session.selection) == 90
    cell_map.tools.nothing.trigger()
    assert cell_map.tools.count.text().startswith("Drag")
    assert not cell_map.tools.nothing.isEnabled()


def test_one_marker_against_another(qtbot, cell_map, session):
    axes = cell_map.axes
    axes.kind.setCurrentIndex(axes.kind.findData("numbers"))
    axes.kind.activated.emit(axes.kind.currentIndex())
    assert axes.x.isVisibleTo(cell_map)
    axes.y.setCurrentText("area")
    axes.y.activated.emit(axes.y.currentIndex())
    marker = session.table.var_names[0]
    assert axes.finder.places.labels == (f"{marker} (arcsinh)", "area")
    assert cell_map.plot.getAxis("bottom").labelText == f"{marker} (arcsinh)"
    np.testing.assert_array_equal(axes.finder.places.points[:, 1], session.table.obs["area"])
    by_marker = np.argsort(axes.finder.places.points[:, 0])
    assert (np.diff(np.asarray(session.table.X)[by_marker, 0]) >= 0).all()
    assert not cell_map.view.state["aspectLocked"]
    x0, y0, x1, y1 = cell_map.view.viewRect().getCoords()
    assert y0 < session.table.obs["area"].min() < session.table.obs["area"].max() < y1
    assert x1 - x0 < 10


def test_the_cell_nearest_on_screen_is_under_the_mouse_whatever_the_axes_span(
    qtbot, cell_map, session
):
    axes, count = cell_map.axes, session.table.n_obs
    random = np.random.default_rng(0)
    wide, flat = random.uniform(0, 5000, count), random.uniform(0, 1, count)
    session.measures = {"wide": wide, "flat": flat}
    axes.kind.setCurrentIndex(axes.kind.findData("numbers"))
    axes.kind.activated.emit(axes.kind.currentIndex())
    for x, y in (("wide", "flat"), ("flat", "wide")):
        axes.x.setCurrentText(x)
        axes.y.setCurrentText(y)
        axes.y.activated.emit(axes.y.currentIndex())
        _settle(qtbot, cell_map)
        places = np.stack([session.measures[x], session.measures[y]], axis=1)
        for row in range(12):
            pixel = _pixel(cell_map, *places[row]) + QPointF(0, 3)
            on_screen = [_pixel(cell_map, *place) - pixel for place in places]
            distance = [np.hypot(apart.x(), apart.y()) for apart in on_screen]
            _send(cell_map, QEvent.Type.MouseMove, pixel, NO_BUTTON, NO_BUTTON, NONE)
            assert session.hovered == session.ids()[int(np.argmin(distance))]
        low = places[places[:, 1].argmin()]
        below = _pixel(cell_map, *low) + QPointF(0, 10)  # out of reach, where y goes down
        _send(cell_map, QEvent.Type.MouseMove, below, NO_BUTTON, NO_BUTTON, NONE)
        assert session.hovered is None


def test_axes_follow_annotations_that_come_and_go(cell_map, session):
    axes = cell_map.axes
    session.table.obs["age"] = np.arange(session.table.n_obs, dtype=float)
    session.clusterings_changed.emit()
    assert axes.x.findText("age") >= 0
    del session.table.obs["age"]
    session.clusterings_changed.emit()
    assert axes.x.findText("age") < 0


def test_axes_follow_a_measure_that_changes_or_goes(cell_map, session):
    axes = cell_map.axes
    session.measures = {"likeness": np.zeros(90)}
    axes.kind.setCurrentIndex(axes.kind.findData("numbers"))
    axes.kind.activated.emit(axes.kind.currentIndex())
    axes.x.setCurrentText("likeness")
    axes.x.activated.emit(axes.x.currentIndex())
    session.measures = {"likeness": np.arange(90.0)}
    np.testing.assert_array_equal(axes.finder.places.points[:, 0], np.arange(90.0))
    session.measures = {}
    assert axes.x.currentText() == session.table.var_names[0]
    assert axes.finder.places.labels[0] == f"{session.table.var_names[0]} (arcsinh)"


def test_principal_components_part_the_groups(qtbot, cell_map, session):
    axes = cell_map.axes
    axes.kind.setCurrentIndex(axes.kind.findData("components"))
    with qtbot.waitSignal(axes.finder.changed, timeout=30_000):
        axes.kind.activated.emit(axes.kind.currentIndex())
    points, codes = axes.finder.places.points, session.codes()
    centres = np.array([points[codes == group].mean(axis=0) for group in range(3)])
    spread = max(points[codes == group].std() for group in range(3))
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)[np.triu_indices(3, 1)]
    assert apart.min() > 2 * spread
    assert axes.finder.places.labels == ("PC 1", "PC 2")


def test_a_measure_can_be_shown_and_goes_with_its_cells(qtbot, cell_map, session):
    session.measures = {"likeness": np.linspace(0, 1, 90)}
    session.colour_by = "likeness"
    qtbot.waitUntil(lambda: cell_map.colour_by.currentText() == "likeness")
    qtbot.waitUntil(lambda: cell_map.scale.isVisibleTo(cell_map))
    session.table = session.table[:30].copy()
    assert session.measures == {}
    assert session.colour_by is None


def test_both_ends_of_the_scale_are_read_on_a_map_of_the_usual_width(qtbot, cell_map, session):
    assert not cell_map.scale.isVisible()
    session.colour_by = "CD3"
    qtbot.waitUntil(lambda: cell_map.scale.isVisible())
    cell_map.resize(290, 230)
    scale = cell_map.scale
    qtbot.waitUntil(lambda: scale.width() < 290)
    for end in (scale.low, scale.high):
        edge = end.lineEdit()
        assert edge.fontMetrics().horizontalAdvance(end.text()) < edge.width()
    assert scale.bar.width() > 90


def test_shift_adds_alt_takes_away_escape_clears(qtbot, cell_map, session):
    _drag(cell_map, _around(*LEFT_GROUP))
    _drag(cell_map, _around(*TOP_GROUP), SHIFT)
    both = np.sort(np.concatenate([session.cells_of(0), session.cells_of(2)]))
    np.testing.assert_array_equal(session.selection, both)
    _drag(cell_map, _around(*LEFT_GROUP), ALT)
    np.testing.assert_array_equal(session.selection, np.sort(session.cells_of(2)))
    qtbot.keyClick(cell_map.plot, Qt.Key.Key_Escape)
    assert len(session.selection) == 0


def test_escape_drops_a_lasso_under_way_and_keeps_the_selection(qtbot, cell_map, session):
    _drag(cell_map, _around(*LEFT_GROUP))
    _drag(cell_map, _around(*RIGHT_GROUP), release=False)
    qtbot.keyClick(cell_map.plot, Qt.Key.Key_Escape)
    place = _pixel(cell_map, *RIGHT_GROUP)
    _send(cell_map, QEvent.Type.MouseButtonRelease, place, LEFT, NO_BUTTON, NONE)
    np.testing.assert_array_equal(session.selection, np.sort(session.cells_of(0)))


def test_click_selects_one_cell_and_flies_there(cell_map, session):
    requested = []
    session.cell_requested.connect(requested.append)
    row = 7
    place = _pixel(cell_map, *session.table.obsm["X_umap"][row])
    for kind, buttons in (
        (QEvent.Type.MouseButtonPress, LEFT),
        (QEvent.Type.MouseButtonRelease, NO_BUTTON),
    ):
        _send(cell_map, kind, place, LEFT, buttons, NONE)
    assert list(session.selection) == [session.ids()[row]]
    assert requested == [session.ids()[row]]


def test_hover_names_cell_and_group_and_leaving_ends_it(qtbot, cell_map, session):
    cell = session.ids()[4]
    place = _pixel(cell_map, *session.table.obsm["X_umap"][4])
    _send(cell_map, QEvent.Type.MouseMove, place, NO_BUTTON, NO_BUTTON, NONE)
    assert session.hovered == cell
    assert cell_map._label.toPlainText() == f"cell {cell} · group 2"
    assert cell_map._label.isVisible()
    editing.rename(session, 1, "stroma")
    qtbot.waitUntil(lambda: cell_map._label.toPlainText() == f"cell {cell} · stroma")
    editing.rename(
        session, 1, "a type of cell with a name that is much longer than the map is wide"
    )
    qtbot.waitUntil(lambda: cell_map._label.toPlainText().endswith("…"))
    label = cell_map._label
    assert label.toPlainText().startswith(f"cell {cell} · a")
    assert cell_map.plot.sceneRect().contains(label.mapRectToScene(label.boundingRect()))
    QApplication.sendEvent(cell_map, QEvent(QEvent.Type.Leave))
    assert session.hovered is None
    assert not cell_map._label.isVisible()
    x, y = map(float, session.table.obsm["X_umap"][4])
    cell_map.view.setRange(xRange=(x, x + 0.1), yRange=(y, y + 0.1))
    cell_map.view.updateMatrix()
    session.hovered = cell
    assert label.mapRectToScene(label.boundingRect()).height() < 40


def test_words_take_all_the_room_beside_a_cell_at_the_edge(qtbot, cell_map, session):
    points = session.table.obsm["X_umap"]
    row = int(points[:, 0].argmax())
    metrics = QFontMetrics(cell_map._label.textItem.font())
    name = "n"
    cell = int(session.ids()[row])
    while metrics.horizontalAdvance(f"cell {cell} · {name}") < 0.7 * cell_map.view.width():
        name += "n"
    editing.rename(session, int(session.codes()[row]), name)
    _settle(qtbot, cell_map)
    x, width = float(points[row, 0]), float(np.ptp(cell_map.view.viewRange()[0]))
    cell_map.view.setXRange(x - 0.95 * width, x + 0.05 * width, padding=0)
    QApplication.processEvents()
    assert cell_map.view.viewRect().contains(QPointF(*points[row]))
    session.hovered = cell
    label = cell_map._label
    assert label.toPlainText().endswith(name)
    assert cell_map.plot.sceneRect().contains(label.mapRectToScene(label.boundingRect()))


def test_the_ring_of_the_picked_cell_goes_where_another_map_has_it(qtbot, cell_map, session):
    row = 7
    session.picked = int(session.ids()[row])
    kind = cell_map.axes.kind
    kind.setCurrentIndex(kind.findData("numbers"))
    kind.activated.emit(kind.currentIndex())
    _settle(qtbot, cell_map)
    assert not np.allclose(
        cell_map.axes.finder.places.points[row], session.table.obsm["X_umap"][row]
    )
    ring = np.column_stack(cell_map._pulse.getData())
    np.testing.assert_allclose(ring, cell_map.axes.finder.places.points[row : row + 1])


def test_hidden_groups_are_neither_drawn_nor_selected(qtbot, cell_map, session):
    session.show_group(1, False)
    _settle(qtbot, cell_map)
    _drag(cell_map, _everything(cell_map))
    assert not np.isin(session.cells_of(1), session.selection).any()
    assert len(session.selection) == 60


def test_ids_that_the_table_does_not_have_are_ignored(cell_map, session):
    session.hovered = 123_456_789_012
    session.picked = 123_456_789_012
    session.select([*session.cells_of(0)[:2], 123_456_789_012])
    assert "of 90 cells" in cell_map.tools.count.text()
    assert not cell_map._label.isVisible()
    drawn = sum(len(batch.data) for batch in cell_map._chosen._batches)
    assert drawn == 2


def test_cells_without_a_place_are_left_out(qtbot, cell_map, session, make_table):
    table = make_table()
    table.obsm["X_umap"][3] = np.nan
    session.table = table
    _settle(qtbot, cell_map)
    _drag(cell_map, _everything(cell_map))
    assert len(session.selection) == 89
    assert session.ids()[3] not in session.selection
    session.picked = int(session.ids()[3])


def test_colours_follow_the_groups_and_the_marker(qtbot, cell_map, session):
    def brushes() -> set[str]:
        return {b.opts["brush"].color().name() for b in cell_map._cloud._batches}

    assert brushes() == {group.colour for group in session.groups}
    assert cell_map.scale.isHidden()
    editing.recolour(session, 0, "#ff00ff")
    _settle(qtbot, cell_map)
    assert "#ff00ff" in brushes()

    cell_map.colour_by.setCurrentText("CD3")
    cell_map.colour_by.activated.emit(cell_map.colour_by.currentIndex())
    assert session.colour_by == "CD3"
    _settle(qtbot, cell_map)
    assert not cell_map.scale.isHidden()
    low, high = map(float, cell_map.scale.bar.ends)
    assert low < high
    assert len(brushes()) > 10
    session.colour_by = None
    _settle(qtbot, cell_map)
    assert cell_map.colour_by.currentText() == "group"
    assert "#ff00ff" in brushes()


def test_colours_may_stand_for_numbers_and_categories_of_the_table(qtbot, cell_map, session):
    table = session.table.copy()
    table.obs["site"] = pd.Categorical.from_codes(np.arange(90) % 2, ["edge", "core"])
    session.table = table
    box = cell_map.colour_by
    assert {"site", "area (px)", "CD3"} <= {box.itemText(i) for i in range(box.count())}

    def choose(words: str) -> None:
        box.setCurrentText(words)
        box.activated.emit(box.currentIndex())
        _settle(qtbot, cell_map)

    choose("area (px)")
    assert session.colour_by == "area"
    assert float(cell_map.scale.bar.ends[0]) == pytest.approx(
        table.obs["area"].quantile(0.01), rel=0.01
    )
    choose("site")
    assert session.colour_by == "site"
    shown = {b.opts["brush"].color().name() for b in cell_map._cloud._batches}
    assert shown == {colour.lower() for colour in group_colours(2)}
    cell_map.scale.bar.resize(400, 20)
    assert cell_map.scale.bar.names_shown == ("edge", "core")
    cell_map.scale.bar.resize(60, 20)
    assert len(cell_map.scale.bar.names_shown) < 2
    assert not cell_map.scale.bar.grab().isNull()
    QApplication.sendEvent(cell_map.scale.bar, QHelpEvent(QEvent.Type.ToolTip, QPoint(), QPoint()))
    assert "edge" in cell_map.scale.bar.toolTip()
    assert group_colours(2)[1] in cell_map.scale.bar.toolTip()
    choose("group")
    assert session.colour_by is None


def test_hovered_group_lights_up_and_picked_cell_pulses(cell_map, session):
    session.hovered_group = 2
    assert sum(len(batch.data) for batch in cell_map._chosen._batches) == 30
    session.hovered_group = None
    assert cell_map._chosen._batches == []
    session.picked = int(session.ids()[0])
    np.testing.assert_allclose(
        cell_map._pulse.getData(), session.table.obsm["X_umap"][:1].T, rtol=1e-6
    )


def test_empty_session_then_table_without_map(qtbot, make_table):
    session = Session()
    cell_map = CellMap(session)
    qtbot.addWidget(cell_map)
    cell_map.set_theme(LIGHT)
    table = make_table()
    del table.obsm["X_umap"]
    session.table = table
    session.hovered = int(session.ids()[0])
    qtbot.waitUntil(lambda: cell_map.tools.count.text().startswith("Drag"))
    assert cell_map._cloud._batches == []


def test_closed_map_no_longer_listens(qtbot, session):
    before = len(session.events.selection)
    cell_map = CellMap(session)
    assert len(session.events.selection) == before + 2  # map and its bar
    cell_map.deleteLater()
    qtbot.waitUntil(lambda: len(session.events.selection) == before)
