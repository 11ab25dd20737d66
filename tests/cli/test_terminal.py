"""What a person or a program sees of a running stage, and what Ctrl+C does."""

from __future__ import annotations

import io
import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from napari_splicer.cli.terminal import JsonLines, Prose, Terminal, event_as_json
from napari_splicer.errors import MissingChannels
from napari_splicer.events import (
    Checkpointed,
    Event,
    Finished,
    Metrics,
    Progress,
    Started,
    Warned,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STAGE: list[Event] = [
    Started("train", total=2, unit="steps", message="Training on 10 cells"),
    Metrics("train", step=1, values={"loss": 2.5, "rankme": float("nan")}),
    Progress("train", done=1, total=2, unit="steps", seconds_left=75.0),
    Warned("train", "Channel CD3 is [constant]."),
    Checkpointed("train", step=2, path="checkpoint"),
    Finished("train", result="the model", message="Trained for 2 steps."),
]


def test_json_lines_are_one_object_per_event(capsys: pytest.CaptureFixture[str]) -> None:
    assert Terminal(JsonLines()).play(STAGE) == "the model"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == [
        "started",
        "metrics",
        "progress",
        "warned",
        "checkpointed",
        "finished",
    ]
    assert lines[1]["values"] == {"loss": 2.5, "rankme": None}
    assert lines[2]["seconds_left"] == 75.0
    assert "result" not in lines[-1]


@pytest.mark.parametrize("event", STAGE, ids=lambda event: type(event).__name__)
def test_every_field_but_the_result_is_in_the_json(event: Event) -> None:
    assert set(event_as_json(event)) == {"event", *event.__slots__} - {"result"}


def test_prose_without_a_terminal_says_beginning_warnings_and_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Terminal(Prose()).play(STAGE)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "Training on 10 cells …",
        "Note: Channel CD3 is [constant].",
        "Trained for 2 steps.",
    ]


def test_stage_without_a_message_is_named_with_its_amount(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Prose().show(Started("embed", total=1250, unit="cells"))
    assert capsys.readouterr().err == "Embedding (1,250 cells) …\n"


def test_quiet_says_warnings_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(Prose(quiet=True)).play(STAGE)
    assert capsys.readouterr().err == "Note: Channel CD3 is [constant].\n"


def test_terminal_shows_a_bar_with_loss_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("sys.stderr", screen)
    display = Prose()
    with display:
        for event in STAGE[:3]:
            display.show(event)
    shown = screen.getvalue()
    assert "Training, loss 2.5" in shown
    assert "1/2" in shown
    assert "steps about 1 min left" in shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "about 1 s left"), (59, "about 59 s left"), (5400, "about 1.5 h left")],
)
def test_time_left_is_told_in_a_fitting_unit(
    seconds: float, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.StringIO()
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("sys.stderr", screen)
    with Prose() as display:
        display.show(STAGE[0])
        display.show(Progress("train", 1, 2, "steps", seconds_left=seconds))
    assert words in screen.getvalue()


def test_what_was_written_goes_to_standard_output(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    Terminal(Prose()).wrote("model", tmp_path)
    assert capsys.readouterr().out == f"model: {tmp_path}\n"
    Terminal(JsonLines()).wrote("model", tmp_path)
    written = {"event": "written", "what": "model", "path": str(tmp_path)}
    assert json.loads(capsys.readouterr().out) == written


def test_errors_are_a_sentence_and_advice(capsys: pytest.CaptureFixture[str]) -> None:
    error = MissingChannels("a.tif has no channel CD8.", "Choose another image.")
    Prose().fail(error)
    assert capsys.readouterr().err == "a.tif has no channel CD8.\nChoose another image.\n"
    JsonLines().fail(error)
    assert json.loads(capsys.readouterr().out) == {
        "event": "error",
        "kind": "MissingChannels",
        "message": "a.tif has no channel CD8.",
        "advice": "Choose another image.",
        "exit_code": 4,
    }


def test_first_interrupt_asks_the_stage_to_stop(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(Prose())

    def stage() -> Iterator[Event]:
        yield Started("train")
        os.kill(os.getpid(), signal.SIGINT)
        assert terminal.cancel.requested
        yield Finished("train", result="half a model", cancelled=True)

    before = signal.getsignal(signal.SIGINT)
    assert terminal.play(stage()) == "half a model"
    assert terminal.stopped
    assert "what is done is kept" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before


def test_second_interrupt_ends_it_at_once() -> None:
    def stage() -> Iterator[Event]:
        yield Started("train")
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        yield Finished("train")

    # A shell's background job starts with interrupts ignored, and the tests may be one.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            Terminal(Prose(quiet=True)).play(stage())
    finally:
        signal.signal(signal.SIGINT, before)


def test_stage_that_does_not_finish_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="must end with Finished"):
        Terminal(Prose(quiet=True)).play([Started("train")])
