"""The time a training will take."""

from __future__ import annotations

import time

import pytest
import torch

from napari_splicer.config import TrainingSettings
from napari_splicer.events import Metrics
from napari_splicer.training import estimate
from napari_splicer.training.estimate import estimate_seconds, expected_seconds
from napari_splicer.training.resolve import resolve, seen_channels
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


def test_what_is_left_of_a_training_takes_less_time_than_all_of_it(field, quick, monkeypatch):
    run = resolve(quick.with_values({"training.steps": 40}), [field])
    channels = seen_channels(run, [field])
    monkeypatch.setattr(estimate, "measure_step", lambda *_: 0.5)
    assert expected_seconds(run, channels) == 20
    assert expected_seconds(run, channels, done=30) == 5
    assert expected_seconds(run, channels, done=40) == 0
    trial = run.with_values({"model.widths": "automatic"})
    open_widths = tuple(c.model_copy(update={"width": None}) for c in run.components)
    trial = trial.model_copy(update={"components": open_widths})
    assert expected_seconds(trial, channels) > 20


def test_a_step_that_memory_does_not_hold_is_no_reason_not_to_begin(field, quick, monkeypatch):
    def too_large(*_):
        raise MemoryError

    run = resolve(quick, [field])
    monkeypatch.setattr(estimate, "measure_step", too_large)
    assert expected_seconds(run, seen_channels(run, [field])) is None


def test_je_without_components_is_timed_on_the_channels_of_the_image(field, quick):
    config = quick.with_values({"components": (), "model.objective": "je"})
    assert estimate_seconds(config, 100, field.image.channels)["quick"] > 0


def test_measuring_leaves_random_numbers_alone_whatever_the_loss_draws(field, quick):
    before = torch.get_rng_state()
    measure_step(quick.with_values({"model.loss": "lejepa"}), field.image.channels[:3])
    assert torch.equal(torch.get_rng_state(), before)
