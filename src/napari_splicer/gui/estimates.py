"""How long a training will take here, measured by a few of its steps on random numbers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.gui.commands import spare_threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_splicer.config import RunConfig

_STEPS = 2  # after one that warms up
_REST = 1.25  # reading, augmenting and ranking, relative to the network's own time


def estimate(config: RunConfig, cells: int) -> Mapping[str, float]:
    """Return about how many seconds each preset takes for ``cells`` cells.

    Raises
    ------
    SplicerError
        If no network can be made for these settings.
    """
    from napari_splicer.training.device import resolve_device, threads
    from napari_splicer.training.schedule import LONGER, count_steps

    training = config.training
    batch = min(training.batch, max(2, cells // 2))
    fitting = training.model_copy(update={"batch": batch, "epochs": None, "steps": None})
    device = resolve_device(config.device)
    with threads(config.threads or spare_threads()):
        seconds = _seconds_per_step(config, batch, device.type) * _REST
    return {
        preset: seconds * count_steps(fitting.model_copy(update={"preset": preset}), cells)
        for preset in LONGER
    }


def _seconds_per_step(config: RunConfig, batch: int, device: str) -> float:
    import torch

    from napari_splicer.model.splicer import build_network

    decomposition = Decomposition(config.components)
    channels, size = decomposition.channels, config.patches.size
    network = build_network(config.model, decomposition, channels, size).to(device).train()
    x_BCHW = torch.rand(batch, len(channels), size, size, device=device)
    parts = [len(component.channels) for component in decomposition.components]
    if config.model.objective == "je":
        parts = [len(channels)]
    views = [x_BCHW[:, :count].contiguous() for count in parts]
    start = 0.0
    for step in range(_STEPS + 1):
        if step == 1:
            start = time.perf_counter()
        network.objective(x_BCHW, views).total.backward()  # type: ignore[no-untyped-call]
        network.zero_grad()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / _STEPS
