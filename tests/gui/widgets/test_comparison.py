"""Two groupings side by side, and how sure the groups are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt

from napari_splicer.analysis.agreement import Trust
from napari_splicer.config import ClusteringSettings
from napari_splicer.gui import groupings
from napari_splicer.gui.widgets.comparison import EMPTY, Comparison
from napari_splicer.gui.widgets.save_button import SaveButton
from napari_splicer.gui.widgets.trust_line import TrustLine, in_words


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
    assert panel._errand.asked
    twice.table = None
    qtbot.waitUntil(lambda: not panel._errand.busy, timeout=60_000)
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


def test_trust_is_measured_when_asked_and_forgotten_with_the_groups(qtbot, session) -> None:
    settings = ClusteringSettings(name="kind", source="representation")
    session.table.uns["splicer"]["clusterings"]["kind"] = settings.model_dump()
    line = TrustLine(session)
    qtbot.addWidget(line)
    qtbot.mouseClick(line.button, Qt.MouseButton.LeftButton)
    assert not line.button.isEnabled()
    qtbot.waitUntil(line.button.isEnabled, timeout=60_000)
    assert "grouped anew, groups are alike to" in line.words.text()
    session.clustering = None
    assert line.words.text() == ""


def test_every_verdict_has_its_words() -> None:
    assert in_words(Trust(0.9, None, 0.02, 100)) == (
        "Stable: grouped anew, groups are alike to 0.90 (1: the same, 0: no more than by chance). "
        "They hardly follow the image's border (0.02 of 1)."
    )
    assert in_words(Trust(0.5, 0.4, None, 100)) == (
        "Partly chance: grouped anew, groups are alike to 0.50 (1: the same, 0: no more than by "
        "chance). They follow the image (0.40 of 1)."
    )
    assert in_words(Trust(None, None, None, 5, "they were taught by examples")) == (
        "Whether they are chance can't be told: they were taught by examples."
    )
