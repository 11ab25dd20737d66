"""What a running stage says. Frozen and picklable, so that any roof can show or log it.

Every verb of :mod:`napari_splicer.pipeline` is an iterator of these. The last one is always
:class:`Finished` (unless an error is raised). Stopping goes through a :class:`Cancel` token, which
a stage looks at once per batch: it then keeps what is done and ends with
``Finished(..., cancelled=True)``.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

Stage: TypeAlias = Literal[
    "open", "segment", "train", "embed", "cluster", "export", "compare", "demo"
]


@dataclass(frozen=True, slots=True)
class Started:
    """A stage begins. ``total`` is how many ``unit`` it will do, where that is known."""

    stage: Stage
    total: int | None = None
    unit: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` ``unit``; ``seconds_left`` is an estimate, None while unknown."""

    stage: Stage
    done: int
    total: int | None = None
    unit: str = ""
    seconds_left: float | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Numbers at one training step.

    Keys: ``loss``, ``loss/<component>``, ``held_out_loss``, ``learning_rate``, ``rankme``,
    ``rankme/<component>``, ``patches_per_second``, ``memory_gb`` (of the process) and
    ``device_memory_gb`` (of a GPU, by the process). Some ten times in a training also
    ``alignment/<component>``, ``alignment_shuffled/<component>``, ``r2``, ``r2/<component>``,
    ``cka`` and ``cka/<component> and <component>``: see :func:`training.looks.closely`. Not every
    event carries every key.
    """

    stage: Stage
    step: int
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the user should know; the stage goes on."""

    stage: Stage
    message: str


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """Everything up to ``step`` is on disk at ``path``."""

    stage: Stage
    step: int
    path: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The stage ended. ``result`` is what it made; with ``cancelled``, what it had made so far."""

    stage: Stage
    result: Any = None
    cancelled: bool = False
    message: str = ""


Event: TypeAlias = Started | Progress | Metrics | Warned | Checkpointed | Finished


class Cancel:
    """A token that asks a running stage to stop; safe to call from any thread, any number of times.

    Training can also be asked to pause: it holds between two steps until it is asked to go on, or
    to stop.

    Examples
    --------
    >>> cancel = Cancel()
    >>> cancel.requested
    False
    >>> cancel.request()
    >>> cancel.requested
    True
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._going = threading.Event()
        self._going.set()

    def request(self) -> None:
        """Ask the stage to stop at its next batch, even if it is paused."""
        self._event.set()
        self._going.set()

    def pause(self) -> None:
        """Ask the stage to hold; one that was asked to stop stops."""
        self._going.clear()
        if self._event.is_set():
            self._going.set()

    def go_on(self) -> None:
        """End the pause."""
        self._going.set()

    @property
    def paused(self) -> bool:
        """Whether the stage is asked to hold."""
        return not self._going.is_set()

    def still_paused(self, seconds: float) -> bool:
        """Wait for the end of the pause, so many seconds at most; return whether it goes on."""
        return not self._going.wait(seconds)

    @property
    def requested(self) -> bool:
        """Whether a stop was asked for."""
        return self._event.is_set()


def through(events: Iterable[Event]) -> Generator[Event, None, Finished]:
    """Hand a stage's events on, within a longer one; return its last event."""
    for event in events:
        yield event
        if isinstance(event, Finished):
            return event
    raise TypeError("a stage must end with Finished")


def duration(seconds: float) -> str:
    """Return a length of time in words, rounded as far as an estimate deserves.

    Examples
    --------
    >>> duration(42), duration(200), duration(5000)
    ('42 s', '3 min', '1.4 h')
    """
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.2g} h"
