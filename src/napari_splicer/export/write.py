"""Planned files → events, of which the last holds what was written."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_splicer.events import Finished, Progress, Started, Warned
from napari_splicer.files import remove
from napari_splicer.shares import watched

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from napari_splicer.events import Cancel, Event
    from napari_splicer.export.plan import ExportTask

_TOLD = 0.2  # s between two events at least: a small file has many tiles


def write_all(tasks: Sequence[ExportTask], *, overwrite: bool, cancel: Cancel) -> Iterator[Event]:
    """Write file after file; see :func:`napari_splicer.pipeline.export`.

    A stop is heeded within a file, of which nothing is kept then. Files that were complete are
    taken back, unless with ``overwrite`` they may have replaced others.
    """
    files = f"{len(tasks)} file{'s' * (len(tasks) > 1)}"
    yield Started("export", total=100, unit="%", message=f"Writing {files}")
    written: list[Path] = []
    total, before = sum(task.weight for task in tasks) or 1.0, 0.0
    for task in tasks:
        remarks = yield from _one(task, before / total, task.weight / total, cancel)
        before += task.weight
        if remarks is None:
            while written and not overwrite:
                remove(written.pop())
            yield Finished("export", tuple(written), cancelled=True, message=_kept(len(written)))
            return
        for remark in remarks:
            yield Warned("export", remark)
        written.extend(task.paths)
    yield Finished("export", tuple(written))


def _kept(count: int) -> str:
    """Say what is left of an export that was stopped."""
    if not count:
        return "What it had written was taken back."
    return f"Complete, and kept: {count} file{'s' * (count > 1)}."


def _one(
    task: ExportTask, before: float, weight: float, cancel: Cancel
) -> Generator[Event, None, tuple[str, ...] | None]:
    """Write one file, this part of the whole; return remarks, None where it was stopped."""
    made: list[tuple[str, ...]] = []  # it may be complete when it is stopped
    shares = watched(lambda report: made.append(task.write(report)))
    told = -_TOLD
    try:
        while not cancel.requested:
            done = before + weight * next(shares)
            if time.perf_counter() - told >= _TOLD:
                told = time.perf_counter()
                yield Progress("export", int(100 * done), 100, "%", message=task.path.name)
    except StopIteration:
        pass
    finally:
        shares.close()
    return made[0] if made else None
