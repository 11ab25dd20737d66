from __future__ import annotations

import gc
import threading
import time
import weakref
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QThread
from qtpy.QtWidgets import QWidget

from napari_splicer.errors import NoCells, WouldOverwrite
from napari_splicer.events import Cancel, Event, Finished, Metrics, Progress, Started
from napari_splicer.gui import commands
from napari_splicer.gui.failures import in_words
from napari_splicer.gui.jobs import Errand, JobRunner
from napari_splicer.gui.session import session_for
from napari_splicer.gui.snapshot import Notice, Snapshot

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator


@dataclass
class Script:
    """A run that yields what a test tells it to, until it is cancelled."""

    number: int
    steps: int = 3
    error: Exception | None = None
    stage: str = "train"
    follows: bool = False
    resume: None = None
    earlier: None = None
    folder: None = None
    inputs: Snapshot = field(default_factory=Snapshot)
    config: Any = None
    cancel: Cancel = field(default_factory=Cancel)

    def events(self) -> Iterator[Event]:
        yield Started("train", self.steps, "steps")
        done = 0
        pause = threading.Event()
        while done < self.steps and not self.cancel.requested:
            pause.wait(0.001)
            done += 1
            yield Metrics("train", done, {"loss": 1.0})
            yield Progress("train", done, self.steps, "steps")
            if self.error is not None:
                raise self.error
        yield Finished("train", result=None, cancelled=self.cancel.requested)


@pytest.fixture
def runner(session) -> JobRunner:
    return JobRunner(session)


@pytest.fixture
def notes() -> Iterator[list[str]]:
    """What napari was asked to show."""
    heard: list[str] = []

    def hear(notification: Any) -> None:
        heard.append(str(notification.message))

    notification_manager.notification_ready.connect(hear)
    yield heard
    notification_manager.notification_ready.disconnect(hear)


def finish(runner: JobRunner, qtbot: Any, timeout: int = 60_000) -> None:
    qtbot.waitUntil(lambda: not runner.busy, timeout=timeout)


def test_events_reach_the_session_and_then_it_is_idle(runner, qtbot) -> None:
    session = runner.session
    assert runner.start(Script(session.next_run(), steps=50))
    assert runner.busy
    finish(runner, qtbot)
    assert len(session.metrics) == 50
    assert session.job is None
    assert not runner.busy


def test_what_is_said_of_something_else_keeps_nothing_from_following(
    runner, qtbot, monkeypatch
) -> None:
    session, followed = runner.session, []
    monkeypatch.setattr(commands, "follow_up", lambda _, run: followed.append(run.number))
    runner.start(Script(1, steps=50))
    session.notice = Notice("error", "There is a channel CD3 already.")
    finish(runner, qtbot)
    runner.start(Script(2, error=NoCells("No cells.", "Choose.")))
    finish(runner, qtbot)
    assert followed == [1]


def test_only_one_runs_at_a_time(runner, qtbot) -> None:
    session = runner.session
    first = Script(session.next_run(), steps=10**9)
    runner.start(first)
    assert not runner.start(Script(session.next_run()))
    assert session.job.run == first.number
    runner.cancel()
    finish(runner, qtbot)


def test_a_click_between_the_result_and_the_end_of_its_thread_is_not_lost(runner, qtbot) -> None:
    session, second, started, runs = runner.session, Script(2, stage="export"), [], set()

    def click(job: Any) -> None:
        runs.add(None if job is None else job.run)
        if job is None and not started:
            started.append(runner.start(second))
            assert runner.busy
            assert session.job is None

    session.events.job.connect(click)
    runner.start(Script(1))
    qtbot.waitUntil(lambda: 2 in runs, timeout=60_000)
    assert started == [True]
    finish(runner, qtbot)


def test_cancelling_twice_or_without_a_run_is_harmless(runner, qtbot) -> None:
    runner.cancel()
    runner.start(Script(runner.session.next_run(), steps=10**9))
    qtbot.waitUntil(lambda: len(runner.session.metrics) > 3)
    runner.cancel()
    assert runner.session.job.cancelling
    runner.cancel()
    finish(runner, qtbot)
    assert "kept" in runner.session.notice.text


@pytest.mark.parametrize("error", [NoCells("No cells.", "Choose."), RuntimeError("torch broke")])
def test_a_failure_is_shown_once_in_its_words(runner, qtbot, notes, error) -> None:
    runner.start(Script(runner.session.next_run(), error=error))
    finish(runner, qtbot)
    assert runner.session.notice.text == in_words(error)
    assert bool(runner.session.notice.details) == (not isinstance(error, NoCells))
    assert notes == [str(error)]
    assert not runner.busy


def test_after_a_failure_one_can_start_again(runner, qtbot, notes) -> None:
    runner.start(Script(runner.session.next_run(), error=NoCells("No cells.")))
    finish(runner, qtbot)
    assert runner.start(Script(runner.session.next_run()))
    finish(runner, qtbot)
    assert runner.session.notice is None


def test_training_is_followed_by_embedding_and_groups(runner, qtbot) -> None:
    session = runner.session
    runner.start(commands.train(session))
    finish(runner, qtbot, 120_000)
    assert session.clustering == "splicer_cluster"


def test_an_errand_answers_in_the_gui_thread(qtbot) -> None:
    widget, answers = QWidget(), []
    qtbot.addWidget(widget)

    def take(value: int) -> None:
        answers.append((value, QThread.currentThread() is widget.thread()))

    errand = Errand(widget, take)
    errand.ask(pow, 2, 5)
    qtbot.waitUntil(lambda: bool(answers))
    assert answers == [(32, True)]


def test_of_many_asks_the_last_one_counts(qtbot) -> None:
    widget, answers = QWidget(), []
    qtbot.addWidget(widget)
    errand = Errand(widget, answers.append)
    for number in range(20):
        errand.ask(pow, number, 1)
    qtbot.waitUntil(lambda: answers[-1:] == [19])
    assert len(answers) < 20


def test_an_errand_tells_what_went_wrong(qtbot) -> None:
    widget, errors = QWidget(), []
    qtbot.addWidget(widget)
    errand = Errand(widget, lambda _: None, errors.append)
    errand.ask(int, "no number")
    qtbot.waitUntil(lambda: bool(errors))
    assert isinstance(errors[0], ValueError)


def test_an_errand_dies_with_its_widget(qtbot) -> None:
    widget, answers, started = QWidget(), [], []
    qtbot.addWidget(widget)
    errand = Errand(widget, answers.append)
    errand.ask(started.append, 1)
    widget.destroyed.emit()
    qtbot.waitUntil(lambda: bool(started))
    qtbot.wait(50)
    assert answers == []


def test_a_result_that_was_forgotten_is_dropped(qtbot) -> None:
    widget, seen = QWidget(), []
    qtbot.addWidget(widget)
    errand = Errand(widget, seen.append)
    go_on = threading.Event()
    errand.ask(go_on.wait)
    errand.forget()
    go_on.set()
    qtbot.waitUntil(lambda: not errand.busy)
    assert seen == []
    errand.ask(str, "later")
    qtbot.waitUntil(lambda: seen == ["later"])


def test_work_in_shares_tells_how_far_it_is_and_stops_for_the_next(qtbot) -> None:
    widget, answers, shares, ended = QWidget(), [], [], []
    qtbot.addWidget(widget)

    def count(name: str, steps: int) -> Generator[float, None, str]:
        try:
            for step in range(steps):
                yield step / steps
        finally:
            ended.append(name)
        return name

    errand = Errand(widget, answers.append, progress=shares.append)
    errand.ask(count, "endless", 10**9)
    qtbot.waitUntil(lambda: len(shares) > 1)
    errand.ask(count, "short", 2)
    qtbot.waitUntil(lambda: answers == ["short"])
    assert ended == ["endless", "short"]
    assert shares[-1] == 0.5
    errand.ask(count, "endless", 10**9)
    errand.forget()
    qtbot.waitUntil(lambda: not errand.busy)
    assert answers == ["short"]


def test_a_file_in_the_way_is_told_with_the_tick_that_allows_it(runner, notes, qtbot) -> None:
    error = WouldOverwrite("cells.csv exists already.", "Allow overwriting.")
    with qtbot.waitSignal(runner.idle):
        runner.start(Script(runner.session.next_run(), error=error, stage="export"))
    assert "Replace files that are there" in runner.session.notice.text
    assert "Replace files that are there" in notes[-1]


def test_what_training_said_embedding_does_not_say_again(runner, notes, qtbot) -> None:
    """Every run by itself says all; what follows by itself says what is new."""
    session = runner.session
    session.image = replace(session.image, pixel_size=None)
    runner.start(commands.train(session))
    finish(runner, qtbot)
    unknown = [note for note in notes if "pixel size of" in note]
    assert len(unknown) == 1
    runner.start(commands.embed(session))
    finish(runner, qtbot)
    assert [note for note in notes if "pixel size of" in note] == unknown * 2


def test_an_errand_lives_until_its_worker_has_ended(qtbot) -> None:
    widget, seen = QWidget(), []
    qtbot.addWidget(widget)
    errand = Errand(widget, seen.append)
    kept = weakref.ref(errand)
    errand.ask(time.sleep, 0.2)
    del errand
    gc.collect()
    assert kept() is not None  # what the worker says must find somebody
    qtbot.waitUntil(lambda: seen == [None])

    def is_gone() -> bool:
        gc.collect()
        return kept() is None

    qtbot.waitUntil(is_gone)


def test_a_run_that_ended_is_not_kept_by_the_window(make_napari_viewer, qtbot) -> None:
    runner = JobRunner(session_for(make_napari_viewer()))
    run = Script(runner.session.next_run())
    ended = weakref.ref(run)
    assert runner.start(run)
    finish(runner, qtbot)
    del run
    gc.collect()
    assert ended() is None


@pytest.mark.parametrize("fails", [False, True])
def test_what_has_come_is_not_waited_for(qtbot, fails) -> None:
    waits: list[bool] = []
    widget = QWidget()
    qtbot.addWidget(widget)

    def work() -> None:
        if fails:
            raise NoCells("No cells.", "Choose.")

    errand = Errand(widget, *[lambda _: waits.append(errand.asked)] * 2)
    errand.ask(work)
    assert errand.asked
    qtbot.waitUntil(lambda: bool(waits))
    assert waits == [False]
    qtbot.waitUntil(lambda: not errand.busy)
