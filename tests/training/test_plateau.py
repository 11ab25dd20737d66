"""Stopping where the loss on held-out patches no longer falls."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.events import Cancel, Finished, Metrics, Progress, Warned
from napari_splicer.model.objectives import build_network
from napari_splicer.model.splicer import SpliCER
from napari_splicer.training.checkpoint import has_unfinished, read_record
from napari_splicer.training.data import TrainingData
from napari_splicer.training.learner import Learner
from napari_splicer.training.plateau import Plateau
from napari_splicer.training.resolve import resolve, seen_channels
from napari_splicer.training.trainer import fit
from napari_splicer.training.views import Views


@pytest.fixture(scope="module")
def patient(quick):
    return quick.with_values({"training.patience": 2})


def parts_of(field, patient):
    """Return the data, views, settings and network of a training."""
    run, channels = resolve(patient, [field]), seen_channels(patient, [field])
    data = TrainingData([field], run, channels)
    assert list(data.read())[-1] == len(data)
    network = build_network(run.model, Decomposition(run.components), channels, run.patches.size)
    views = Views.of_network(network, run, channels)
    return data, views, run, network.train()


@pytest.fixture(scope="module")
def parts(field, patient):
    return parts_of(field, patient)


@pytest.fixture
def losses(monkeypatch):
    """Let the loss be what the test says, look by look; training goes on as before."""
    objective, told = SpliCER.objective, []

    def scripted(self, x_BCHW, views, present=None):
        terms = objective(self, x_BCHW, views, present)
        if self.training:
            return terms
        return terms._replace(total=torch.tensor(told.pop(0) if len(told) > 1 else told[0]))

    monkeypatch.setattr(SpliCER, "objective", scripted)
    return told


def looked(plateau, network, told, losses):
    told[:] = [loss for loss in losses for _ in plateau._data.held_out.split(16)]
    return [(plateau.look(network, 16), plateau.waited)[1] for _ in losses]


@pytest.mark.parametrize(
    ("script", "waited"),
    [
        ([5.0, 4.0, 3.0], [0, 0, 0]),
        ([5.0, 5.0, 4.9999], [0, 1, 2]),
        ([5.0, 6.0, 4.0, 4.5], [0, 1, 0, 1]),
        ([-5.0, -4.9, -5.1], [0, 1, 0]),
        ([5.0, float("nan"), 4.0], [0, 1, 0]),
        ([float("nan"), 5.0], [1, 0]),
    ],
)
def test_looks_without_a_fall_are_counted(script, waited, parts, losses):
    *given, network = parts
    plateau = Plateau(*given)
    assert looked(plateau, network, losses, script) == waited
    assert plateau.reached == (waited[-1] >= 2)


@pytest.mark.parametrize("loss", ["vicreg", "dino", "lejepa"])
def test_a_look_is_repeatable_and_changes_nothing(loss, field, patient):
    """Also where the loss keeps statistics, or draws at random."""
    data, views, run, network = parts_of(field, patient.with_values({"model.loss": loss}))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    first, second = (Plateau(data, views, run).look(network, 16) for _ in range(2))
    assert first == second
    assert np.isfinite(first["held_out_loss"])
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_held_out_patches_are_never_trained_on(field, patient, monkeypatch):
    taken, take, advance = [], TrainingData.take, Learner.advance
    trained, held_out = set(), set()

    def watched(self, rows_B):
        taken.extend(rows_B.tolist())
        held_out.update(self.held_out.tolist())
        return take(self, rows_B)

    def step(self):
        taken.clear()
        outcome = advance(self)
        trained.update(taken)
        return outcome

    monkeypatch.setattr(TrainingData, "take", watched)
    monkeypatch.setattr(Learner, "advance", step)
    list(fit([field], patient.with_values({"training.epochs": 2, "training.steps": None})))
    assert len(held_out) > 8
    assert not trained & held_out
    assert len(trained) > 4 * len(held_out)


def test_training_stops_on_a_plateau_and_says_so(field, patient, losses, tmp_path):
    losses[:] = [3.0]
    long = patient.with_values({"training.steps": 25, "training.warmup": 0})
    events = list(fit([field], long, folder=tmp_path))
    last = events[-1]
    assert isinstance(last, Finished)
    assert not last.cancelled
    assert last.message == "Trained for 3 of 25 steps."
    (said,) = [e.message for e in events if isinstance(e, Warned) and "early" in e.message]
    assert "after 3 of 25 steps" in said
    assert last.result.history["held_out_loss"] == [(1, 3.0), (2, 3.0), (3, 3.0)]
    assert last.result.config.training.steps == 25, "the learning rate follows the same cosine"
    assert not has_unfinished(tmp_path)
    again = list(fit([field], long, folder=tmp_path, resume=True))
    assert not [event for event in again if isinstance(event, Metrics)]


def test_without_patience_nothing_is_held_out(field, quick):
    result = list(fit([field], quick))[-1].result
    assert "held_out_loss" not in result.history


@pytest.mark.parametrize("stop", [2, 3])
def test_resumed_it_waits_as_if_uninterrupted(stop, field, patient, losses, tmp_path):
    def script():
        batches = -(-len(field.cells.cells()) // 10 // 16) + 1
        losses[:] = [5.0] * batches + [4.0] * batches + [4.5]

    script()
    whole = list(fit([field], patient, folder=tmp_path / "whole"))[-1].result
    script()
    cancel = Cancel()
    for event in fit([field], patient, folder=tmp_path / "parts", cancel=cancel):
        if isinstance(event, Progress) and event.unit == "steps" and event.done == stop:
            cancel.request()
    resumed = list(fit([field], patient, folder=tmp_path / "parts", resume=True))[-1].result
    assert resumed.history == whole.history
    assert resumed.hash == whole.hash
    one, other = (read_record(tmp_path / name) for name in ("whole", "parts"))
    assert one == other
    assert one.waited == 2
    assert one.complete


def test_the_loss_on_patches_never_seen_falls(field, quick):
    run = quick.with_values(
        {"training.steps": 60, "training.learning_rate": 3e-3, "training.patience": 25}
    )
    loss = [value for _, value in list(fit([field], run))[-1].result.history["held_out_loss"]]
    assert len(loss) == 30  # at every other step
    assert min(loss[-3:]) < 0.9 * loss[0]
