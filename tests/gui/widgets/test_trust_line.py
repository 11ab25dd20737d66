"""How sure the groups are stands beside every grouping, and stays until its cells change."""

from __future__ import annotations

import time

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_splicer.analysis.noted import as_noted
from napari_splicer.analysis.trust import Trust, note_trust, trust_of
from napari_splicer.config import ClusteringSettings
from napari_splicer.gui import editing, groupings
from napari_splicer.gui.widgets import trust_line
from napari_splicer.gui.widgets.grouping_list import GroupingList
from napari_splicer.gui.widgets.trust_line import TrustLine, in_short, in_words

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def session(session):
    """Two groupings, one by the other's groups but another way of finding them."""
    table = session.table.copy()
    for name, source in (("kind", "representation"), ("other", "intensity")):
        table.obs[name] = table.obs["kind"]
        table.uns[f"{name}_colors"] = list(table.uns["kind_colors"])
        made = as_noted(ClusteringSettings(name=name, source=source))
        table.uns["splicer"]["clusterings"][name] = made
    session.table = table
    return session


@pytest.fixture
def line(qtbot, session):
    made = TrustLine(session)
    qtbot.addWidget(made)
    return made


@pytest.fixture
def rows(qtbot, session):
    made = GroupingList(session)
    qtbot.addWidget(made)
    return made.list


def test_one_question_is_answered_for_every_grouping(qtbot, session, line, rows) -> None:
    assert rows.item(0).text() == "kind · 3 groups"
    assert "How sure?" in rows.item(0).toolTip()
    qtbot.mouseClick(line.button, LEFT)
    assert not line.button.isEnabled()
    assert "Cancel" in line.button.toolTip()
    assert line.words.text() == "Grouping the cells three times more, as kind (1 of 2) …"
    qtbot.waitUntil(line.button.isEnabled, timeout=120_000)
    assert "grouped anew, groups are alike to" in line.words.text()
    for row, name in enumerate(("kind", "other")):
        found = trust_of(session.table, name)
        assert f" · {in_short(found)}" in rows.item(row).text()
        assert in_words(found) in rows.item(row).toolTip()


def test_what_is_known_stays_until_the_cells_of_the_groups_change(session, line, rows) -> None:
    note_trust(session.table, "kind", Trust(0.98, None, None, 90))
    session.trust_noted.emit()
    assert rows.item(0).text() == "kind · 3 groups · stable 0.98"
    session.clustering = "other"
    assert line.words.text() == ""
    session.clustering = "kind"
    editing.recolour(session, 0, "#123456")
    editing.rename(session, 1, "tumour")
    session.show_group(0, False)
    assert "alike to 0.98" in line.words.text()
    groupings.rename_grouping(session, "kind", "mine")
    assert "stable 0.98" in rows.item(0).text()
    editing.merge(session, [0, 1])
    assert line.words.text() == ""
    assert rows.item(0).text() == "mine · 2 groups"
    session.history.undo()
    assert "stable 0.98" in rows.item(0).text()
    assert "alike to 0.98" in line.words.text()


def test_cancel_stops_it_and_keeps_what_is_known(qtbot, session, line, monkeypatch) -> None:
    stopped = []

    def slowly(table, clustering, shapes):
        try:
            for share in np.linspace(0, 1, 600):
                yield float(share)
                time.sleep(0.1)
        finally:
            stopped.append(clustering)

    note_trust(session.table, "other", Trust(0.5, None, None, 90))
    monkeypatch.setattr(trust_line, "_measuring", slowly)
    line.show()
    qtbot.mouseClick(line.button, LEFT)
    qtbot.waitUntil(line.work.cancel.isVisible, timeout=10_000)
    qtbot.waitUntil(lambda: "left" in line.work.left.text(), timeout=10_000)
    assert 0 < line.work.bar.value() < 1000
    begun = time.monotonic()
    qtbot.mouseClick(line.work.cancel, LEFT)
    assert line.button.isEnabled()
    assert not line.work.isVisible()
    assert line.words.text() == ""
    qtbot.waitUntil(lambda: stopped == ["kind"], timeout=10_000)
    assert time.monotonic() - begun < 1.5
    assert trust_of(session.table, "kind") is None
    assert trust_of(session.table, "other") is not None


def test_an_answer_is_of_the_groups_as_they_were_when_it_was_asked(qtbot, session, line) -> None:
    qtbot.mouseClick(line.button, LEFT)
    editing.merge(session, [0, 1])
    qtbot.waitUntil(line.button.isEnabled, timeout=120_000)
    assert line.words.text() == ""
    session.history.undo()
    assert "alike to" in line.words.text()


def test_other_cells_are_not_judged_by_what_was_asked_before(
    qtbot, session, line, make_table
) -> None:
    qtbot.mouseClick(line.button, LEFT)
    session.table = make_table(seed=1)
    assert not line.work.asked
    assert line.button.isEnabled()
    assert "trust" not in session.table.uns["splicer"]


def test_a_few_words_say_what_is_not_as_it_should_be() -> None:
    assert in_short(Trust(0.5, 0.4, 0.02, 100)) == "partly chance 0.50 · follows image 0.40"
    assert in_short(Trust(None, None, 0.3, 100, "they were taught")) == "follows border 0.30"


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
