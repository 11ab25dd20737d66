"""How long a training will take on this computer, measured before it is started."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.model.objectives import build_network
from napari_splicer.patches.augmentation import padded_size
from napari_splicer.patches.reader import PatchBatch
from napari_splicer.training.device import autocast, resolve_device, resolve_precision, threads
from napari_splicer.training.schedule import LONGER, count_held_out, count_steps
from napari_splicer.training.views import Views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_splicer.config import RunConfig

_TIMED = 3


def estimate_seconds(config: RunConfig, patches: int) -> dict[str, float]:
    """Return how long each preset would train on so many patches, by the preset's name.

    Measured by a few steps on noise; reading the patches comes on top.

    Raises
    ------
    SplicerError
        If no network can be made for these settings, or the device is not there.
    """
    training = config.training.model_copy(
        update={
            "batch": min(config.training.batch, max(2, patches // 2)),
            "epochs": None,
            "steps": None,
        }
    )
    fitting = config.model_copy(update={"training": training})
    trained_on = patches - count_held_out(training, patches)
    seconds = measure_step(fitting, Decomposition(config.components).channels)
    return {
        preset: seconds * count_steps(training.model_copy(update={"preset": preset}), trained_on)
        for preset in LONGER
    }


def measure_step(config: RunConfig, channels: Sequence[str]) -> float:
    """Return the seconds that one training step takes: views, forward, backward.

    Takes a few steps on noise; the fastest of them counts, as another program may be busy too.

    Parameters
    ----------
    config : RunConfig
    channels : sequence of str
        Those that the primary will see.
    """
    device = resolve_device(config.device)
    config = config.model_copy(update={"precision": resolve_precision(config.precision, device)})
    network = build_network(
        config.model, Decomposition(config.components), channels, config.patches.size
    ).to(device)
    views = Views(config, channels, whole=network.whole_second_view, parts=network.sees_parts)
    batch = _noise(config, len(channels), len(views.regions), device)
    times = []
    with threads(config.threads):
        for step in range(1 + _TIMED):
            start = time.perf_counter()
            x_BCHW, second = views(batch, seed=step)
            with autocast(config, device):
                total = network.objective(x_BCHW, second).total
            total.backward()  # type: ignore[no-untyped-call]
            total.item()  # waits for the device
            times.append(time.perf_counter() - start)
    return min(times[1:])


def _noise(config: RunConfig, channels: int, regions: int, device: torch.device) -> PatchBatch:
    count, side = config.training.batch, padded_size(config.augmentation, config.patches.size)
    generator = torch.Generator().manual_seed(0)
    ids_B = torch.arange(1, count + 1)
    batch = PatchBatch(
        x_BCHW=torch.rand((count, channels, side, side), generator=generator),
        labels_BHW=ids_B[:, None, None].expand(count, side, side),
        regions_BRHW=torch.ones((count, regions, side, side), dtype=torch.bool),
        id_B=ids_B,
        index_B=ids_B - 1,
        field_B=torch.zeros(count, dtype=torch.int64),
    )
    return batch.to(device)
