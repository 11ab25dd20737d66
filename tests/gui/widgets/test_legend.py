"""The legend writes to the session, by mouse, and shows what it says."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QColor, QIcon
from qtpy.QtWidgets import QApplication, QColorDialog, QLineEdit, QStyle, QStyleOptionViewItem

from napari_splicer.gui import editing
from napari_splicer.gui.session import Session
from napari_splicer.gui.widgets.legend import CELLS, COLOUR, NAME, SHOWN, Legend
from napari_splicer.gui.widgets.swatch import SWATCH, swatch


@pytest.fixture
def legend(qtbot, session) -> Legend:
    legend = Legend(session)
    qtbot.addWidget(legend)
    legend.resize(260, 200)
    with qtbot.waitExposed(legend):
        legend.show()
    return legend


def _place(legend: Legend, row: int, column: int) -> QPoint:
    return legend.visualRect(legend.model().index(row, column)).center()


def _tick(legend: Legend, row: int) -> QPoint:
    option = QStyleOptionViewItem()
    legend.initViewItemOption(option)
    option.rect = legend.visualRect(legend.model().index(row, SHOWN))
    option.features |= QStyleOptionViewItem.ViewItemFeature.HasCheckIndicator
    element = QStyle.SubElement.SE_ItemViewItemCheckIndicator
    return legend.style().subElementRect(element, option, legend).center()


def test_shows_names_and_counts(legend):
    model = legend.model()
    texts = [
        [model.index(row, column).data() for column in (NAME, CELLS)]
        for row in range(model.rowCount())
    ]
    assert texts == [["1", "30"], ["2", "30"], ["3", "30"]]


def test_tick_hides_a_group(qtbot, legend, session):
    qtbot.mouseClick(legend.viewport(), Qt.MouseButton.LeftButton, pos=_tick(legend, 1))
    assert [group.visible for group in session.groups] == [True, False, True]
    qtbot.mouseClick(legend.viewport(), Qt.MouseButton.LeftButton, pos=_tick(legend, 1))
    assert all(group.visible for group in session.groups)


def test_double_click_renames_and_a_taken_name_is_refused(qtbot, legend, session):
    for typed, expected in (("tumour", "tumour"), ("3", "tumour")):
        place = _place(legend, 0, NAME)
        qtbot.mouseClick(legend.viewport(), Qt.MouseButton.LeftButton, pos=place)
        qtbot.mouseDClick(legend.viewport(), Qt.MouseButton.LeftButton, pos=place)
        editor = legend.findChild(QLineEdit)
        editor.selectAll()
        qtbot.keyClicks(editor, typed)
        qtbot.keyClick(editor, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: legend.findChild(QLineEdit) is None)
        assert session.groups[0].name == expected


def test_swatch_opens_a_dialog_that_recolours(qtbot, legend, session):
    qtbot.mouseClick(legend.viewport(), Qt.MouseButton.LeftButton, pos=_place(legend, 2, COLOUR))
    dialog = legend.findChild(QColorDialog)
    assert dialog.currentColor().name() == session.groups[2].colour
    dialog.setCurrentColor(QColor("#123456"))
    dialog.accept()
    assert session.groups[2].colour == "#123456"


def test_a_colour_that_comes_late_goes_to_the_group_that_was_asked_about(qtbot, legend, session):
    first, _, third = (group.name for group in session.groups)
    legend.choose_colour(2)
    legend.choose_colour(2)
    editing.merge(session, [0, 1])
    early, late = legend.findChildren(QColorDialog)
    early.setCurrentColor(QColor("#123456"))
    early.accept()
    assert [group.name for group in session.groups] == [first, third]
    assert session.groups[1].colour == "#123456"
    editing.merge(session, [0, 1])
    colour = session.groups[0].colour
    late.setCurrentColor(QColor("#654321"))
    late.accept()
    assert session.groups[0].colour == colour


@pytest.mark.parametrize("mode", list(QIcon.Mode))
def test_a_swatch_has_its_colour_also_in_a_selected_row(qtbot, mode):
    pixel = swatch("#e69f00").pixmap(SWATCH, SWATCH, mode).toImage().pixelColor(7, 7)
    assert pixel.name() == "#e69f00"


def test_click_selects_the_groups_cells(qtbot, legend, session):
    qtbot.mouseClick(legend.viewport(), Qt.MouseButton.LeftButton, pos=_place(legend, 1, NAME))
    np.testing.assert_array_equal(session.selection, np.sort(session.cells_of(1)))


def test_hovered_row_lights_up_until_the_mouse_leaves(qtbot, legend, session):
    qtbot.mouseMove(legend.viewport(), _place(legend, 0, NAME))
    qtbot.mouseMove(legend.viewport(), _place(legend, 2, NAME))
    qtbot.waitUntil(lambda: session.hovered_group == 2)
    qtbot.mouseMove(legend.viewport(), QPoint(20, legend.viewport().height() - 2))
    qtbot.waitUntil(lambda: session.hovered_group is None)

    qtbot.mouseMove(legend.viewport(), _place(legend, 1, NAME))
    qtbot.waitUntil(lambda: session.hovered_group == 1)
    QApplication.sendEvent(legend, QEvent(QEvent.Type.Leave))
    assert session.hovered_group is None


def test_sorted_by_count_still_changes_the_right_group(qtbot, legend, session, make_table):
    session.table = make_table(cells=91)
    legend.sortByColumn(CELLS, Qt.SortOrder.AscendingOrder)
    model = legend.model()
    assert [model.index(row, NAME).data() for row in range(3)] == ["2", "3", "1"]
    qtbot.mouseClick(legend.viewport(), Qt.MouseButton.LeftButton, pos=_tick(legend, 2))
    assert [group.name for group in session.groups if not group.visible] == ["1"]


@pytest.mark.parametrize("groups", [1, 200])
def test_few_and_many_groups(qtbot, groups, make_table):
    session = Session()
    legend = Legend(session)
    qtbot.addWidget(legend)
    assert legend.model().rowCount() == 0
    session.table = make_table(cells=400, groups=groups)
    assert legend.model().rowCount() == groups
    session.table = None
    assert legend.model().rowCount() == 0


def test_a_closed_legend_no_longer_listens(qtbot, session):
    legend = Legend(session)
    listeners = len(session.events.groups)
    legend.deleteLater()
    qtbot.waitUntil(lambda: len(session.events.groups) == listeners - 1)
