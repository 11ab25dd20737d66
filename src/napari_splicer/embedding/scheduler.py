"""Reaching a dask.distributed scheduler, and who works for it: all that is told before the work."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_splicer.embedding.pieces import Introduction, different_version, introduce
from napari_splicer.errors import NotInstalled, SplicerError, WorkersFailed
from napari_splicer.versions import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from distributed import Client

    from napari_splicer.config import RunConfig
    from napari_splicer.embedding.resolve import Precision

KEPT = "What was done before is kept; --resume goes on with it."

_SECONDS_TO_CONNECT = 5


@contextmanager
def connected(scheduler: str) -> Iterator[Client]:
    """Give the client of a scheduler, e.g. ``"tcp://host:8786"``.

    Raises
    ------
    NotInstalled
        If dask.distributed is not.
    WorkersFailed
        If the scheduler does not answer, or goes away within the context.
    """
    try:
        from distributed import Client
        from distributed.client import CancelledError
        from distributed.comm import CommClosedError
    except ImportError as error:
        raise NotInstalled(
            "dask.distributed is not installed here.",
            "Install it with: pip install 'napari-splicer[distributed]'",
        ) from error
    try:
        client = Client(scheduler, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WorkersFailed(
            f"No scheduler answers at {scheduler}.",
            "Start one with 'dask scheduler', and give the address that it prints, such as "
            "tcp://host:8786.",
        ) from error
    try:
        with _unlogged("distributed.client"), client:
            yield client
    except (CancelledError, CommClosedError) as error:
        raise WorkersFailed(
            f"The scheduler at {scheduler} went away.",
            f"Start it and its workers anew. {KEPT}",
        ) from error


@contextmanager
def _unlogged(name: str) -> Iterator[None]:
    """Keep a logger quiet: what it says of a lost scheduler ends in a sentence of our own."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def introduced(
    client: Client, paths: Iterable[str], config: RunConfig, trained: RunConfig | None
) -> list[tuple[str, Precision]]:
    """Return device and precision that each worker would choose, once all are found fit.

    Parameters
    ----------
    client : Client
    paths : iterable of str
        That every worker must see.
    config : RunConfig
    trained : RunConfig, optional
        The model's; without it, there is nothing to choose.

    Raises
    ------
    WorkersFailed
        If there are no workers, or one of them has another version of this package or can't see a
        file, naming it.
    InvalidSettings
        If one lacks the device that ``config`` names.
    """
    found = client.run(introduce, tuple(paths), config, trained, on_error="return")
    if not found:
        raise WorkersFailed(
            "The scheduler has no workers.",
            "Start some with 'dask worker' and the scheduler's address, one per GPU.",
        )
    answers = [_checked(worker, answer) for worker, answer in found.items()]
    return [answer.where for answer in answers if answer.where is not None]


def _checked(worker: str, answer: Introduction | Exception) -> Introduction:
    """Return what a worker said of itself, if it can be sent pieces."""
    if isinstance(answer, SplicerError):
        raise type(answer)(f"On the worker {worker}: {answer.message}", answer.advice)
    if isinstance(answer, Exception):
        raise WorkersFailed(
            f"The worker {worker} can't do what it is asked to: {answer}.",
            f"Most often it lacks napari-splicer, or has another version: install {__version__} "
            "there, and start it anew.",
        ) from answer
    if answer.version != __version__:
        raise WorkersFailed(*different_version(worker, answer.version, __version__))
    if answer.missing:
        raise WorkersFailed(
            f"The worker {worker} can't see {', '.join(answer.missing[:3])}.",
            "Put the images where every computer sees them under the same path.",
        )
    return answer
