"""How long a training will take on this computer, measured before it is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.training.device import resolve_device
from napari_splicer.training.schedule import LONGER, count_held_out, count_steps
from napari_splicer.training.speed import faster_precision, measure_step
from napari_splicer.training.widths import count_trial_steps, needs_trial

if TYPE_CHECKING:
    from napari_splicer.config import RunConfig


def estimate_seconds(config: RunConfig, patches: int) -> dict[str, float]:
    """Return how long each preset would train on so many patches, by the preset's name.

    Measured by a few steps on noise, a trial of widths included; reading the patches comes on top.

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
    device, channels = resolve_device(config.device), Decomposition(config.components).channels
    fitting = config.model_copy(update={"training": training, "device": str(device)})
    if fitting.precision == "auto":
        precision = faster_precision(fitting, channels)
        fitting = fitting.model_copy(update={"precision": precision})
    trained_on = patches - count_held_out(training, patches)
    seconds = measure_step(fitting, channels)
    presets = {preset: training.model_copy(update={"preset": preset}) for preset in LONGER}
    steps = {
        preset: count_steps(settings, trained_on, str(device))
        for preset, settings in presets.items()
    }
    trial = needs_trial(config)
    return {
        preset: seconds * (count + (count_trial_steps(count) if trial else 0))
        for preset, count in steps.items()
    }
