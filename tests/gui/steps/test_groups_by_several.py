"""Step Cluster: groups by several components at once, chosen with the mouse."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_splicer.analysis.clustering import clusterings
from napari_splicer.analysis.features import features
from napari_splicer.embedding.table import note_representation
from napari_splicer.gui import commands
from napari_splicer.gui.jobs import JobRunner
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.steps.cluster_step import ClusterStep
from napari_splicer.gui.widgets.source_choice import SEVERAL

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def grouped(session):
    """A session whose table has three chunks, and a first grouping."""
    embed = commands.embed(session, with_model=False)
    commands.begin(session, embed)
    commands.apply(session, embed, embed.events())
    table = session.table.copy()
    z = np.random.default_rng(0).normal(size=(table.n_obs, 9)).astype(np.float32)
    table.obsm.update(X_splicer=z, X_splicer_chunks=z)
    names = ("immune", "CD3 + CD8", "around")
    note_representation(table, 9, {name: slice(3 * i, 3 * i + 3) for i, name in enumerate(names)})
    session.table = table
    cluster = commands.cluster(session)
    commands.begin(session, cluster)
    commands.apply(session, cluster, cluster.events())
    return session


@pytest.fixture
def runner(grouped) -> JobRunner:
    return JobRunner(grouped)


@pytest.fixture
def step(runner, grouped, qtbot) -> ClusterStep:
    made = ClusterStep(runner)
    made.show_readiness(resolve(grouped.snapshot()))
    qtbot.addWidget(made)
    made.resize(360, 800)
    with qtbot.waitExposed(made):
        made.show()
    yield made
    made.source.several.menu().close()


def pick(qtbot, step, words: str) -> None:
    """Open the list with the mouse and click an entry."""
    box = step.source.box
    qtbot.mouseClick(box, LEFT)
    view = box.view()
    qtbot.waitUntil(view.isVisible)
    qtbot.wait(QApplication.doubleClickInterval())  # before, a list takes no click
    place = view.visualRect(view.model().index(box.findText(words), 0)).center()
    qtbot.mouseClick(view.viewport(), LEFT, pos=place)
    qtbot.waitUntil(lambda: not view.isVisible())


def tick(qtbot, step, words: str) -> None:
    menu = step.source.several.menu()
    qtbot.waitUntil(menu.isVisible)
    (action,) = (action for action in menu.actions() if action.text() == words)
    qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(action).center())


def test_one_is_chosen_as_before(qtbot, step) -> None:
    assert step.source.sources == ("combined",)
    assert not step.source.several.isVisible()
    pick(qtbot, step, "component immune")
    assert step.wanted().source == "chunk:immune"
    assert step.wanted().name == "immune_leiden"
    assert not step.source.several.isVisible()


def test_two_components_are_ticked_and_group_the_cells(qtbot, step, runner, grouped) -> None:
    pick(qtbot, step, "component CD3 + CD8")
    pick(qtbot, step, SEVERAL)
    qtbot.waitUntil(step.source.several.menu().isVisible)
    assert step.source.sources == ("chunk:CD3 + CD8",)  # what was chosen is where it begins
    tick(qtbot, step, "component immune")
    assert step.source.several.menu().isVisible()  # for more to be ticked
    step.source.several.menu().close()
    assert step.source.several.text() == "immune, CD3 + CD8"
    assert "components immune, CD3 + CD8" in step.source.several.toolTip()
    qtbot.mouseClick(step.button, LEFT)
    qtbot.waitUntil(lambda: not runner.busy, timeout=60_000)
    assert grouped.clustering == "immune-CD3_CD8_leiden"
    both = ["chunk:immune", "chunk:CD3 + CD8"]
    assert clusterings(grouped.table)[grouped.clustering]["source"] == both
    tip = step.groupings.list.item(1).toolTip()
    assert "By components immune, CD3 + CD8; method leiden" in tip

    by_hand = features(grouped.table, both)
    again = grouped.table.copy()
    again.obsm["X_splicer_chunks"] = np.hstack([by_hand, by_hand[:, :3]])
    note_representation(again, 9, {"joined": slice(0, 6)})
    one = step.wanted().model_copy(update={"name": "joined", "source": "chunk:joined"})
    grouped.table = again
    run = commands.cluster(grouped, one)
    commands.begin(grouped, run)
    commands.apply(grouped, run, run.events())
    obs = grouped.table.obs
    assert obs["joined"].astype(str).equals(obs["immune-CD3_CD8_leiden"].astype(str))


def test_the_form_shows_how_the_active_grouping_was_made(qtbot, step, runner, grouped) -> None:
    pick(qtbot, step, SEVERAL)
    tick(qtbot, step, "component immune")
    tick(qtbot, step, "component around")
    step.source.several.menu().close()
    assert step.source.sources == ("combined", "chunk:immune", "chunk:around")
    step.add()
    qtbot.waitUntil(lambda: not runner.busy, timeout=60_000)
    step.groupings.list.setCurrentRow(0)
    assert step.source.sources == ("combined",)
    assert not step.source.several.isVisible()
    step.groupings.list.setCurrentRow(1)
    assert step.source.sources == ("combined", "chunk:immune", "chunk:around")
    assert step.source.box.currentText() == SEVERAL
    assert step.source.several.isVisible()
    step.resolution.setValue(30)
    step.update_resolution()
    qtbot.waitUntil(lambda: not runner.busy, timeout=60_000)
    assert len(grouped.clusterings) == 2  # it was made anew, by the same


def test_what_holds_another_takes_its_place(qtbot, step) -> None:
    pick(qtbot, step, SEVERAL)
    tick(qtbot, step, "mean marker intensity")
    assert step.source.sources == ("intensity",)
    tick(qtbot, step, "component around")
    tick(qtbot, step, "looks (the model's numbers)")
    assert step.source.sources == ("representation", "intensity", "chunk:around")
    tick(qtbot, step, "looks and intensity together")
    assert step.source.sources == ("combined", "chunk:around")
    tick(qtbot, step, "looks and intensity together")
    tick(qtbot, step, "component around")  # the last one stays
    assert step.source.sources == ("chunk:around",)
    assert [a.text() for a in step.source.several.menu().actions() if a.isChecked()] == [
        "component around"
    ]


def test_of_one_source_there_are_not_several(qtbot, step, grouped) -> None:
    table = grouped.table.copy()
    del table.obsm["X_splicer"], table.uns["splicer"]["chunks"]
    grouped.table = table
    assert [step.source.box.itemText(i) for i in range(step.source.box.count())] == [
        "mean marker intensity"
    ]
