"""Groups × markers: the right numbers, readable names, clicks that colour and select."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, Qt
from readable import contrast

from napari_splicer.analysis.profiles import profile
from napari_splicer.gui import editing
from napari_splicer.gui.session import Session
from napari_splicer.gui.widgets import heat_map as heat_map_module
from napari_splicer.gui.widgets.colouring import colouring_of, scale_colours
from napari_splicer.gui.widgets.heat_map import EMPTY, RAW, HeatMap
from napari_splicer.gui.widgets.matrix_view import Matrix, MatrixView, readable_on
from napari_splicer.gui.widgets.theme import LIGHT


@pytest.fixture
def heat_map(qtbot, session) -> HeatMap:
    heat_map = HeatMap(session)
    qtbot.addWidget(heat_map)
    heat_map.resize(460, 260)
    with qtbot.waitExposed(heat_map):
        heat_map.show()
    qtbot.waitUntil(lambda: heat_map.matrix.matrix is not None)
    return heat_map


def _cell(heat_map: HeatMap, group: str, marker: str) -> QPoint:
    values = heat_map.matrix.matrix.values
    row, column = values.index.get_loc(group), values.columns.get_loc(marker)
    return heat_map.matrix.visualRect(heat_map.matrix.model().index(row, column)).center()


def test_shows_the_profiles_of_the_active_clustering(heat_map, session):
    shown = heat_map.matrix.matrix.values
    expected = profile(session.table, "kind").scores
    pd.testing.assert_frame_equal(
        shown.loc[expected.index, expected.columns], expected, check_names=False
    )
    heat_map.mode.setCurrentText(RAW)
    shown = heat_map.matrix.matrix.values
    expected = profile(session.table, "kind").medians
    pd.testing.assert_frame_equal(
        shown.loc[expected.index, expected.columns], expected, check_names=False
    )


def test_what_was_stopped_says_so_and_is_made_when_asked_again(
    qtbot, heat_map, session, monkeypatch
):
    go_on, summarise = threading.Event(), heat_map_module._summarise

    def waiting(*arguments):
        while not go_on.wait(0.01):
            yield 0.1
        return (yield from summarise(*arguments))

    monkeypatch.setattr(heat_map_module, "_summarise", waiting)
    editing.merge(session, [0, 1])
    qtbot.waitUntil(heat_map._work.isVisible)
    heat_map._work.cancel.click()
    assert heat_map.message == "Stopped before it was done."
    assert not heat_map._work.isVisible()
    go_on.set()
    qtbot.waitUntil(lambda: not heat_map._work.errand.busy)
    assert heat_map.message
    heat_map.again.click()
    qtbot.waitUntil(lambda: not heat_map.message)
    assert len(heat_map.matrix.matrix.values) == 2


def test_click_colours_by_the_marker_and_selects_the_group(qtbot, heat_map, session):
    place = _cell(heat_map, "2", "CD3")
    qtbot.mouseClick(heat_map.matrix.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert session.colour_by == "CD3"
    np.testing.assert_array_equal(session.selection, np.sort(session.cells_of(1)))


def test_click_shows_the_marker_within_that_group_alone_and_another_click_all(
    qtbot, heat_map, session
):
    def click(group: str, marker: str) -> None:
        place = _cell(heat_map, group, marker)
        qtbot.mouseClick(heat_map.matrix.viewport(), Qt.MouseButton.LeftButton, pos=place)

    def shown() -> list[str]:
        return [group.name for group in session.groups if group.visible]

    assert heat_map.everything.isHidden()
    session.show_group(0, False)
    click("2", "CD3")
    assert shown() == ["2"]
    drawn = colouring_of(session)
    assert drawn.limits is not None
    np.testing.assert_array_equal(drawn.shown, session.codes() == 1)
    click("3", "CD3")
    assert shown() == ["3"]
    click("3", "DAPI")
    assert (shown(), session.colour_by) == (["3"], "DAPI")
    click("3", "DAPI")
    assert shown() == ["2", "3"], "as it was before the first click"
    click("1", "DAPI")
    qtbot.mouseClick(heat_map.everything, Qt.MouseButton.LeftButton)
    assert shown() == ["1", "2", "3"]
    assert heat_map.everything.isHidden()


def test_click_on_names(qtbot, heat_map, session):
    values = heat_map.matrix.matrix.values
    header = heat_map.matrix.horizontalHeader()
    column = values.columns.get_loc("PanCK")
    place = QPoint(header.sectionViewportPosition(column) + 3, 5)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert session.colour_by == "PanCK"
    assert len(session.selection) == 0

    header = heat_map.matrix.verticalHeader()
    place = QPoint(5, header.sectionViewportPosition(values.index.get_loc("3")) + 3)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
    np.testing.assert_array_equal(session.selection, np.sort(session.cells_of(2)))


def test_tooltip_tells_the_numbers(heat_map):
    matrix = heat_map.matrix.matrix
    row, column = matrix.values.index.get_loc("1"), matrix.values.columns.get_loc("DAPI")
    tip = matrix.tip(row, column)
    assert f"{matrix.number(row, column):+.2f}" in tip
    assert "30 cells" in tip


def test_renamed_and_recoloured_groups_follow(qtbot, heat_map, session):
    editing.rename(session, 0, "tumour")
    editing.recolour(session, 0, "#010203")
    qtbot.waitUntil(lambda: heat_map.matrix.matrix.swatches.get("tumour") == "#010203")
    qtbot.waitUntil(lambda: "tumour" in heat_map.matrix.matrix.values.index)
    needed = heat_map.fontMetrics().horizontalAdvance("tumour")
    qtbot.waitUntil(lambda: heat_map.matrix.verticalHeader().width() > needed)


def test_says_what_is_missing(qtbot):
    heat_map = HeatMap(Session())
    qtbot.addWidget(heat_map)
    assert heat_map.message == EMPTY


@pytest.mark.parametrize("theme", [None, LIGHT])
def test_forty_one_names_never_overlap_and_every_cell_is_painted(qtbot, theme):
    names = [f"marker-with-a-long-name-{i}" for i in range(41)]
    values = pd.DataFrame(
        np.linspace(0, 1, 41 * 25).reshape(25, 41),
        index=[f"group {i}" for i in range(25)],
        columns=names,
    )
    values.iat[0, 0] = np.nan
    view = MatrixView()
    qtbot.addWidget(view)
    if theme is not None:
        view.set_theme(theme)
    view.resize(380, 180)
    colours = ("#ff0000", "#0000ff")
    view.set_matrix(Matrix(values, values.to_numpy(), colours, lambda row, column: ""))
    with qtbot.waitExposed(view):
        view.show()
    height = view.fontMetrics().height()
    for header, count in ((view.horizontalHeader(), 41), (view.verticalHeader(), 25)):
        assert min(header.sectionSize(i) for i in range(count)) >= height
    assert view.horizontalHeader().height() < view.height() / 1.5

    picture = view.viewport().grab().toImage()
    second = view.visualRect(view.model().index(0, 1)).center()
    assert picture.pixelColor(second).name() == "#ff0000"
    assert view.matrix.colour(0, 0) is None
    assert view.matrix.colour(24, 40) == "#0000ff"


def test_controls_do_not_overlap_in_a_narrow_explorer(heat_map) -> None:
    heat_map.show()
    for width in (500, 300, 220):
        heat_map.resize(width, 200)
        heat_map.layout().activate()
        line = [heat_map.heading, heat_map.mode, heat_map.bar]
        places = [widget.geometry() for widget in line]
        for left, right in itertools.pairwise(places):
            assert left.right() < right.left()
        assert places[-1].right() <= width
    assert not heat_map.bar.has_room
    assert not heat_map.bar.grab().isNull()


def test_the_heading_makes_room_for_the_ends_of_the_scale(qtbot, heat_map):
    whole = heat_map.heading.sizeHint().width()
    heat_map.resize(380, 200)
    qtbot.waitUntil(lambda: heat_map.heading.width() < whole)
    assert heat_map.bar.has_room
    heat_map.resize(600, 200)
    qtbot.waitUntil(lambda: heat_map.heading.width() == whole)
    assert heat_map.bar.size() == heat_map.bar.sizeHint()


@pytest.mark.parametrize("name", ["viridis", "CET-D1"])
def test_numbers_can_be_read_on_every_colour_of_a_scale(name) -> None:
    for colour in scale_colours(name):
        assert contrast(readable_on(colour), colour) >= 4.5


def test_what_was_asked_of_a_table_that_is_gone_is_not_shown(qtbot, heat_map, session):
    heat_map._ask()
    session.table = None
    qtbot.waitUntil(lambda: not heat_map._work.errand.busy, timeout=60_000)
    assert heat_map.message == EMPTY
    assert heat_map.matrix.matrix is None
