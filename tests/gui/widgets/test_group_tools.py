"""Buttons under the legend: merge, split, take out, a group of the selection, undo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QItemSelectionModel, Qt
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import QVBoxLayout, QWidget

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
