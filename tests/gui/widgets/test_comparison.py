"""Two groupings side by side."""

from __future__ import annotations

from threading import Event

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt

from napari_splicer.gui import groupings
from napari_splicer.gui.widgets import comparison
from napari_splicer.gui.widgets.comparison import EMPTY, Comparison
from napari_splicer.gui.widgets.save_button import SaveButton


@pytest.fixture
def twice(session):
    """The groups 1, 2, 3 of 30 cells each, and others: 3 is torn in two, one cell of 1 is in x."""
    table = session.table.copy()
    other = table.obs["kind"].astype(str).replace({"1": "w", "2": "x", "3": "y"})
    of_three = np.flatnonzero(table.obs["kind"] == "3")
    other.iloc[of_three[:10]] = "z"
    other.iloc[np.flatnonzero(table.obs["kind"] == "1")[0]] = "x"
    table.obs["other"] = pd.Categorical(other)
    table.uns["splicer"]["clusterings"]["other"] = {}
    session.table = table
    return session


def test_one_grouping_alone_teaches(qtbot, session) -> None:
    panel = Comparison(session)
    qtbot.addWidget(panel)
    assert panel.message == EMPTY
    assert not panel.moved.isEnabled()
    assert panel.moved.toolTip().startswith("Two groupings are needed")
    assert not panel.findChild(SaveButton).isEnabled()


def test_when_one_grouping_is_left_nothing_can_be_saved(qtbot, twice) -> None:
    panel = Comparison(twice)
    qtbot.addWidget(panel)
    assert panel.moved.toolTip().startswith("Two groupings are being compared")
    save = panel.findChild(SaveButton)
    qtbot.waitUntil(save.isEnabled, timeout=60_000)
    groupings.remove_grouping(twice, "other")
    assert panel.message == EMPTY
    assert panel.moved.text() == "Select moved"
    assert not save.isEnabled()


def test_what_is_found_of_a_table_that_is_gone_is_not_shown(qtbot, twice) -> None:
    panel = Comparison(twice)
    qtbot.addWidget(panel)
    assert panel._work.asked
    twice.table = None
    qtbot.waitUntil(lambda: not panel._work.errand.busy, timeout=60_000)
    assert panel.message == EMPTY
    assert not panel.moved.isEnabled()


def test_groups_are_matched_and_cells_that_moved_selected(qtbot, twice) -> None:
    panel = Comparison(twice)
    qtbot.addWidget(panel)
    panel.first.setCurrentText("kind")
    panel.second.setCurrentText("other")
    panel.first.activated.emit(0)
    qtbot.waitUntil(panel.moved.isEnabled, timeout=60_000)
    assert panel.matrix.matrix.values.loc["1", "w"] == 29
    assert "29 of the 30 cells of group 1 are in group w" in panel.matrix.matrix.tip(0, 0)
    qtbot.mouseClick(panel.moved, Qt.MouseButton.LeftButton)
    assert len(twice.selection) == 11
    panel.matrix.cell_clicked.emit("3", "z")
    assert len(twice.selection) == 10
    panel.matrix.row_clicked.emit("2")
    assert len(twice.selection) == 30
    panel.matrix.column_clicked.emit("x")
    assert len(twice.selection) == 31


def test_the_active_grouping_is_compared_with_the_one_before(qtbot, session, twice) -> None:
    panel = Comparison(twice)
    qtbot.addWidget(panel)
    assert {panel.first.currentText(), panel.second.currentText()} == {"kind", "other"}
    assert panel.first.currentText() == twice.clustering
    qtbot.waitUntil(panel.moved.isEnabled, timeout=60_000)
    shown = panel.matrix.model()
    texts = [shown.index(0, column).data() for column in range(shown.columnCount())]
    assert sorted(texts)[0] == ""
    assert all(text == "" or text.isdigit() for text in texts)


def test_a_comparison_that_is_stopped_can_be_asked_for_again(qtbot, twice, monkeypatch) -> None:
    going_on = Event()
    monkeypatch.setattr(comparison, "_compare", lambda *_: going_on.wait(60) and None)
    panel = Comparison(twice)
    qtbot.addWidget(panel)
    panel.show()
    qtbot.waitUntil(panel._work.cancel.isVisible, timeout=60_000)
    monkeypatch.undo()
    qtbot.mouseClick(panel._work.cancel, Qt.MouseButton.LeftButton)
    assert panel.message == "Stopped before it was done."
    assert not panel._work.isVisible()
    assert "Try again" in panel.moved.toolTip()
    qtbot.mouseClick(panel.again, Qt.MouseButton.LeftButton)
    assert panel.message == "Comparing …"
    assert not panel.again.isVisible()
    going_on.set()
    qtbot.waitUntil(panel.moved.isEnabled, timeout=60_000)
    assert panel.message == ""


def test_another_pair_takes_the_matrix_of_the_one_before_away(qtbot, twice) -> None:
    panel = Comparison(twice)
    qtbot.addWidget(panel)
    qtbot.waitUntil(lambda: panel.matrix.matrix is not None, timeout=60_000)
    panel._changed()  # the same two once more: their matrix is still right, and can be asked
    assert panel.matrix.matrix.tip(0, 0)
    panel.first.setCurrentText(panel.second.currentText())
    panel.first.activated.emit(panel.first.currentIndex())
    assert panel.matrix.matrix is None
