"""What the next step sees, made while this one computes."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import torch

from napari_splicer.training.group import ALONE
from napari_splicer.training.schedule import Draws, derive_seed, rows_of_step

if TYPE_CHECKING:
    from napari_splicer.config import RunConfig
    from napari_splicer.training.data import TrainingData
    from napari_splicer.training.group import Group
    from napari_splicer.training.views import Viewed, Views


class _Coming(NamedTuple):
    step: int
    batch: int
    viewed: Future[Viewed]


class Ahead:
    """Makes the views of a step and, on a CPU, at once those of the next in a thread of its own.

    That thread uses one core, so that views do not depend on how many the network has.

    Parameters
    ----------
    data : TrainingData
        Read.
    views : Views
    config : RunConfig
        Resolved.
    group : Group
        The processes that take every step together, each of which sees its part.
    """

    def __init__(
        self, data: TrainingData, views: Views, config: RunConfig, group: Group = ALONE
    ) -> None:
        self._data, self._views, self._group, self._seed = data, views, group, config.seed
        self._coming: _Coming | None = None
        self._pool: ThreadPoolExecutor | None = None
        # A GPU has a step in its queue long before it has computed it: there the CPU has the time.
        if torch.device(config.device).type == "cpu":
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="views-ahead")
            self._pool.submit(torch.set_num_threads, 1).result()
            torch.set_num_threads(torch.get_num_threads())  # else new threads began with one, too

    def __call__(self, step: int, batch: int) -> Viewed:
        """Return what this process sees of a step's patches, of which there are ``batch`` in all.

        They are the same whatever was seen before.
        """
        coming, self._coming = self._coming, None
        if coming is None or (coming.step, coming.batch) != (step, batch):
            coming = self._begun(step, batch)
        viewed = self._made(step, batch) if coming is None else coming.viewed.result()
        self._coming = self._begun(step + 1, batch)
        return viewed

    def close(self) -> None:
        """Make no more, and wait for what is being made."""
        self._coming = None
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _begun(self, step: int, batch: int) -> _Coming | None:
        if self._pool is None:
            return None
        try:
            return _Coming(step, batch, self._pool.submit(self._made, step, batch))
        except RuntimeError:  # Python is ending, and what was learned still to be kept
            return None

    def _made(self, step: int, batch: int) -> Viewed:
        among = self._data.trained_on
        rows_B = among[rows_of_step(self._seed, step, patches=len(among), batch=batch)]
        drawn, part = derive_seed(self._seed, Draws.VIEWS, step), self._group.part(batch)
        return self._views.of_rows(self._data.take, rows_B, drawn, part)
