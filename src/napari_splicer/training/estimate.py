"""How long a training will take on this computer, measured before it is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.patches.shortage import is_out_of_memory
from napari_splicer.training.device import resolve_device
from napari_splicer.training.schedule import LONGER, count_held_out, count_steps
from napari_splicer.training.speed import faster_precision, measure_step
from napari_splicer.training.widths import count_trial_steps, needs_trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_splicer.config import RunConfig


def estimate_seconds(
    config: RunConfig, patches: int, channels: Sequence[str] = ()
) -> dict[str, float]:
    """Return how long each preset would train on so many patches, by the preset's name.

    Measured by a few steps on noise, a trial of widths included; reading the patches comes on top.
    ``channels`` are the image's, which JE sees all of where there are no components.

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
    device = resolve_device(config.device)
    channels = Decomposition(config.components).channels or tuple(channels)
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
    return {preset: seconds * _with_trial(count, config) for preset, count in steps.items()}


def expected_seconds(run: RunConfig, channels: Sequence[str], done: int = 0) -> float | None:
    """Return how long the steps of a training would take on this computer.

    Measured by a few steps on noise, a trial of widths included; reading the patches comes on top.

    Parameters
    ----------
    run : RunConfig
        Resolved.
    channels : sequence of str
        That the network sees.
    done : int
        Steps that were taken before.

    Returns
    -------
    float or None
        None where a step does not fit into memory: the training will say what comes of that.
    """
    left = max(0, (run.training.steps or 0) - done)
    try:
        return measure_step(run, channels) * _with_trial(left, run)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None


def _with_trial(steps: int, config: RunConfig) -> int:
    return steps + (count_trial_steps(steps) if needs_trial(config) else 0)
