from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit

from napari_splicer import pipeline
from napari_splicer.analysis.groups import edits_of
from napari_splicer.config import ClusteringSettings
from napari_splicer.gui import commands, editing, groupings
from napari_splicer.gui.jobs import JobRunner
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.steps.cluster_step import ClusterStep
from napari_splicer.gui.steps.embed_step import EmbedStep
from napari_splicer.gui.steps.export_step import ExportStep, loading_code


@pytest.fixture
def runner(session) -> JobRunner:
    return JobRunner(session)


@pytest.fixture
def grouped(session):
    """A session with mean intensities and one clustering."""
    for run in (commands.embed(session, with_model=False), None):
        current = run or commands.cluster(session)
        commands.begin(session, current)
        commands.apply(session, current, current.events())
    return session


def shown(step, session):
    step.show_readiness(resolve(session.snapshot()))
    return step


def test_embed_without_a_model_says_why_and_offers_intensities(runner, session, qtbot) -> None:
    step = shown(EmbedStep(runner), session)
    qtbot.addWidget(step)
    assert not step.button.isEnabled()
    assert "no model yet" in step.why.text()
    assert step.plain.isEnabled()
    step.plain.click()
    qtbot.waitUntil(lambda: not runner.busy, timeout=60_000)
    assert "mean intensity of 12 channels" in step.result.text()
    assert session.clustering == "splicer_cluster"


def test_a_model_beside_mean_intensities_is_offered(runner, session, table, qtbot) -> None:
    session.table = table
    step = EmbedStep(runner)
    qtbot.addWidget(step)
    assert "model" not in step.result.text()
    snapshot = session.snapshot()
    session.bundle = pipeline.run(pipeline.train(snapshot.fields(), snapshot.config))
    assert "Embed all cells to describe them by the model's numbers" in step.result.text()


def test_before_any_groups_the_cluster_step_teaches(runner, session, qtbot) -> None:
    step = shown(ClusterStep(runner), session)
    qtbot.addWidget(step)
    assert step.empty.isVisibleTo(step)
    assert not step.legend.isVisibleTo(step)
    assert not step.button.isEnabled()
    assert "embed the cells" in step.why.text()


def test_groupings_stand_side_by_side(runner, grouped, qtbot) -> None:
    step = shown(ClusterStep(runner), grouped)
    qtbot.addWidget(step)
    assert step.groupings.list.count() == 1
    step.method.setCurrentIndex(step.method.findData("kmeans"))
    step.number.setValue(3)
    step.add()
    qtbot.waitUntil(lambda: not runner.busy, timeout=60_000)
    assert step.groupings.list.count() == 2
    assert grouped.clustering == "intensity_kmeans"
    assert len(grouped.groups) == 3
    step.groupings.list.setCurrentRow(0)
    assert grouped.clustering == "splicer_cluster"
    assert step.method.currentData() == "leiden"


def test_a_grouping_is_renamed_in_place_removed_and_brought_back(runner, grouped, qtbot) -> None:
    step = shown(ClusterStep(runner), grouped)
    qtbot.addWidget(step)
    step.resize(360, 800)
    with qtbot.waitExposed(step):
        step.show()
    rows = step.groupings.list
    place = rows.visualItemRect(rows.item(0)).center()
    qtbot.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=place)
    editor = rows.findChild(QLineEdit)
    assert editor.text() == "splicer_cluster"
    qtbot.keyClick(editor, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(editor, "by looks")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: grouped.clusterings == ("by_looks",))
    groups = len(grouped.groups)
    assert rows.item(0).text() == f"by_looks · {groups} groups"
    rows.setFocus()
    qtbot.keyClick(rows, Qt.Key.Key_Delete)
    assert grouped.clusterings == ()
    assert not step.groupings.isVisible()
    assert "↶" in step.empty.text()
    step.tools.undo.undo.click()
    assert rows.item(0).text() == f"by_looks · {groups} groups"
    assert step.groupings.isVisible()


def test_a_grouping_removed_while_another_is_made_stays_removed(grouped) -> None:
    run = commands.cluster(grouped, ClusteringSettings(name="second", method="kmeans"))
    commands.begin(grouped, run)
    events = tuple(run.events())
    groupings.rename_grouping(grouped, "splicer_cluster", "mine")
    commands.apply(grouped, run, events)
    assert grouped.clusterings == ("mine", "second")
    run = commands.cluster(grouped, ClusteringSettings(name="third", method="kmeans"))
    commands.begin(grouped, run)
    events = tuple(run.events())
    groupings.remove_grouping(grouped, "mine")
    commands.apply(grouped, run, events)
    assert grouped.clusterings == ("second", "third")
    assert grouped.history.undo()
    assert grouped.clusterings == ("mine", "second", "third")


def test_keys_move_the_slider_too(runner, grouped, qtbot) -> None:
    step = shown(ClusterStep(runner), grouped)
    qtbot.addWidget(step)
    step.resolution.setValue(30)
    qtbot.wait(800)
    assert not runner.busy  # it was set, not moved
    for _ in range(3):
        qtbot.keyClick(step.resolution, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: runner.busy, timeout=10_000)
    qtbot.waitUntil(lambda: not runner.busy, timeout=60_000)
    made = grouped.table.uns["splicer"]["clusterings"][grouped.clustering]
    assert made["resolution"] == 3.3
    assert step.count.text() == f"3.3 · {len(grouped.groups)} groups"


def test_the_resolution_slider_makes_the_grouping_anew(runner, grouped, qtbot) -> None:
    step = shown(ClusterStep(runner), grouped)
    qtbot.addWidget(step)
    before = len(grouped.groups)
    assert f"{before} groups" in step.count.text()
    step.resolution.setValue(40)
    assert "…" in step.count.text()
    step.update_resolution()
    qtbot.waitUntil(lambda: not runner.busy, timeout=60_000)
    assert grouped.clusterings == ("splicer_cluster",)
    assert len(grouped.groups) > before


def test_every_move_of_the_slider_can_be_undone(runner, grouped, qtbot) -> None:
    step = shown(ClusterStep(runner), grouped)
    qtbot.addWidget(step)
    states = []
    for resolution in (10, 40, 20):
        step.resolution.setValue(resolution)
        step.update_resolution()
        qtbot.waitUntil(lambda: not runner.busy, timeout=60_000)
        made = dict(grouped.table.uns["splicer"]["clusterings"]["splicer_cluster"])
        states.append((grouped.groups, grouped.codes(), made, step.count.text()))

    def is_as(state) -> bool:
        groups, codes, made, words = state
        assert grouped.groups == groups
        assert np.array_equal(grouped.codes(), codes)
        assert grouped.table.uns["splicer"]["clusterings"]["splicer_cluster"] == made
        assert step.resolution.value() == round(10 * made["resolution"])
        return step.count.text() == words

    assert len(states[0][0]) < len(states[1][0])
    assert len(grouped.history.steps[0]) == 2  # the first time, it stayed as it was
    assert grouped.history.next_undo == "Make the grouping splicer_cluster anew"
    for state in states[-2::-1]:
        assert grouped.history.undo()
        assert is_as(state)
        assert grouped.clusterings == ("splicer_cluster",)
    for state in states[1:]:
        assert grouped.history.redo()
        assert is_as(state)


def test_groups_named_while_they_are_made_anew_come_back_with_their_names(grouped) -> None:
    finer = ClusteringSettings(name="splicer_cluster", resolution=4)
    run = commands.recluster(grouped, finer)
    commands.begin(grouped, run)
    events = tuple(run.events())
    editing.rename(grouped, 0, "tumour")
    editing.recolour(grouped, 0, "#123456")
    before = grouped.groups
    commands.apply(grouped, run, events)
    assert grouped.groups[0].name == "1"
    assert grouped.history.undo()
    assert grouped.groups == before
    assert edits_of(grouped.table, "splicer_cluster") == ("rename 1 to tumour", "colour tumour")
    assert grouped.history.undo()
    assert grouped.history.undo()
    assert grouped.groups[0].name == "1"


def test_groups_with_names_are_never_made_anew(runner, grouped, qtbot) -> None:
    step = shown(ClusterStep(runner), grouped)
    qtbot.addWidget(step)
    editing.rename(grouped, 0, "tumour")
    step.resolution.setValue(20)
    step.update_resolution()
    qtbot.waitUntil(lambda: not runner.busy, timeout=60_000)
    assert len(grouped.clusterings) == 2
    assert "tumour" in grouped.table.obs["splicer_cluster"].cat.categories


def test_a_group_is_split_and_made_whole_again(runner, grouped, qtbot) -> None:
    step = shown(ClusterStep(runner), grouped)
    qtbot.addWidget(step)
    step.method.setCurrentIndex(step.method.findData("kmeans"))
    step.number.setValue(2)
    first, others = grouped.groups[0], grouped.groups[1:]
    step.legend.selectRow(0)
    step.tools.split.click()
    qtbot.waitUntil(lambda: not runner.busy, timeout=60_000)
    parts = [group for group in grouped.groups if group.name in ("1a", "1b")]
    assert sum(part.count for part in parts) == first.count
    assert parts[0].colour == first.colour
    assert set(others) < set(grouped.groups)
    step.tools.undo.undo.click()
    assert grouped.groups == (first, *others)


def test_a_group_that_was_changed_meanwhile_is_not_divided(runner, grouped, qtbot) -> None:
    step = shown(ClusterStep(runner), grouped)
    qtbot.addWidget(step)
    step.split(0)
    grouped.select(grouped.cells_of(0)[:1])
    editing.group_selection(grouped, "mine")
    qtbot.waitUntil(lambda: not runner.busy, timeout=60_000)
    assert "changed meanwhile" in grouped.notice.text
    assert not any(group.name.startswith("1a") for group in grouped.groups)


def test_opacity_reaches_the_session(runner, session, qtbot) -> None:
    step = ClusterStep(runner)
    qtbot.addWidget(step)
    step.opacity.setValue(30)
    assert session.opacity == 0.3


def test_export_writes_what_is_ticked_and_says_where(runner, grouped, tmp_path, qtbot) -> None:
    step = shown(ExportStep(runner), grouped)
    qtbot.addWidget(step)
    for name, tick in step.ticks.items():
        tick.setChecked(name in ("csv", "h5ad"))
    assert grouped.settings.export.formats == ("h5ad", "csv")
    step.folder.setText(str(tmp_path / "out"))
    step.export()
    qtbot.waitUntil(lambda: not runner.busy, timeout=60_000)
    assert {path.suffix for path in grouped.exported} >= {".csv", ".h5ad"}
    assert all(path.is_file() for path in grouped.exported)
    assert str(tmp_path / "out") in step.result.text().replace("\N{ZERO WIDTH SPACE}", "")
    namespace: dict = {}
    exec(step.code.text(), namespace)
    assert namespace["table"].n_obs == grouped.table.n_obs


def test_nothing_is_overwritten_unless_told(runner, grouped, tmp_path, qtbot) -> None:
    step = shown(ExportStep(runner), grouped)
    qtbot.addWidget(step)
    step.folder.setText(str(tmp_path))
    for name, tick in step.ticks.items():
        tick.setChecked(name == "csv")
    step.export()
    qtbot.waitUntil(lambda: not runner.busy)
    step.export()
    qtbot.waitUntil(lambda: not runner.busy)
    assert grouped.notice.kind == "error"
    assert "exists" in grouped.notice.text or "there already" in grouped.notice.text
    step.overwrite.setChecked(True)
    step.export()
    qtbot.waitUntil(lambda: not runner.busy)
    assert grouped.notice is None


def test_the_folder_follows_run_and_image_until_one_is_chosen(runner, session, qtbot) -> None:
    step = ExportStep(runner)
    qtbot.addWidget(step)
    session.settings = session.settings.with_values({"output": "/somewhere"})
    assert Path(step.folder.text()) == Path("/somewhere/export/synthetic-tissue")
    session.image = replace(session.image, name="slide 2")
    assert Path(step.folder.text()) == Path("/somewhere/export/slide-2")
    step.folder.setText("/mine")
    session.settings = session.settings.with_values({"output": "/elsewhere"})
    assert step.folder.text() == "/mine"


def test_the_folder_of_an_opened_project_is_the_one_it_was_exported_to(
    runner, session, tmp_path, qtbot
) -> None:
    step = ExportStep(runner)
    qtbot.addWidget(step)
    session.exported = (tmp_path / "mine" / "run.toml",)
    assert Path(step.folder.text()) == tmp_path / "mine"


def test_nothing_ticked_is_told(runner, grouped, qtbot) -> None:
    step = ExportStep(runner)
    qtbot.addWidget(step)
    for tick in step.ticks.values():
        tick.setChecked(False)
    shown(step, grouped)
    assert not step.button.isEnabled()
    assert "at least one" in step.why.text()


@pytest.mark.parametrize(
    ("names", "reader"),
    [
        (("cells.csv", "cells.h5ad"), "read_h5ad"),
        (("groups.ome.zarr", "cells.zarr"), "read_zarr"),
        (("cells.parquet",), "read_parquet"),
        (("cells.csv",), "read_csv"),
        (("groups.ome.tif", "groups.ome.tif.legend.csv"), ""),
    ],
)
def test_the_loading_code_fits_the_files(names, reader) -> None:
    assert reader in loading_code(tuple(Path(name) for name in names))


def test_without_a_folder_nothing_can_be_written(runner, grouped, qtbot) -> None:
    step = shown(ExportStep(runner), grouped)
    qtbot.addWidget(step)
    assert step.button.isEnabled()
    step.folder.setText(" ")
    assert not step.button.isEnabled()
    assert step.why.text() == "Choose the folder for the files."
