"""Batches on their way through a network: on a CPU several at a time, each on a core of its own."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import torch

from napari_splicer.embedding.table import MATRICES
from napari_splicer.events import Warned
from napari_splicer.training.device import threads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_splicer.embedding.forward import Forward
    from napari_splicer.patches.reader import PatchBatch

_MOST = 16
"""Batches on their way at a time. By its share of the time on two cores, one thread cuts patches
out for about as many; further cores share them."""


class Found(NamedTuple):
    """Rows of a reader's sites, and what was found of them, by the name of the matrix."""

    rows: NDArray[np.int64]
    matrices: dict[str, NDArray[np.float32]]


class Passes:
    """Takes batches in and gives what the network makes of them, in the same order.

    With all cores at work on one batch, each waits for the slowest after every layer, and reading,
    which goes on beside, makes one the slowest all the time. With a batch each nobody waits:
    measured on two cores, 1.3 times the patches per second. An accelerator does one at a time.

    Parameters
    ----------
    forward : Forward
    pool : ThreadPoolExecutor, optional
        Where batches go through the network side by side; without it, at once and one by one.
    most : int
        How many are on their way before the first is waited for.
    """

    def __init__(
        self, forward: Forward, pool: ThreadPoolExecutor | None = None, most: int = 0
    ) -> None:
        self._forward, self._pool, self._most = forward, pool, most
        self._at_a_time = forward.most
        self._coming: deque[tuple[PatchBatch, Future[tuple[Tensor, Tensor]]]] = deque()

    @classmethod
    @contextmanager
    def begun(cls, forward: Forward) -> Iterator[Passes]:
        """Give one that has this process's cores within the context."""
        cores = torch.get_num_threads()
        if forward.device.type != "cpu" or cores == 1:
            yield cls(forward)
            return
        forward.prepare()
        count = min(cores, _MOST)
        with (
            threads(cores // count),
            ThreadPoolExecutor(count, thread_name_prefix="embed") as pool,
        ):
            passes = cls(forward, pool, count + 1)
            try:
                yield passes
            finally:
                passes.drop()

    def put(self, batch: PatchBatch, most: int | None = None) -> Iterator[Found | Warned]:
        """Take a batch in; yield what has come out meanwhile.

        ``most`` is how many patches the device's memory holds where they are cut out, if told.
        """
        if most is not None:
            self._forward.most = min(self._forward.most, most)
        if self._pool is None:
            yield from self._told(_found(batch, self._forward(batch)))
            return
        self._coming.append((batch, self._pool.submit(self._forward, batch)))
        while len(self._coming) > self._most or (self._coming and self._coming[0][1].done()):
            yield from self._next()

    def rest(self) -> Iterator[Found | Warned]:
        """Yield what is still to come."""
        while self._coming:
            yield from self._next()

    def drop(self) -> None:
        """Begin with none of those that wait."""
        for _, future in self._coming:
            future.cancel()
        self._coming.clear()

    def _next(self) -> Iterator[Found | Warned]:
        batch, future = self._coming.popleft()
        return self._told(_found(batch, future.result()))

    def _told(self, found: Found) -> Iterator[Found | Warned]:
        """Yield what was found, and whether fewer patches go at a time than before."""
        yield found
        before, self._at_a_time = self._at_a_time, self._forward.most
        if self._at_a_time < before:
            yield Warned(
                "embed",
                f"The device's memory does not hold {before} patches at once, so "
                f"{self._at_a_time} at a time are embedded (embedding.batch).",
            )


def _found(batch: PatchBatch, tensors: tuple[Tensor, Tensor]) -> Found:
    matrices = (tensor.numpy() for tensor in tensors)
    return Found(batch.index_B.cpu().numpy(), dict(zip(MATRICES, matrices, strict=True)))
