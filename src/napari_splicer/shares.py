"""Work that yields how much of it is done, from 0 to 1, and returns what it made.

Whoever asks for the next share decides whether to go on: a generator that is closed stops there.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeAlias, TypeVar

T = TypeVar("T")
Shares: TypeAlias = Generator[float, None, T]
Report: TypeAlias = Callable[[float], None]
"""What a function that can't yield is given to tell its shares to; see :func:`watched`."""

_LOOK = 0.5  # s between two looks at whether work is done


class _Stop(BaseException):
    """Ends work whose result nobody waits for any more."""


def unheard(_share: float) -> None:
    """Be told a share, and do nothing."""


def finish(shares: Shares[T]) -> T:
    """Let it run to its end and return what it made.

    Examples
    --------
    >>> def work():
    ...     yield 0.5
    ...     return "made"
    >>> finish(work())
    'made'
    """
    while True:
        try:
            next(shares)
        except StopIteration as end:
            made: T = end.value
            return made


def part(shares: Shares[T], start: float, stop: float) -> Shares[T]:
    """Let it run as the part of something longer that goes from ``start`` to ``stop``.

    Examples
    --------
    >>> def work():
    ...     yield 0.5
    ...     yield 1.0
    >>> list(part(work(), 0.2, 0.6))
    [0.4, 0.6]
    """
    try:
        while True:
            yield start + (stop - start) * next(shares)
    except StopIteration as end:
        made: T = end.value
        return made
    finally:
        shares.close()


def watched(work: Callable[[Report], T]) -> Shares[T]:
    """Run a function that reports shares by calling what it is given; stop it at its next report.

    It runs in a thread of its own; closing waits until it has stopped.
    """
    reports: queue.SimpleQueue[float | None] = queue.SimpleQueue()
    closed = threading.Event()

    def report(share: float) -> None:
        if closed.is_set():
            raise _Stop
        reports.put(share)

    with ThreadPoolExecutor(1, thread_name_prefix="napari-splicer-work") as pool:
        made = pool.submit(work, report)
        made.add_done_callback(lambda _: reports.put(None))
        try:
            while (share := reports.get()) is not None:
                yield share
        finally:
            closed.set()
        return made.result()


def waited_for(work: Callable[[], T]) -> Shares[T]:
    """Run a function that reports nothing and can't be stopped, but need not be waited for.

    It runs in a thread of its own, and ends there if this is closed before.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="napari-splicer-work")
    try:
        made = pool.submit(work)
        while not wait([made], _LOOK).done:
            yield 0.0
        return made.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
