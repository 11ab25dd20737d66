"""Steps, learning rate and sampling order as functions of the step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_splicer.config import TrainingSettings
from napari_splicer.training.schedule import (
    Draws,
    count_held_out,
    count_steps,
    derive_seed,
    due_for_a_close_look,
    hold_out,
    learning_rate,
    rows_of_step,
)


@pytest.mark.parametrize(
    ("settings", "patches", "steps"),
    [
        ({}, 100, 300),
        ({}, 1920, 450),
        ({}, 10**6, 1500),
        ({"preset": "standard"}, 1920, 1800),
        ({"preset": "thorough"}, 10**6, 24000),
        ({"epochs": 2}, 1920, 30),
        ({"epochs": 2}, 50, 2),
        ({"epochs": 2, "steps": 7}, 1920, 7),
    ],
)
def test_how_long(settings, patches, steps):
    assert count_steps(TrainingSettings(batch=128, **settings), patches) == steps


def test_a_gpu_affords_more_steps_unless_told_how_many():
    quick = TrainingSettings(batch=128)
    assert count_steps(quick, 1920, "cuda:1") == 4 * count_steps(quick, 1920, "cpu") == 1800
    told = TrainingSettings(batch=128, epochs=2)
    assert count_steps(told, 1920, "cuda") == count_steps(told, 1920) == 30


def test_learning_rate_rises_and_falls():
    settings = TrainingSettings(learning_rate=0.1, warmup=0.1)
    curve = [learning_rate(settings, step, 100) for step in range(100)]
    assert curve[:10] == pytest.approx([0.01 * (i + 1) for i in range(10)])
    assert curve[10] == max(curve) == 0.1
    assert curve[55] == pytest.approx(0.05)
    assert curve[10:] == sorted(curve[10:], reverse=True)
    assert 0 < curve[-1] < 1e-4


@given(st.floats(0, 0.99), st.integers(1, 30))
def test_learning_rate_is_never_above_or_below(warmup, steps):
    settings = TrainingSettings(learning_rate=1.0, warmup=warmup)
    assert all(0 <= learning_rate(settings, step, steps) <= 1 for step in range(steps))


@given(st.integers(2, 40), st.integers(2, 10), st.integers(0, 2**32))
def test_every_epoch_sees_patches_once_in_new_order(patches, batch, seed):
    batch = min(batch, patches)
    per_epoch = patches // batch
    epochs = [
        torch.cat(
            [
                rows_of_step(seed, epoch * per_epoch + i, patches=patches, batch=batch)
                for i in range(per_epoch)
            ]
        )
        for epoch in range(2)
    ]
    for rows in epochs:
        assert len(rows) == per_epoch * batch
        assert len(rows.unique()) == len(rows)
        assert 0 <= rows.min() <= rows.max() < patches


def test_order_follows_from_seed_and_step():
    def rows(seed, step):
        return rows_of_step(seed, step, patches=50, batch=10).tolist()

    assert rows(1, 7) == rows(1, 7)
    assert rows(1, 7) != rows(2, 7)
    assert rows(1, 2) != rows(1, 7)


@given(st.integers(2, 3000), st.integers(0, 9))
def test_held_out_patches_are_the_others(patches, seed):
    count = count_held_out(TrainingSettings(patience=3), patches)
    trained_on, held_out = hold_out(seed, patches, count)
    assert sorted([*trained_on.tolist(), *held_out.tolist()]) == list(range(patches))
    assert len(held_out) == count <= len(trained_on)
    assert all(map(torch.equal, hold_out(seed, patches, count), (trained_on, held_out)))


@pytest.mark.parametrize(
    ("patience", "patches", "count"), [(0, 10**6, 0), (3, 500, 50), (3, 10**6, 1024), (3, 16, 8)]
)
def test_a_tenth_is_held_out_where_a_plateau_matters(patience, patches, count):
    assert count_held_out(TrainingSettings(patience=patience), patches) == count


def test_seeds_of_different_purposes_differ():
    seeds = [derive_seed(seed, what, n) for seed in (0, 1) for what in Draws for n in (0, 1)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize(
    ("steps", "expected"), [(30, 0), (300, 6), (1200, 10), (1201, 9), (96_000, 10)]
)
def test_close_looks_are_some_ten_and_evenly_spread(steps, expected):
    settings = TrainingSettings()
    at = [s for s in range(1, steps + 1) if due_for_a_close_look(settings, s, steps)]
    assert len(at) == expected
    assert len(set(np.diff([0, *at]))) == min(1, expected)
