from __future__ import annotations

import re
from dataclasses import replace

import pytest
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFileDialog, QSpinBox

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import Component
from napari_splicer.events import Metrics
from napari_splicer.gui import commands
from napari_splicer.gui.commands import estimate
from napari_splicer.gui.jobs import JobRunner
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.snapshot import Job
from napari_splicer.gui.steps.model_step import ModelStep
from napari_splicer.gui.widgets.progress_panel import ProgressPanel
from napari_splicer.gui.widgets.theme import LIGHT
from napari_splicer.model.bundle import save_bundle


@pytest.fixture
def step(session, qtbot) -> ModelStep:
    made = ModelStep(JobRunner(session))
    qtbot.addWidget(made)
    made.show()
    made.show_readiness(resolve(session.snapshot()))
    return made


@pytest.fixture
def trained(session):
    run = commands.train(session)
    commands.begin(session, run)
    commands.apply(session, run, run.events())
    return session.bundle


def test_before_any_training_nothing_stands_in_the_way(step) -> None:
    assert step.train_panel.button.isEnabled()
    assert not step.train_panel.why.isVisible()


def test_presets_set_the_settings_and_show_measured_times(step, session, qtbot) -> None:
    panel = step.train_panel
    qtbot.waitUntil(lambda: "about" in panel.presets["quick"].note, timeout=60_000)
    panel.presets["thorough"].click()
    assert session.settings.training.preset == "thorough"
    assert session.settings.training.steps is None
    assert panel.presets["thorough"].isChecked()


def test_times_are_measured_as_soon_as_the_cells_are_counted(session, qtbot) -> None:
    """In a project that is opened, they are counted after everything else is there."""
    facts, session.facts = session.facts, None
    step = ModelStep(JobRunner(session))
    qtbot.addWidget(step)
    step.show()
    assert step.train_panel.presets["quick"].note == "time unknown"
    session.facts = facts
    assert step.train_panel.presets["quick"].note == "measuring …"


def test_longer_presets_take_longer(session) -> None:
    times = estimate(session.snapshot().config, 1000)
    assert 0 < times["quick"] < times["standard"] < times["thorough"]


def test_details_are_two_way(step, session) -> None:
    spins = step.train_panel.findChildren(QSpinBox)
    keys = [re.search(r"In run files: (\S+)", box.toolTip()) for box in spins]
    boxes = {key[1]: box for key, box in zip(keys, spins, strict=True) if key}
    batch = boxes["training.batch"]
    batch.setValue(64)
    assert session.settings.training.batch == 64
    session.settings = session.settings.with_values({"training.batch": 32})
    assert batch.value() == 32
    epochs = boxes["training.epochs"]
    assert epochs.text() == "by preset"
    epochs.setValue(5)
    assert session.settings.training.epochs == 5
    epochs.setValue(0)
    assert session.settings.training.epochs is None
    objective = next(b for b in step.train_panel.findChildren(QComboBox) if b.findData("je") >= 0)
    objective.setCurrentIndex(objective.findData("je"))
    objective.activated.emit(objective.currentIndex())
    assert session.settings.model.objective == "je"


def test_patches_may_be_wider_than_their_pixels_are_many(step, session) -> None:
    boxes = step.train_panel.findChildren(QDoubleSpinBox)
    side = next(box for box in boxes if box.text() == "as many pixels of the image")
    side.setValue(32.0)
    assert session.settings.patches.size_um == 32.0
    session.settings = session.settings.with_values({"patches.size_um": 24.0})
    assert side.value() == 24.0
    side.setValue(0.0)
    assert session.settings.patches.size_um is None
    choices = step.train_panel.findChildren(QComboBox)
    resolution = next(box for box in choices if box.findData("fitting") >= 0)
    assert resolution.currentData() == "fitting"
    resolution.setCurrentIndex(resolution.findData("full"))
    resolution.activated.emit(resolution.currentIndex())
    assert session.settings.patches.resolution == "full"


def test_train_says_why_it_can_not(step, session) -> None:
    session.components = (Component(name="empty", channels=()),)
    step.show_readiness(resolve(session.snapshot()))
    assert not step.train_panel.button.isEnabled()
    assert "'empty'" in step.train_panel.button.toolTip()
    assert "'empty'" in step.train_panel.why.text()


def test_no_model_is_trained_again_on_components_that_do_not_fit(step, session, trained) -> None:
    session.components = (Component(name="gone", channels=("no such channel",)),)
    step.show_readiness(resolve(session.snapshot()))
    assert not step.train_panel.button.isEnabled()
    assert "no such channel" in step.train_panel.button.toolTip()


def test_too_few_cells_are_told_before_training(step, session) -> None:
    session.facts = replace(session.facts, cells=5)
    step.show_readiness(resolve(session.snapshot()))
    assert not step.train_panel.button.isEnabled()
    assert "5 cells, too few" in step.train_panel.why.text()
    session.facts = replace(session.facts, cells=500)
    step.show_readiness(resolve(session.snapshot()))
    assert step.train_panel.button.isEnabled()


def test_progress_curves_and_sentence_follow_the_training(step, session) -> None:
    session.job = Job(1, "train", done=40, total=100, unit="steps", seconds_left=75)
    session.metrics = tuple(
        Metrics("train", i, {"loss": 9.0, "loss/immune": 9 - 0.1 * i, "rankme/immune": 4.0})
        for i in range(40)
    )
    panel = step.findChild(ProgressPanel)
    assert panel.isVisible()
    assert panel._text.text() == "40 of 100\xa0steps · 1\xa0min\xa0left"
    monitor = step.train_panel.monitor
    assert "All components still learn." in monitor.sentence.text()
    assert list(monitor.loss._lines) == ["immune"]
    step.show_theme(LIGHT)
    session.job = None
    assert not panel.isVisible()
    assert "longer training" in monitor.sentence.text()


def test_the_sentence_stands_under_the_progress_and_above_the_curves(step, session, qtbot) -> None:
    session.metrics = tuple(
        Metrics("train", i, {"loss": 9.0, "loss/immune": 9 - 0.1 * i, "rankme/immune": 4.0})
        for i in range(40)
    )
    session.job = Job(1, "train", done=40, total=100, unit="steps")
    step.show_readiness(resolve(session.snapshot()))
    panel, monitor = step.train_panel, step.train_panel.monitor
    assert not panel.presets["quick"].isVisible()
    assert not panel.button.isVisible()
    progress = step.findChild(ProgressPanel)

    def top(widget) -> int:
        return widget.mapTo(step, QPoint(0, 0)).y()

    qtbot.waitUntil(lambda: top(monitor.loss) > top(monitor.sentence) + 10)
    gap = top(monitor.sentence) - top(progress) - progress.height()
    assert 0 <= gap < monitor.fontMetrics().height()
    session.job = None
    step.show_readiness(resolve(session.snapshot()))
    assert panel.presets["quick"].isVisible()


def test_training_can_be_paused_and_given_more_steps(step, session, qtbot) -> None:
    session.settings = session.settings.with_values({"training.steps": 2000})
    train, runner = step.train_panel, step.train_panel._runner
    panel = step.findChild(ProgressPanel)
    train.button.click()
    qtbot.waitUntil(lambda: len(session.metrics) > 3, timeout=60_000)
    assert "patches/s" in train.monitor.sentence.text()
    assert "GB of memory" in train.monitor.sentence.text()
    panel.pause.click()
    assert (panel.pause.text(), panel._text.text()[:6]) == ("Resume", "Paused")
    qtbot.wait(500)
    held = len(session.metrics)
    qtbot.wait(500)
    assert len(session.metrics) == held
    panel.pause.click()
    qtbot.waitUntil(lambda: len(session.metrics) > held, timeout=60_000)
    panel.pause.click()
    panel._cancel.click()
    qtbot.waitUntil(lambda: not runner.busy, timeout=60_000)
    qtbot.waitUntil(lambda: train.resume_button.isVisible(), timeout=60_000)
    assert not train.more_button.isVisible()
    session.settings = session.settings.with_values({"training.steps": 4})
    session.bundle = None
    train.button.click()
    qtbot.waitUntil(lambda: session.bundle is not None, timeout=60_000)
    qtbot.waitUntil(lambda: not runner.busy, timeout=120_000)
    qtbot.waitUntil(lambda: train.more_button.isEnabled(), timeout=60_000)
    train.more.setValue(10)
    train.more_button.click()
    qtbot.waitUntil(lambda: session.bundle.config.training.steps == 14, timeout=60_000)
    qtbot.waitUntil(lambda: not runner.busy, timeout=120_000)
    assert session.bundle.config.training.restarts == (4,)


def test_what_training_anew_would_replace_is_told_before(step, session, qtbot) -> None:
    train = step.train_panel
    assert not train.stopped.isVisible()
    run = commands.train(session)
    commands.begin(session, run)
    for event in run.events():
        commands.apply(session, run, [event])
        if isinstance(event, Metrics):
            commands.request_cancel(session, run)
    qtbot.waitUntil(lambda: train.stopped.isVisible(), timeout=60_000)
    assert "after 1 of 4 steps; components: immune, around" in train.stopped.text()
    assert "Any other training, of this image or another, takes its place" in train.stopped.text()


def test_a_model_from_elsewhere_is_not_given_more_steps(step, session, trained) -> None:
    session.made_from = {}
    step.show_readiness(resolve(session.snapshot()))
    assert not step.train_panel.more_button.isVisible()


def test_training_in_a_process_of_its_own(step, session, qtbot) -> None:
    box = next(b for b in step.findChildren(QCheckBox) if "process of its own" in b.toolTip())
    box.click()
    assert session.settings.own_process
    step.train_panel.button.click()
    qtbot.waitUntil(lambda: session.bundle is not None, timeout=120_000)
    qtbot.waitUntil(lambda: not step.train_panel._runner.busy, timeout=120_000)
    assert session.bundle.config.own_process
    assert len(session.metrics) == 4
    assert session.clustering is not None


def test_a_trained_model_can_be_saved_and_loaded(step, session, trained, tmp_path, qtbot) -> None:
    folder = tmp_path / "model"
    assert step.save_button.isVisibleTo(step)
    step.save(str(folder))
    assert not step.save_button.isEnabled()
    assert "being saved" in step.save_button.toolTip()
    assert not step.report_button.isVisibleTo(step)
    qtbot.waitUntil(lambda: str(folder) in step.status.text(), timeout=30_000)
    report = tmp_path / "model-report.html"
    assert report.name in step.status.text()
    assert step.save_button.isEnabled()
    assert "Keep the model" in step.save_button.toolTip()
    assert "<title" in report.read_text(encoding="utf-8")
    assert step.report_button.isVisibleTo(step)

    session.bundle, session.components = None, ()
    step.load_card.click()
    assert step.load_panel.isVisibleTo(step)
    assert not step.train_panel.isVisibleTo(step)
    step.load_panel.load(str(folder))
    qtbot.waitUntil(lambda: session.bundle is not None, timeout=30_000)
    assert [c.name for c in session.components] == ["immune", "around"]
    assert "train" not in session.made_from
    assert "All of the model's channels" in step.load_panel.message.text()


def test_a_folder_without_model_is_refused_in_words(step, tmp_path, qtbot) -> None:
    step.load_panel.load(str(tmp_path))
    qtbot.waitUntil(lambda: "is not a SpliCER model" in step.load_panel.message.text())


def test_what_a_model_does_without_is_told(step, session, trained) -> None:
    able = trained.config.with_values({"training.component_dropout": 0.1})
    first = trained.decomposition.components[0]
    missing = first.channels[0]
    other = next(
        name for name in session.image.channels if name not in trained.decomposition.channels
    )
    both = Decomposition((first, Component(name="rest", channels=(other,))))
    session.bundle = replace(trained, decomposition=both, config=able)
    names = ["unheard of" if name == missing else name for name in session.image.channels]
    session.image = session.image.with_channels(names)
    message = step.load_panel.message
    assert f"does without the component {first.name} here" in message.text()
    session.bundle = replace(trained, decomposition=both)
    assert "does without" not in message.text()


def test_misspelt_channels_are_renamed_when_confirmed(step, session, trained, tmp_path) -> None:
    save_bundle(trained, tmp_path / "model")
    names = ["cd-45" if n == "CD45" else n for n in session.image.channels]
    session.image = session.image.with_channels(names)
    panel = step.load_panel
    assert "Not found in this image: CD45" in panel.message.text()
    assert panel.rename.isVisibleTo(panel)
    box = panel.table.boxes["CD45"]
    assert box.currentText() == "? cd-45"
    assert panel.table.item(1, 1).text() == "✓ CD3"
    assert "cd-45 becomes CD45" in panel.rename.toolTip()
    panel.accept_names()
    assert "CD45" in session.image.channels
    assert not panel.rename.isVisibleTo(panel)
    session.set_up.undo()
    assert "cd-45" in session.image.channels
    assert panel.rename.isVisibleTo(panel)


def test_a_wrong_guess_does_not_spoil_the_right_ones(step, session, trained) -> None:
    known = {"CD45": "cd-45", "CD3": "cd 3", "CD8": "anything"}
    before = [known.get(name, name) for name in session.image.channels]
    session.image = session.image.with_channels(before)
    panel = step.load_panel
    boxes = panel.table.boxes
    assert {name: box.currentData() for name, box in boxes.items()} == {
        "CD45": "cd-45",
        "CD3": "cd 3",
        "CD8": None,
    }
    boxes["CD3"].setCurrentIndex(0)
    panel.rename.click()
    channels = session.image.channels
    assert "CD45" in channels
    assert {"cd 3", "anything"} <= set(channels)
    assert list(panel.table.boxes) == ["CD3", "CD8"]
    cd3, cd8 = panel.table.boxes.values()
    assert cd3.currentData() is None, "what was refused is not guessed again"
    cd3.setCurrentIndex(cd3.findData("anything"))
    cd8.setCurrentIndex(cd8.findData("anything"))
    assert not panel.rename.isEnabled()
    assert "anything is chosen for several" in panel.rename.toolTip()
    cd3.setCurrentIndex(0)
    panel.rename.click()
    assert session.image.channels[before.index("anything")] == "CD8"
    assert panel.table.boxes["CD3"].currentText() == "✕ missing"
    assert not panel.rename.isEnabled()
    assert "Choose in the table" in panel.rename.toolTip()


def test_a_model_of_other_channels_is_told_as_such(step, session, trained) -> None:
    session.bundle, session.components = trained, trained.decomposition.components
    session.image = session.image.with_channels([f"m{i}" for i in range(12)])
    advice = resolve(session.snapshot()).advice
    assert "needs channels that this image lacks: CD45, CD3, CD8, PanCK." in advice
    assert "another model" in advice


def test_a_model_is_not_saved_over_another(step, trained, tmp_path, qtbot) -> None:
    save_bundle(trained, tmp_path / "model")
    step.save(str(tmp_path / "model"))
    qtbot.waitUntil(lambda: "Choose another name" in step.status.text(), timeout=30_000)
    assert step.save_button.isEnabled()
    assert not (tmp_path / "model-report.html").exists()


def test_no_dialog_asks_whether_to_replace_a_model(step, trained, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_, **more: asked.append(more) or ("", "")
    )
    step.save_button.click()
    assert asked == [{"options": QFileDialog.Option.DontConfirmOverwrite}]


def test_a_report_that_is_there_is_not_replaced(step, trained, tmp_path, qtbot) -> None:
    report = tmp_path / "model-report.html"
    report.write_text("of another model")
    step.save(str(tmp_path / "model"))
    qtbot.waitUntil(lambda: "model-report.html exists" in step.status.text(), timeout=30_000)
    assert report.read_text() == "of another model"
    assert not (tmp_path / "model").exists()


def test_ranks_come_after_the_first_look(step, session) -> None:
    session.job = Job(1, "train")
    session.metrics = (Metrics("train", 1, {"loss": 9.0, "loss/immune": 4.0}),)
    rank = step.train_panel.monitor.rank
    assert rank.later.isVisibleTo(rank)
    assert "first look" in rank.later.text()
    session.metrics = (*session.metrics, Metrics("train", 2, {"rankme/immune": 3.0}))
    assert not rank.later.isVisibleTo(rank)


def test_the_loss_on_cells_kept_apart_is_drawn_where_there_is_one(step, session) -> None:
    session.job = Job(1, "train")
    session.metrics = (Metrics("train", 1, {"loss": 9.0, "loss/immune": 4.0}),)
    monitor = step.train_panel.monitor
    assert not monitor.held_out.isVisibleTo(step)
    session.metrics = (*session.metrics, Metrics("train", 2, {"loss": 8.0, "held_out_loss": 8.5}))
    assert monitor.held_out.isVisibleTo(step)
    assert monitor.held_out._lines["cells kept apart"].getData()[1].tolist() == [8.5]
    assert monitor.held_out._lines["all"].getData()[1].tolist() == [9.0, 8.0]
    assert "cells kept apart" in monitor._held_out_key.text()


def test_curves_are_drawn_again_only_after_a_pause(step, session, qtbot) -> None:
    monitor = step.train_panel.monitor
    session.job = Job(1, "train", done=40, total=100, unit="steps")
    steps = tuple(Metrics("train", i, {"loss": 9.0, "loss/immune": 9.0}) for i in range(60))
    drawn = []
    monitor.loss.show_series = lambda lines, *_: drawn.append(len(lines["immune"][0]))
    session.metrics = steps[:40]
    for count in (41, 42, 43):
        session.metrics = steps[:count]
    assert drawn == [40]
    qtbot.waitUntil(lambda: drawn == [40, 43])
    session.metrics = steps
    session.job = None
    assert drawn == [40, 43, 60]
