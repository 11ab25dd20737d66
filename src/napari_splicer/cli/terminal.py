"""How a running stage is shown: progress on the terminal, JSON lines for programs, Ctrl+C.

Progress, warnings and errors go to standard error; what was asked for (a description, the files
written, JSON lines) to standard output.
"""

from __future__ import annotations

import dataclasses
import json
import math
import signal
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from napari_splicer.events import (
    Cancel,
    Checkpointed,
    Event,
    Finished,
    Metrics,
    Progress,
    Started,
    Warned,
    duration,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from types import FrameType

    from rich.console import Console

    from napari_splicer.errors import SplicerError

_STAGES = {
    "open": "Opening",
    "segment": "Segmenting",
    "train": "Training",
    "embed": "Embedding",
    "cluster": "Clustering",
    "export": "Exporting",
    "compare": "Compare",
    "demo": "Demonstration",
}


def event_as_json(event: Event) -> dict[str, Any]:
    """Return what ``--json`` prints for ``event``: its kind and its fields, without the result.

    Examples
    --------
    >>> event_as_json(Progress("train", done=3, total=10, unit="steps"))["done"]
    3
    """
    fields = {
        field.name: getattr(event, field.name)
        for field in dataclasses.fields(event)
        if field.name != "result"
    }
    if isinstance(event, Metrics):
        fields["values"] = {
            key: value if math.isfinite(value) else None for key, value in event.values.items()
        }
    return {"event": type(event).__name__.lower(), **fields}


class Display(Protocol):
    """What shows events and lines; a context, because a progress bar must be taken down.

    ``quiet``: notes are not shown, so they need not be worked out.
    """

    quiet: bool

    def __enter__(self) -> Display: ...

    def __exit__(self, *exception: object) -> None: ...

    def show(self, event: Event) -> None:
        """Show one event."""

    def tell(self, kind: str, content: Mapping[str, Any], words: str) -> None:
        """Give something that was asked for, as ``content`` to programs or ``words`` to people."""

    def note(self, words: str) -> None:
        """Say something to the person in front of the terminal."""

    def fail(self, error: SplicerError) -> None:
        """Say what went wrong and what to do."""


class JsonLines:
    """One JSON object per line on standard output, and nothing else there."""

    quiet = False

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(self, *exception: object) -> None:
        sys.stdout.flush()

    def show(self, event: Event) -> None:
        """Print the event."""
        self._print(event_as_json(event))

    def tell(self, kind: str, content: Mapping[str, Any], words: str) -> None:
        """Print ``content``."""
        self._print({"event": kind, **content})

    def note(self, words: str) -> None:
        """Print a note to standard error, where it disturbs no program."""
        print(words, file=sys.stderr)  # noqa: T201

    def fail(self, error: SplicerError) -> None:
        """Print the error."""
        self._print(
            {
                "event": "error",
                "kind": type(error).__name__,
                "message": error.message,
                "advice": error.advice,
                "exit_code": error.exit_code,
            }
        )

    @staticmethod
    def _print(content: Mapping[str, Any]) -> None:
        print(json.dumps(content, allow_nan=False, default=str), flush=True)  # noqa: T201


class Prose:
    """Progress bars where standard error is a terminal, a line per stage where it is not.

    Parameters
    ----------
    quiet : bool
        Show warnings and errors alone.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bars

        self.out: Console = Console(soft_wrap=True, highlight=False)
        self.err: Console = Console(stderr=True, soft_wrap=True, highlight=False)
        self.quiet = quiet
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]} {task.fields[note]}"),
            console=self.err,
            disable=quiet or not self.err.is_terminal,
        )
        self._task = self._bars.add_task("", total=None, visible=False, unit="", note="")

    def __enter__(self) -> Prose:
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def show(self, event: Event) -> None:
        """Show the event; numbers that only a program needs are left out."""
        match event:
            case Started():
                self._start(event)
            case Progress():
                self._bars.update(
                    self._task,
                    completed=event.done,
                    total=event.total,
                    unit=event.unit,
                    note=_time_left(event.seconds_left),
                )
            case Metrics(values=values) if "loss" in values:
                self._bars.update(
                    self._task, description=f"{_STAGES[event.stage]}, loss {values['loss']:.3g}"
                )
            case Warned():
                self.err.print("Note:", style="yellow", end=" ")
                self.err.print(event.message, markup=False)
            case Finished():
                self._finish(event)
            case Metrics() | Checkpointed():
                pass

    def _start(self, event: Started) -> None:
        name = _STAGES[event.stage]
        self._bars.reset(
            self._task, total=event.total, description=name, visible=True, unit=event.unit, note=""
        )
        if self._bars.disable:
            amount = f" ({event.total:,} {event.unit})" if event.total and event.unit else ""
            self.note(f"{event.message or name + amount} …")

    def _finish(self, event: Finished) -> None:
        self._bars.update(self._task, visible=False)
        if event.message:
            self.note(event.message)

    def tell(self, kind: str, content: Mapping[str, Any], words: str) -> None:
        """Print ``words`` to standard output; where files went is no news to the quiet."""
        if not (self.quiet and kind == "written"):
            self.out.print(words, markup=False)

    def note(self, words: str) -> None:
        """Print to standard error, unless quiet."""
        if not self.quiet:
            self.err.print(words, markup=False)

    def fail(self, error: SplicerError) -> None:
        """Print the sentence in red and the advice below it."""
        self.err.print(error.message, style="red", markup=False)
        if error.advice:
            self.err.print(error.advice, markup=False)


def _time_left(seconds: float | None) -> str:
    """Return a time left in words.

    Examples
    --------
    >>> _time_left(200)
    'about 3 min left'
    """
    return "" if seconds is None else f"about {duration(seconds)} left"


class Terminal:
    """What a verb speaks through.

    Parameters
    ----------
    display : Display
        Shows events and words.

    Attributes
    ----------
    cancel : Cancel
        Asked for by the first Ctrl+C while a stage plays or its result is kept; the second one
        ends the program.
    """

    def __init__(self, display: Display) -> None:
        self.display = display
        self.cancel = Cancel()

    @property
    def stopped(self) -> bool:
        """Whether the person asked to stop."""
        return self.cancel.requested

    def play(self, events: Iterable[Event]) -> Any:
        """Show ``events`` as they come; return the last one's result."""
        last: Event | None = None
        with ExitStack() as stack:
            stack.enter_context(self.stoppable())
            stack.enter_context(self.display)
            for last in events:
                self.display.show(last)
        if not isinstance(last, Finished):
            raise TypeError("a stage must end with Finished")
        return last.result

    def wrote(self, what: str, path: Path) -> None:
        """Say where ``what`` lies now."""
        content = {"what": what, "path": str(path)}
        self.display.tell("written", content, f"{what}: {path}")

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """Turn the first Ctrl+C into a wish to stop that keeps what is done."""
        if self.stopped:
            yield
            return

        def ask(number: int, frame: FrameType | None) -> None:
            self.cancel.request()
            signal.signal(signal.SIGINT, before)
            self.display.note(
                "Stopping after this step; what is done is kept. Ctrl+C again ends it at once."
            )

        before = signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
