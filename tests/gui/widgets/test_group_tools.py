"""Buttons under the legend: merge, split, take out, a group of the selection, undo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QItemSelectionModel, Qt
from qtpy.QtGui import QColor, QContextMenuEvent, QKeyEvent, QKeySequence
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QColorDialog, QLineEdit, QVBoxLayout, QWidget

from napari_splicer.gui.snapshot import Job
from napari_splicer.gui.widgets.group_tools import GroupTools
from napari_splicer.gui.widgets.legend import Legend
from napari_splicer.gui.widgets.undo_buttons import take_key

if TYPE_CHECKING:
    from napari_splicer.gui.session import Session


class Dock(QWidget):
    """Hands keys on as the docks do."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._history = session.history

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take undo and redo."""
        if not take_key(event, self._history):
            super().keyPressEvent(event)


@pytest.fixture
def tools(qtbot, session) -> GroupTools:
    dock = Dock(session)
    layout = QVBoxLayout(dock)
    legend = Legend(session)
    tools = GroupTools(session, legend)
    layout.addWidget(legend)
    layout.addWidget(tools)
    qtbot.addWidget(dock)
    tools.dock, tools.legend = dock, legend
    with qtbot.waitExposed(dock):
        dock.show()
    return tools


def mark(tools: GroupTools, *rows: int) -> None:
    model = tools.legend.selectionModel()
    model.clear()
    flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    for row in rows:
        model.select(tools.legend.model().index(row, 0), flags)


def test_every_grey_button_says_what_to_do_first(tools) -> None:
    for button, words in (
        (tools.merge, "two or more groups"),
        (tools.split, "one group"),
        (tools.delete, "a group"),
        (tools.new, "Select cells first"),
        (tools.undo.undo, "Nothing to undo"),
        (tools.undo.redo, "Nothing to do again"),
    ):
        assert not button.isEnabled()
        assert words in button.toolTip()


def test_a_new_group_says_that_it_needs_a_grouping(tools, session) -> None:
    session.select(session.ids()[:5])
    assert tools.new.toolTip().startswith("Make the 5 selected cells a group")
    session.clustering = None
    assert not tools.new.isEnabled()
    assert tools.new.toolTip().startswith("There is no grouping to add it to")


def test_marked_groups_are_merged_and_parted_again(qtbot, tools, session) -> None:
    mark(tools, 0, 2)
    assert "called 1" in tools.merge.toolTip()
    qtbot.mouseClick(tools.merge, Qt.MouseButton.LeftButton)
    assert [(group.name, group.count) for group in session.groups] == [("1", 60), ("2", 30)]
    assert tools.undo.undo.toolTip().startswith("Undo: Merge 3 into 1")
    qtbot.mouseClick(tools.undo.undo, Qt.MouseButton.LeftButton)
    assert [group.count for group in session.groups] == [30, 30, 30]
    qtbot.mouseClick(tools.undo.redo, Qt.MouseButton.LeftButton)
    assert [group.count for group in session.groups] == [60, 30]


def test_keys_undo_while_the_dock_has_the_focus(qtbot, tools, session) -> None:
    session.select(session.cells_of(1))
    tools.legend.setFocus()
    qtbot.keySequence(tools.legend, QKeySequence(QKeySequence.StandardKey.Undo))
    assert session.selection.size == 0
    qtbot.keySequence(tools.legend, QKeySequence(QKeySequence.StandardKey.Redo))
    assert session.selection.size == 30


def test_unassigned_cells_are_not_taken_out_twice(qtbot, tools, session) -> None:
    mark(tools, 1)
    qtbot.mouseClick(tools.delete, Qt.MouseButton.LeftButton)
    assert session.groups[-1].name == "unassigned"
    mark(tools, 2)
    assert not tools.delete.isEnabled()
    assert "already" in tools.delete.toolTip()


def test_one_group_is_split_when_nothing_runs(qtbot, tools, session) -> None:
    mark(tools, 1)
    with qtbot.waitSignal(tools.split_wanted) as asked:
        qtbot.mouseClick(tools.split, Qt.MouseButton.LeftButton)
    assert asked.args == [1]
    session.job = Job(1, "cluster")
    assert not tools.split.isEnabled()
    assert "Wait" in tools.split.toolTip()


def test_marking_several_groups_selects_the_cells_of_all(qtbot, tools, session) -> None:
    legend = tools.legend
    keys = Qt.KeyboardModifier
    for row, held in ((0, keys.NoModifier), (2, keys.ControlModifier)):
        place = legend.visualRect(legend.model().index(row, 2)).center()
        qtbot.mouseClick(legend.viewport(), Qt.MouseButton.LeftButton, held, place)
    assert session.selection.size == 60
    assert legend.marked() == [0, 2]


def open_menu(tools: GroupTools, row: int):
    """Right-click a row, as Qt does: it is pressed first, then a menu is asked for."""
    legend = tools.legend
    place = legend.visualRect(legend.model().index(row, 2)).center()
    QTest.mouseClick(legend.viewport(), Qt.MouseButton.RightButton, pos=place)
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Mouse, place, legend.viewport().mapToGlobal(place)
    )
    QApplication.sendEvent(legend.viewport(), event)
    return tools.actions_of_groups.menu


def choose(menu, words: str) -> None:
    (action,) = (each for each in menu.actions() if each.text() == words)
    assert action.isEnabled(), action.toolTip()
    QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center())


def test_a_right_click_marks_a_row_and_offers_what_the_buttons_do(qtbot, tools, session) -> None:
    menu = open_menu(tools, 1)
    assert tools.legend.marked() == [1]
    assert menu.isVisible()
    greyed = {each.text(): each.toolTip() for each in menu.actions() if not each.isEnabled()}
    assert greyed == {
        "Show all": "All are shown",
        "Merge": "Mark two or more groups in the list first (Ctrl+click)",
    }
    choose(menu, "Take out")
    assert [group.name for group in session.groups] == ["1", "3", "unassigned"]
    session.history.undo()
    assert [group.name for group in session.groups] == ["1", "2", "3"]


def test_a_right_click_on_one_of_several_marked_rows_keeps_them(qtbot, tools, session) -> None:
    mark(tools, 0, 2)
    menu = open_menu(tools, 2)
    assert tools.legend.marked() == [0, 2]
    choose(menu, "Select these cells")
    assert session.selection.size == 60
    choose(open_menu(tools, 0), "Show only these")
    assert [group.visible for group in session.groups] == [True, False, True]
    choose(open_menu(tools, 0), "Show all")
    assert all(group.visible for group in session.groups)
    choose(open_menu(tools, 0), "Merge")
    assert [group.count for group in session.groups] == [60, 30]


def test_the_menu_renames_in_place_and_asks_for_a_colour(qtbot, tools, session) -> None:
    choose(open_menu(tools, 2), "Rename …")
    editor = tools.legend.findChild(QLineEdit)
    editor.selectAll()
    qtbot.keyClicks(editor, "tumour")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: session.groups[2].name == "tumour")
    choose(open_menu(tools, 2), "Colour …")
    dialog = tools.legend.findChild(QColorDialog)
    dialog.setCurrentColor(QColor("#123456"))
    dialog.accept()
    assert session.groups[2].colour == "#123456"


def test_a_group_of_the_selection_is_named_in_the_list_and_no_dialog_opens(
    qtbot, tools, session
) -> None:
    session.select(session.ids()[:7])
    qtbot.mouseClick(tools.new, Qt.MouseButton.LeftButton)
    assert QApplication.activeModalWidget() is None
    assert (session.groups[-1].name, session.groups[-1].count) == ("4", 7)
    editor = tools.legend.findChild(QLineEdit)
    assert editor.selectedText() == "4"
    qtbot.keyClicks(editor, "tumour")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: session.groups[-1].name == "tumour")
    session.history.undo()
    session.history.undo()
    assert [group.name for group in session.groups] == ["1", "2", "3"]


def test_a_group_that_is_not_named_keeps_its_number(qtbot, tools, session) -> None:
    session.select(session.ids()[:7])
    tools.legend.sortByColumn(3, Qt.SortOrder.AscendingOrder)
    qtbot.mouseClick(tools.new, Qt.MouseButton.LeftButton)
    qtbot.keyClick(tools.legend.findChild(QLineEdit), Qt.Key.Key_Escape)
    assert session.groups[-1].name == "4"
    assert session.history.next_undo == "Make 7 cells the group 4"


def test_the_menu_key_opens_the_menu_beside_the_row(qtbot, tools) -> None:
    mark(tools, 0)
    legend = tools.legend
    middle = legend.rect().center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, middle, legend.mapToGlobal(middle))
    QApplication.sendEvent(legend.viewport(), event)
    assert tools.actions_of_groups.menu.isVisible()
    tools.actions_of_groups.menu.hide()
