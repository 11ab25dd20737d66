"""A click on a cell finds those like it: on the map, on the image, as pictures, as a selection."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_splicer.analysis.similarity import similarity
from napari_splicer.gui import similar
from napari_splicer.gui.numbers import values_of
from napari_splicer.gui.session import Session
from napari_splicer.gui.widgets import similar_page
from napari_splicer.gui.widgets.similar_page import SimilarPage
from napari_splicer.images.image import MultiplexImage


@pytest.fixture
def page(qtbot, session) -> SimilarPage:
    pixels = np.random.default_rng(0).gamma(2, 10, (5, 128, 128)).astype(np.float32)
    session.image = MultiplexImage.from_array(pixels, list(session.table.var_names))
    page = SimilarPage(session)
    qtbot.addWidget(page)
    page.resize(735, 260)
    with qtbot.waitExposed(page):
        page.show()
    return page


def _click(qtbot, page, session, row: int) -> int:
    cell = int(session.ids()[row])
    session.cell_clicked.emit(cell)
    qtbot.waitUntil(lambda: page.pictures.cells[:1] == [cell])
    return cell


def test_it_teaches_until_a_cell_is_clicked(qtbot, page, session):
    assert page.message == similar_page.TEACHING
    empty = SimilarPage(Session())
    qtbot.addWidget(empty)
    assert empty.message == similar_page.EMPTY
    _click(qtbot, page, session, 5)
    assert page.message == ""


def test_the_heading_leaves_its_room_to_what_cells_are_like(qtbot, page, session):
    assert not page.heading.isHidden()
    _click(qtbot, page, session, 5)
    assert page.heading.isHidden()
    session.table = None
    assert not page.heading.isHidden()
    assert page.about.text() == ""


def test_a_click_shows_the_cells_in_order(qtbot, page, session):
    cell = _click(qtbot, page, session, 5)
    found = similarity(session.table, [session.table.obs_names[5]], "representation")
    nearest = session.ids()[found.order[:40]].tolist()
    assert page.pictures.cells == [cell, *nearest]
    assert page.pictures.item(0).text() == "chosen"
    assert page.pictures.item(2).text() == f"2: {found.values[found.order[1]]:.2f}"
    assert page.about.text() == f"like cell {cell}"


def test_map_and_image_are_coloured_by_it_as_long_as_that_is_wanted(qtbot, page, session):
    cell = _click(qtbot, page, session, 5)
    assert session.colour_by == f"like cell {cell}"
    assert values_of(session, session.colour_by)[5] == pytest.approx(1)
    page.coloured.click()
    assert session.colour_by is None
    page.source.setCurrentIndex(page.source.findData("chunk:immune"))
    page.source.activated.emit(page.source.currentIndex())
    qtbot.waitUntil(lambda: page._found is not None)
    assert session.colour_by is None
    other = _click(qtbot, page, session, 7)
    assert session.colour_by == f"like cell {other}"
    assert list(session.measures) == [f"like cell {other}"]
    session.colour_by = "CD3"
    assert not page.coloured.isChecked()


def test_a_component_is_asked_by_its_name(qtbot, page, session):
    _click(qtbot, page, session, 5)
    page.source.setCurrentIndex(page.source.findText("component immune"))
    page.source.activated.emit(page.source.currentIndex())
    qtbot.waitUntil(lambda: page._found is not None and page._found.source == "chunk:immune")
    expected = similarity(session.table, [session.table.obs_names[5]], "chunk:immune").values
    np.testing.assert_allclose(values_of(session, session.colour_by), expected)
    nearest = session.ids()[page._found.order[:40]].tolist()
    qtbot.waitUntil(lambda: page.pictures.cells[1:] == nearest)


def test_selected_cells_are_compared_to_their_mean(qtbot, page, session):
    assert not page.like_selected.isEnabled()
    assert "drag around" in page.like_selected.toolTip()
    session.select(session.ids()[[3, 6, 9]])
    page.like_selected.click()
    qtbot.waitUntil(lambda: session.colour_by == "like 3 cells")
    assert sorted(session.sought.cells) == sorted(session.ids()[[3, 6, 9]].tolist())


def test_the_most_alike_become_the_selection_which_can_be_undone(qtbot, page, session):
    _click(qtbot, page, session, 5)
    page.selector.count.setValue(7)
    page.selector.nearest.click()
    order = page._found.order
    assert set(session.selection) == set(session.ids()[[5, *order[:7]]])
    page.selector.least.setValue(60)
    above = np.flatnonzero(page._found.values >= 0.6)
    assert f"{len(above) - 1} cells" in page.selector.says.text()
    page.selector.above.click()
    assert set(session.selection) == set(session.ids()[above])
    session.history.undo()
    assert len(session.selection) == 8


def test_a_picture_leads_to_its_cell_and_asks_nothing_new(qtbot, page, session):
    _click(qtbot, page, session, 5)
    requested, asked = [], session.sought
    session.cell_requested.connect(requested.append)
    place = page.pictures.visualItemRect(page.pictures.item(3)).center()
    qtbot.mouseClick(page.pictures.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert requested == [page.pictures.cells[3]]
    assert session.sought == asked
    assert len(session.selection) == 0


def test_clicks_are_for_the_page_that_is_seen(page, session):
    page.hide()
    session.cell_clicked.emit(int(session.ids()[2]))
    assert session.sought is None


def test_a_cell_without_numbers_is_refused_in_words(qtbot, page, session):
    session.table.obsm["X_splicer"][5] = np.nan
    session.cell_clicked.emit(int(session.ids()[5]))
    qtbot.waitUntil(lambda: "no finite value" in page.message)
    session.cell_clicked.emit(12345)  # in the mask, but not in the table
    assert "no finite value" in page.message
    _click(qtbot, page, session, 6)
    assert "1 cell holds nothing" in page.remark.text()


def test_another_page_goes_on_where_one_was_closed(qtbot, page, session):
    cell = _click(qtbot, page, session, 5)
    again = SimilarPage(session)
    qtbot.addWidget(again)
    qtbot.waitUntil(lambda: again.pictures.cells[:1] == [cell])
    assert again.source.currentData() == "representation"
    assert again.coloured.isChecked()
    session.colour_by = None
    last = SimilarPage(session)
    qtbot.addWidget(last)
    qtbot.waitUntil(lambda: last.pictures.cells[:1] == [cell])
    assert session.colour_by is None
    assert not last.coloured.isChecked()


def test_another_table_drops_what_it_does_not_know(page, session, make_table, qtbot):
    _click(qtbot, page, session, 5)
    session.table = make_table(seed=3)
    assert page.message == similar_page.TEACHING
    assert similar.names_of(session, [1, 2]) == ()


def test_without_an_image_it_says_so(qtbot, page, session):
    session.image = None
    session.cell_clicked.emit(int(session.ids()[5]))
    qtbot.waitUntil(lambda: "step ① Image" in page.message)
    assert session.colour_by is not None


def test_pictures_come_back_with_the_image(qtbot, page, session):
    image = session.image
    _click(qtbot, page, session, 5)
    session.image = None
    page._picture()
    assert page.message
    session.image = image
    page._picture()
    qtbot.waitUntil(lambda: not page.message)
