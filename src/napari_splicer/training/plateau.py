"""Whether a training still gets better: its loss on patches that it never learns from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from napari_splicer.training.device import autocast, seeded
from napari_splicer.training.schedule import Draws, derive_seed, warms_up

if TYPE_CHECKING:
    from napari_splicer.config import RunConfig
    from napari_splicer.model.splicer import SpliCER
    from napari_splicer.training.data import TrainingData
    from napari_splicer.training.views import Views

LEAST_FALL = 1e-3
"""Relative fall of the loss that counts as one."""


class Plateau:
    """Counts the looks at which the loss on held-out patches has not fallen (early stopping).

    Prechelt, "Early Stopping - But When?", in *Neural Networks: Tricks of the Trade* (1998). The
    held-out views are the same at every look, and the network is in evaluation
    mode, so that the loss changes for no other reason than the network.

    Parameters
    ----------
    data : TrainingData
    views : Views
    config : RunConfig
        Resolved.

    Attributes
    ----------
    best : float or None
        Smallest loss so far.
    waited : int
        Looks since then.
    """

    def __init__(self, data: TrainingData, views: Views, config: RunConfig) -> None:
        self._data = data
        self._views = views
        self._config = config
        self._device = torch.device(config.device)
        self.best: float | None = None
        self.waited = 0

    @property
    def reached(self) -> bool:
        """Whether waiting longer is not worth while; never without patience."""
        return 0 < self._config.training.patience <= self.waited

    def look(self, network: SpliCER, batch: int, step: int | None = None) -> dict[str, float]:
        """Return ``held_out_loss`` and remember it; nothing where no patch is held out.

        After a ``step`` at which training warms up it does not count: the loss may well rise.
        ``batch`` patches are looked at together, as many as are trained on together.

        The network's buffers are as before afterwards.
        """
        if not len(self._data.held_out):
            return {}
        loss = self._loss(network, batch)
        training = self._config.training
        if step is not None and warms_up(training, step, training.steps or 0):
            pass
        elif math.isfinite(loss) and (self.best is None or loss < self.best - self._least_fall()):
            self.best, self.waited = loss, 0
        else:
            self.waited += 1
        if step in training.restarts:
            self.begin_anew()
        return {"held_out_loss": loss} if math.isfinite(loss) else {}

    def go_on(self, best: float | None, waited: int, step: int) -> None:
        """Wait on as at a ``step`` of an earlier training; anew, where it was given more steps."""
        self.best, self.waited = best, waited
        if step in self._config.training.restarts:
            self.begin_anew()

    def begin_anew(self) -> None:
        """Forget the losses so far: of batches of another size, many losses are of another size."""
        self.best, self.waited = None, 0

    def _least_fall(self) -> float:
        return LEAST_FALL * abs(self.best or 0.0)

    @torch.no_grad()
    def _loss(self, network: SpliCER, batch: int) -> float:
        """Return the mean loss over the held-out patches, in batches as large as training's."""
        before = [buffer.clone() for buffer in network.buffers()]
        training = network.training
        network.eval()
        total = torch.zeros((), device=self._device)
        batches = torch.split(self._data.held_out, batch)
        try:
            for number, rows_B in enumerate(batches):
                seed = derive_seed(self._config.seed, Draws.HELD_OUT, 1 + number)
                viewed = self._views(self._data.take(rows_B), seed)
                with seeded(seed, self._device), autocast(self._config, self._device):
                    total += network.objective(*viewed).total * len(rows_B)
        finally:
            network.train(training)
            for buffer, value in zip(network.buffers(), before, strict=True):
                buffer.copy_(value)  # some losses keep statistics of what they have seen
        return float(total / len(self._data.held_out))
