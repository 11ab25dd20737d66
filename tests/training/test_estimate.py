"""The time a training will take."""

from __future__ import annotations

import time

import pytest
import torch

from napari_splicer.config import TrainingSettings
from napari_splicer.events import Metrics
from napari_splicer.training.estimate import estimate_seconds
from napari_splicer.training.speed import measure_step
from napari_splicer.training.trainer import fit


@pytest.mark.parametrize(("patches", "steps"), [(1920, 450), (20, 300)])
def test_presets_take_as_long_as_their_steps(quick, patches, steps):
    config = quick.model_copy(
        update={"training": TrainingSettings(steps=3, batch=128), "threads": 1}
    )
    seconds = estimate_seconds(config, patches)
    assert seconds["standard"] == pytest.approx(4 * seconds["quick"])
    assert seconds["thorough"] == pytest.approx(16 * seconds["quick"])
    assert 0 < seconds["quick"] / steps < 30


@pytest.mark.parametrize("objective", ["splicer", "je"])
def test_a_measured_step_is_about_as_long_as_a_real_one(field, quick, objective):
    config = quick.with_values({"model.objective": objective, "training.steps": 20})
    events = fit([field], config)
    next(event for event in events if isinstance(event, Metrics))
    start = time.process_time()
    list(events)
    real = (time.process_time() - start) / 19
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    measured = measure_step(config, field.image.channels[:3])
    assert real / 10 < measured < real * 50  # the machine may be busy
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
