"""Watching a training costs it little: Qt composes napari's window anew for whatever is drawn."""

from __future__ import annotations

import html

import pytest
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QApplication, QLabel, QScrollArea, QWidget

from napari_splicer.config import Component
from napari_splicer.events import Metrics
from napari_splicer.gui.jobs import JobRunner
from napari_splicer.gui.readiness import StepState
from napari_splicer.gui.snapshot import Job
from napari_splicer.gui.steps.model_step import ModelStep
from napari_splicer.gui.widgets.step_header import StepHeader
from napari_splicer.gui.widgets.theme import DARK, LIGHT
from napari_splicer.gui.widgets.training_monitor import TrainingMonitor


class Drawn(QObject):
    """Counts what Qt draws of a widget and its parts, and how often it draws the window."""

    def __init__(self) -> None:
        super().__init__()
        self.widgets: list[QObject] = []
        self.windows = 0
        QApplication.instance().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self.widgets.append(watched)
        if event.type() == QEvent.Type.UpdateRequest:
            self.windows += 1
        return False


@pytest.fixture
def drawn(qtbot):
    made = Drawn()
    yield made
    QApplication.instance().removeEventFilter(made)


def metrics(count: int) -> tuple[Metrics, ...]:
    values = {"loss": 9.0, "loss/immune": 5.0, "loss/tumour": 4.0}
    looked = Metrics("train", 0, {**values, "rankme": 3.0})
    return (looked, *(Metrics("train", i, values) for i in range(1, count)))


@pytest.fixture
def monitor(session, qtbot) -> TrainingMonitor:
    """The step in a training's midst, all of it drawn."""
    step = ModelStep(JobRunner(session))
    qtbot.addWidget(step)
    step.resize(360, 900)
    session.job = Job(1, "train", done=30, total=100, unit="steps")
    session.metrics = metrics(30)
    step.show()
    qtbot.waitExposed(step)
    qtbot.wait(700)
    return step.train_panel.monitor


def test_progress_does_not_draw_the_key_again(monitor, session, drawn, qtbot) -> None:
    for done in (31, 32, 33):
        session.job = Job(1, "train", done=done, total=100, unit="steps")
        qtbot.wait(30)
    texts = [widget.text() for widget in drawn.widgets if isinstance(widget, QLabel)]
    assert any("33 of 100" in text for text in texts)
    assert monitor._key not in drawn.widgets


def test_a_new_point_draws_the_window_once(monitor, session, drawn, qtbot) -> None:
    session.metrics = metrics(31)
    qtbot.waitUntil(lambda: monitor.loss.viewport() in drawn.widgets)
    qtbot.wait(200)
    assert drawn.windows == 1
    assert monitor.rank.viewport() not in drawn.widgets


def test_points_wait_for_those_that_follow(monitor, session, drawn, qtbot) -> None:
    session.metrics = metrics(31)
    qtbot.waitUntil(lambda: monitor.loss.viewport() in drawn.widgets)
    drawn.widgets.clear()
    session.metrics = metrics(32)  # at once, so that it is not drawn yet
    qtbot.wait(100)
    assert monitor.loss.viewport() not in drawn.widgets
    qtbot.wait(500)
    session.metrics = metrics(33)
    qtbot.waitUntil(lambda: monitor.loss.viewport() in drawn.widgets, timeout=200)
    drawn.widgets.clear()
    session.metrics = metrics(34)  # none follows
    qtbot.waitUntil(lambda: monitor.loss.viewport() in drawn.widgets, timeout=2000)


def test_the_key_takes_the_lines_that_it_needs(monitor, qtbot) -> None:
    window: QWidget = monitor.window()
    one = monitor._key.height()
    monitor._key.explain({f"a component with a long name {i}": "#123456" for i in range(9)})
    many = monitor._key.height()
    assert many > 3 * one
    window.resize(720, 900)
    qtbot.waitUntil(lambda: one < monitor._key.height() < many)


def test_a_step_that_stands_as_before_is_not_drawn_again(drawn, qtbot) -> None:
    header = StepHeader(3, "Model", "Trains")
    qtbot.addWidget(header)
    header.show_state(StepState("running", "", "12%"))
    header.show()
    qtbot.waitExposed(header)
    qtbot.wait(100)
    drawn.widgets.clear()
    header.show_state(StepState("running", "", "12%"))
    qtbot.wait(100)
    assert not drawn.widgets
    header.show_state(StepState("running", "", "13%"))
    qtbot.waitUntil(lambda: bool(drawn.widgets))


def test_the_key_has_room_in_a_larger_font(monitor, qtbot) -> None:
    one = monitor._key.height()
    monitor._key.setStyleSheet("font-size: 24pt")
    qtbot.waitUntil(lambda: monitor._key.height() > 1.5 * one)


@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_the_whole_is_told_from_a_component_of_any_colour(session, qtbot, theme) -> None:
    names = [f"c{i}" for i in range(9)]
    session.components = tuple(Component(name=name, channels=("CD3",)) for name in names)
    monitor = TrainingMonitor(session)
    qtbot.addWidget(monitor)
    monitor.show_theme(theme)
    parts = {f"{what}/{name}": 3.0 for name in names for what in ("loss", "rankme")}
    session.metrics = (Metrics("train", 0, {"loss": 9.0, "rankme": 5.0, **parts}),)

    pens = {name: line.opts["pen"] for name, line in monitor.rank._lines.items()}
    whole = pens.pop("representation")
    assert sorted(pens) == names
    assert whole.style() == Qt.PenStyle.DashLine
    assert whole.color().name() == theme.text
    assert {pen.style() for pen in pens.values()} == {Qt.PenStyle.SolidLine}
    assert len({pen.color().name() for pen in pens.values()} | {theme.text}) == 10
    in_key = monitor._key.text().split(" &nbsp;")[-1]
    assert "representation" in in_key
    assert theme.text in in_key
    assert "■" not in in_key


def test_what_is_drawn_beside_the_loss_can_be_chosen(session, qtbot) -> None:
    """Metrics as a training sends them, with one close look."""
    session.components = tuple(Component(name=name, channels=("CD3",)) for name in ("a", "b"))
    monitor = TrainingMonitor(session)
    qtbot.addWidget(monitor)
    view = monitor.view
    steps = {"loss": 3.0, "loss/a": 2.0, "loss/b": 1.0}
    session.metrics = (Metrics("train", 1, {**steps, "rankme": 5.0, "rankme/a": 2.0}),)
    view.choice.setCurrentText("Found by staining")
    assert view.alignment.later.isVisibleTo(view.alignment)
    looked = {
        "alignment/a": 0.9, "alignment_shuffled/a": 0.5, "alignment/b": 0.6,
        "alignment_shuffled/b": 0.6, "r2": 0.8, "r2/a": 0.7, "r2/b": -0.1,
        "cka": 0.4, "cka/a and b": 0.4,
    }  # fmt: skip
    session.metrics = (*session.metrics, Metrics("train", 50, {**steps, **looked}))
    qtbot.waitUntil(lambda: not view.alignment.later.isVisibleTo(view.alignment))

    def drawn(plot):
        return {name: line.getData()[1].tolist() for name, line in plot._lines.items()}

    pens = {name: line.opts["pen"] for name, line in view.alignment._lines.items()}
    assert len(pens) == 4
    assert pens["a"].color() == pens["a with another cell's staining"].color()
    assert pens["a"].style() == Qt.PenStyle.SolidLine
    assert pens["a with another cell's staining"].style() == Qt.PenStyle.DashLine
    assert "another cell's staining" in html.unescape(monitor._key.text())
    view.choice.setCurrentText("Best marker")
    assert drawn(view.r2) == {"a": [0.7], "b": [-0.1], "representation": [0.8]}
    view.choice.setCurrentText("Most alike")
    assert drawn(view.cka) == {"all": [0.4]}
    assert "a and b" in monitor._key.text()
    view.choice.setCurrentText("Rank")
    assert drawn(view.rank) == {"a": [2.0], "representation": [5.0]}
    assert "representation" in monitor._key.text()


def test_plots_stand_side_by_side_where_the_dock_is_low(session, qtbot):
    step = ModelStep(JobRunner(session))
    area = QScrollArea()
    qtbot.addWidget(area)
    area.setWidgetResizable(True)
    area.setWidget(step)
    area.resize(360, 400)
    session.metrics = metrics(30)
    area.show()
    monitor = step.train_panel.monitor
    qtbot.waitUntil(lambda: monitor.loss.height() > 100)
    loss, rank = (
        plot.mapTo(monitor, plot.rect().topLeft()) for plot in (monitor.loss, monitor.rank)
    )
    assert abs(loss.y() - rank.y()) < 5
    assert loss.x() + monitor.loss.width() <= rank.x()
