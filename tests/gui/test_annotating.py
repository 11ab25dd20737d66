"""Annotations in the window: brought by menu or by dropping, kept, carried on, and removed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cells_in_groups import make_table
from qtpy.QtWidgets import QFileDialog

from napari_splicer.analysis.annotations import read_annotations
from napari_splicer.analysis.whole import Whole
from napari_splicer.config import ClusteringSettings
from napari_splicer.errors import UnreadableFile
from napari_splicer.gui import commands, jobs, results
from napari_splicer.gui.annotating import remove_annotation, take_annotations, taken_names
from napari_splicer.gui.carrying import carry_groupings
from napari_splicer.gui.session import Session
from napari_splicer.gui.snapshot import Snapshot, detached
from napari_splicer.gui.widgets.annotation_menu import AnnotationMenu
from napari_splicer.gui.widgets.colour_box import ColourBox


@pytest.fixture
def session() -> Session:
    session = Session()
    session.table = make_table()
    return session


@pytest.fixture
def file(session, tmp_path):
    path = tmp_path / "pathology.csv"
    ids = session.ids()
    pd.DataFrame({"id": ids, "site": np.where(ids % 2, "core", "edge"), "x": 1}).to_csv(path)
    return path


@pytest.fixture
def menu(session, qtbot) -> AnnotationMenu:
    menu = AnnotationMenu(session)
    qtbot.addWidget(menu)
    return menu


def bring(session: Session, file) -> None:
    found = read_annotations(file, session.table, taken_names(session))
    take_annotations(session, file.name, found)


def test_a_file_is_asked_for_and_the_cells_are_coloured_by_its_column(
    session, file, menu, qtbot, monkeypatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    menu.bring.trigger()
    qtbot.waitUntil(lambda: session.colour_by == "site", timeout=30_000)
    box = ColourBox(session)
    qtbot.addWidget(box)
    assert box.currentText() == "site"
    assert set(session.table.obs["site"]) == {"core", "edge"}
    assert session.notice.kind == "warning"
    assert "pathology.csv tells of every cell: site" in session.notice.text
    assert "columns of these names already: x" in session.notice.text


def test_an_error_is_shown_and_changes_nothing(session, menu, tmp_path, qtbot, monkeypatch) -> None:
    shown = []
    monkeypatch.setattr(jobs, "show_error", shown.append)
    (tmp_path / "a.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    menu.read(tmp_path / "a.csv")
    qtbot.waitUntil(lambda: bool(shown), timeout=30_000)
    assert "a.csv has no column that says which cell" in shown[0]
    assert session.colour_by is None


def test_annotations_can_be_removed_and_brought_back(session, file, menu, qtbot) -> None:
    box = ColourBox(session)
    qtbot.addWidget(box)
    bring(session, file)
    next(action for action in menu.menu().actions() if action.text() == "Remove site").trigger()
    assert "site" not in session.table.obs
    assert box.findText("site") == -1
    assert len(menu.menu().actions()) == 1
    session.history.undo()
    assert box.currentText() == "site"
    assert len(menu.menu().actions()) == 3


def test_names_that_groupings_have_or_may_have_again_are_refused(session, file) -> None:
    pd.DataFrame({"id": session.ids(), session.lesson.name: "x"}).to_csv(file)
    with pytest.raises(UnreadableFile, match=session.lesson.name):
        bring(session, file)


def test_of_other_cells_nothing_is_taken(session, file) -> None:
    found = read_annotations(file, session.table)
    session.table = session.table[:30].copy()
    take_annotations(session, file.name, found)
    assert "site" not in session.table.obs
    assert "not taken" in session.notice.text


def test_what_was_exported_before_is_out_of_date(session, file) -> None:
    session.made_from = {"export": Snapshot(table=session.table)}
    bring(session, file)
    assert session.made_from["export"].table is None
    session.made_from = {"export": Snapshot(table=session.table)}
    remove_annotation(session, "site")
    assert session.made_from["export"].table is None


def test_they_stay_when_cells_are_embedded_anew_and_are_told_where_they_can_not(
    session, file
) -> None:
    bring(session, file)
    successor = make_table()
    carry_groupings(session, successor)
    assert successor.obs["site"].tolist() == session.table.obs["site"].tolist()
    elsewhere = make_table()
    elsewhere.obs["y"] += 10_000
    assert "site could not be kept" in carry_groupings(session, elsewhere)


def test_those_brought_or_removed_while_cells_are_grouped_are_as_they_are_now(
    session, file
) -> None:
    session.table.obs["old"] = pd.Categorical(["a"] * 90)
    run_on, grouped = session.table, detached(session.table)
    bring(session, file)
    remove_annotation(session, "old")
    inputs = replace(session.snapshot(), table=run_on)
    config = inputs.config.model_copy(update={"clusterings": (ClusteringSettings(name="kind"),)})
    run = commands.Run(1, "cluster", inputs, config)
    results._take_groups(session, run, grouped)
    assert session.table is grouped
    assert "site" in session.table.obs
    assert "old" not in session.table.obs
    assert session.colour_by == "site"


def test_what_was_brought_and_removed_comes_back(session, file) -> None:
    before = session.table.obs.columns.tolist()
    bring(session, file)
    session.table.uns["site_colors"] = np.array(["#111111", "#222222"])
    brought, colour = session.table.obs.copy(), session.colour_by
    assert session.history.next_undo == "Bring site"
    remove_annotation(session, "site")
    assert session.history.next_undo == "Remove site"
    assert session.colour_by is None
    assert session.history.undo()
    pd.testing.assert_frame_equal(session.table.obs, brought)
    assert session.colour_by == colour == "site"
    assert session.table.uns["site_colors"].tolist() == ["#111111", "#222222"]
    assert session.history.undo()
    assert session.table.obs.columns.tolist() == before
    assert session.history.redo()
    pd.testing.assert_frame_equal(session.table.obs, brought)
    assert session.history.redo()
    assert "site" not in session.table.obs
    assert session.colour_by is None


def test_a_grouping_that_has_an_annotations_name_by_now_stays(session, file) -> None:
    bring(session, file)
    remove_annotation(session, "site")
    first = session.clusterings[0]
    Whole.of(session.table, first).named("site").put(session.table)
    groups = session.table.obs["site"].tolist()
    assert session.history.undo()
    assert session.table.obs["site"].tolist() == groups
    assert session.history.redo()
    assert session.table.obs["site"].tolist() == groups
