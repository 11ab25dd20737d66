"""Events and errors: they travel between processes, and every error helps."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
import threading

import pytest

from napari_splicer import errors
from napari_splicer.errors import SplicerError
from napari_splicer.events import (
    Cancel,
    Checkpointed,
    Event,
    Finished,
    Metrics,
    Progress,
    Started,
    Warned,
)

EVENTS: list[Event] = [
    Started("train", total=10, unit="steps"),
    Progress("train", done=3, total=10, unit="steps", seconds_left=4.5),
    Metrics("train", step=3, values={"loss": 1.5, "rankme/immune": 12.0}),
    Warned("open", "Channel CD3 is constant."),
    Checkpointed("train", step=3, path="model"),
    Finished("train", result=(1, 2), cancelled=True),
]

ERRORS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_event_survives_pickling(event: Event) -> None:
    assert pickle.loads(pickle.dumps(event)) == event


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_event_cannot_be_changed(event: Event) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.stage = "embed"  # type: ignore[misc]


def test_cancel_is_seen_by_another_thread() -> None:
    cancel = Cancel()
    worker = threading.Thread(target=cancel.request)
    worker.start()
    worker.join()
    cancel.request()
    assert cancel.requested


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_error_tells_its_advice_and_survives_pickling(kind: type[SplicerError]) -> None:
    error = kind("The mask has no cells.", "Choose another one.")
    assert str(error) == "The mask has no cells. Choose another one."
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (copy.message, copy.advice) == (error.message, error.advice)


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_error_belongs_to_the_family_and_has_an_exit_code(kind: type[SplicerError]) -> None:
    assert issubclass(kind, SplicerError)
    assert 1 <= kind.exit_code <= 9
    assert kind.__doc__


def test_error_without_advice_ends_cleanly() -> None:
    assert str(SplicerError("The disk is full.")) == "The disk is full."
