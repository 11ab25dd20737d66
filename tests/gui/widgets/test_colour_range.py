"""The ends of the scale of colours: chosen from the cells, or by hand, for map and image alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_splicer.gui.numbers import set_range
from napari_splicer.gui.session import Session
from napari_splicer.gui.tints import tinted
from napari_splicer.gui.widgets.cell_map import CellMap
from napari_splicer.gui.widgets.colour_range import ScaleEnd
from napari_splicer.gui.widgets.colouring import colouring_of

if TYPE_CHECKING:
    from napari_splicer.gui.widgets.colour_range import ColourRange


@pytest.fixture
def cell_map(qtbot, session) -> CellMap:
    cell_map = CellMap(session)
    qtbot.addWidget(cell_map)
    with qtbot.waitExposed(cell_map):
        cell_map.show()
    return cell_map


@pytest.fixture
def scale(qtbot, cell_map, session) -> ColourRange:
    session.colour_by = "area"
    qtbot.waitUntil(lambda: cell_map.scale.isVisible())
    return cell_map.scale


def _type(qtbot, end: ScaleEnd, text: str) -> None:
    end.setFocus()
    end.selectAll()
    qtbot.keyClicks(end, text)
    qtbot.keyClick(end, Qt.Key.Key_Return)


def test_a_range_set_by_hand_colours_map_and_image_and_goes_again(qtbot, scale, session):
    automatic = colouring_of(session).limits
    assert scale.automatic.isChecked()
    area = session.table.obs["area"].to_numpy()
    low, high = np.quantile(area, (0.3, 0.6)).round()
    _type(qtbot, scale.low, f"{low:g}")
    _type(qtbot, scale.high, f"{high:g}")
    qtbot.waitUntil(lambda: session.colour_ranges == {"area": (low, high)})
    qtbot.waitUntil(lambda: not scale.automatic.isChecked())
    on_map, on_image = colouring_of(session), tinted(session, "area")[0].codes
    assert on_map.limits == (low, high)
    for codes, first in ((on_map.codes, 0), (on_image, 1)):
        assert (codes[area <= low] == first).all()
        assert (codes[area >= high] == codes.max()).all()
    assert scale.bar.ends == (f"{low:.3g}", f"{high:.3g}")

    scale.automatic.click()
    assert session.colour_ranges == {}
    qtbot.waitUntil(lambda: scale.low.value() == pytest.approx(automatic[0]))
    assert scale.automatic.isChecked()


def test_a_comma_is_a_point_and_escape_forgets_what_was_typed(qtbot, scale, session):
    session.select(session.ids()[:3])
    before = scale.low.value()
    scale.low.selectAll()
    qtbot.keyClicks(scale.low, "2")
    qtbot.keyClick(scale.low, Qt.Key.Key_Escape)
    assert scale.low.text() == scale.low.textFromValue(before)
    assert len(session.selection) == 3
    _type(qtbot, scale.low, "0,5")
    qtbot.waitUntil(lambda: "area" in session.colour_ranges)
    assert session.colour_ranges["area"][0] == 0.5


def test_each_number_has_a_range_of_its_own_that_outlives_table_and_dock(qtbot, scale, session):
    set_range(session, "area", (1.0, 2.0))
    session.colour_by = "CD3"
    qtbot.waitUntil(lambda: scale.automatic.isChecked())
    session.table = session.table[:40].copy()
    session.colour_by = "area"
    another = CellMap(session)
    qtbot.addWidget(another)
    another.show()
    qtbot.waitUntil(lambda: another.scale.low.text() == "1")
    assert another.scale.high.text() == "2"
    assert not another.scale.automatic.isChecked()


def test_what_was_typed_just_before_another_number_is_chosen_is_not_lost(qtbot, scale, session):
    high = scale.high.value()
    scale.low.setValue(7.0)
    session.colour_by = "CD3"
    qtbot.waitUntil(lambda: session.colour_ranges == {"area": (7.0, high)})
    qtbot.waitUntil(lambda: scale.automatic.isChecked())
    assert scale.low.value() == pytest.approx(colouring_of(session).limits[0])


def test_many_steps_of_an_arrow_key_recolour_once(qtbot, scale, session):
    told = []
    session.events.colour_ranges.connect(told.append)
    before = scale.low.value()
    for _ in range(10):
        qtbot.keyClick(scale.low, Qt.Key.Key_Up)
    assert told == []
    qtbot.waitUntil(lambda: len(told) == 1)
    assert before < scale.low.value() < scale.high.value()
    qtbot.wait(200)
    assert len(told) == 1


def test_ends_that_cross_change_places_and_equal_ones_are_refused(qtbot, scale, session):
    low, high = scale.low.value(), scale.high.value()
    scale.low.setValue(high)
    scale.take()
    assert session.colour_ranges == {}
    assert scale.low.value() == pytest.approx(low)
    scale.low.setValue(high + 5)
    scale.take()
    assert session.colour_ranges["area"] == (high, high + 5)


def test_a_click_keeps_the_range_that_was_chosen_automatically(qtbot, scale, session):
    chosen = colouring_of(session).limits
    scale.automatic.click()
    session.table = session.table[:20].copy()
    assert colouring_of(session).limits == chosen


def test_categories_have_no_ends(qtbot, cell_map, scale, session):
    table = session.table.copy()
    table.obs["site"] = np.arange(90) % 2 == 0
    session.table = table
    session.colour_by = "site"
    qtbot.waitUntil(lambda: not scale.low.isVisible())
    assert not scale.automatic.isVisible()
    assert scale.bar.isVisible()
    session.colour_by = None
    qtbot.waitUntil(lambda: not scale.isVisible())


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.000123456, "0.0001235"), (2.5, "2.5"), (12345.67, "12346"), (-0.25, "-0.25")],
)
def test_numbers_of_any_size_are_short(qtbot, value, text):
    end = ScaleEnd()
    qtbot.addWidget(end)
    assert end.textFromValue(value) == text


@pytest.mark.gui
def test_nothing_stands_beside_a_number_that_could_pass_for_its_sign(qtbot, make_napari_viewer):
    end = ScaleEnd()
    make_napari_viewer(show=True).window.add_dock_widget(end, name="end")
    end.show_value(0.958, 1.0)
    qtbot.waitUntil(end.isVisible)
    image = end.grab().toImage()
    middle, width = range(4, image.height() - 4), image.width()
    for columns in (range(1, 5), range(width - 5, width - 1)):
        assert len({image.pixelColor(x, y).name() for x in columns for y in middle}) == 1


def test_a_range_may_be_set_before_there_is_a_table():
    session = Session()
    set_range(session, "CD3", (0.0, 4.0))
    assert session.colour_ranges == {"CD3": (0.0, 4.0)}
