"""The moving average of a network's weights."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from torch.optim.swa_utils import get_ema_multi_avg_fn

if TYPE_CHECKING:
    from napari_splicer.model.splicer import SpliCER


class Average:
    """An exponential moving average of a network, which smooths the noise of single steps.

    Polyak, Juditsky, "Acceleration of Stochastic Approximation by Averaging" (1992). After ``n``
    steps the decay is ``min(decay, (1 + n) / (10 + n))``, so that the average forgets the first
    weights in a short training, too.

    The statistics of batch normalisation are averaged like the weights. They are not those of the
    averaged weights, but near them, as the weights move little within the average's memory; what
    averages weights that lie far apart (SWA, arXiv 1803.05407, section 3) must go through the
    images once more to find them.

    Parameters
    ----------
    network : SpliCER
        Where the average starts.
    decay : float
        Share of the average that outlasts a step, once it is under way.

    Attributes
    ----------
    network : SpliCER
        The average: a network of its own, without gradients.
    """

    def __init__(self, network: SpliCER, decay: float) -> None:
        self.network = deepcopy(network).requires_grad_(requires_grad=False)
        self._decay = decay

    def follow(self, network: SpliCER, step: int) -> None:
        """Move towards the network as it is after ``step`` steps."""
        decay = min(self._decay, (1 + step) / (10 + step))
        means, values = (list(of.state_dict().values()) for of in (self.network, network))
        floats = [i for i, mean in enumerate(means) if mean.is_floating_point()]
        move = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        move([means[i] for i in floats], [values[i] for i in floats], 1)
        for mean, value in zip(means, values, strict=True):
            if not mean.is_floating_point():  # counters
                mean.copy_(value)
