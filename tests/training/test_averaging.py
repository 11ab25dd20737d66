"""A moving average of the weights makes the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from napari_splicer.errors import InvalidModel
from napari_splicer.events import Cancel, Progress
from napari_splicer.training.averaging import Average
from napari_splicer.training.checkpoint import checkpoint_path
from napari_splicer.training.learner import Learner
from napari_splicer.training.trainer import fit


@pytest.fixture(scope="module")
def averaged(quick):
    return quick.with_values({"training.ema": 0.9, "training.learning_rate": 0.01})


def test_the_average_is_the_formula_in_numpy():
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    average = Average(network, 0.5)
    expected = [value.double().numpy() for value in network.state_dict().values()]
    rng = np.random.default_rng(0)
    for step in range(1, 30):
        for name, value in network.state_dict().items():
            drawn = rng.normal(size=value.shape) if value.is_floating_point() else step
            value.copy_(torch.as_tensor(drawn))
            assert average.network.state_dict()[name] is not value
        average.follow(network, step)
        decay = min(0.5, (1 + step) / (10 + step))
        for i, value in enumerate(network.state_dict().values()):
            now = value.double().numpy()
            still = decay if value.is_floating_point() else 0
            expected[i] = still * expected[i] + (1 - still) * now
    for got, wanted in zip(average.network.state_dict().values(), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5)
    assert average.network[1].num_batches_tracked == 29
    assert not any(p.requires_grad for p in average.network.parameters())
    assert all(p.requires_grad for p in network.parameters())


def test_the_bundle_and_its_ranks_are_the_averages(field, quick, averaged, monkeypatch):
    learners, begin = [], Learner.__init__

    def watched(self, *args):
        learners.append(self)
        begin(self, *args)

    monkeypatch.setattr(Learner, "__init__", watched)
    plain = list(fit([field], averaged.with_values({"training.ema": 0})))[-1].result
    bundle = list(fit([field], averaged))[-1].result
    last = {k: v.cpu() for k, v in learners[-1].network.state_dict().items()}
    assert all(torch.equal(v, last[k]) for k, v in plain.network.state_dict().items()), (
        "averaging does not change how weights are learned"
    )
    weight = "encoder.stem.0.weight"
    assert not torch.equal(bundle.network.state_dict()[weight], last[weight])
    assert bundle.network is learners[-1].model
    assert bundle.history["loss"] == plain.history["loss"]
    assert bundle.history["rankme"] != plain.history["rankme"]


@pytest.mark.parametrize("loss", ["vicreg", "byol"])
def test_resumed_it_is_the_same_average_to_the_last_bit(loss, field, averaged, tmp_path):
    averaged = averaged.with_values({"model.loss": loss})
    whole = list(fit([field], averaged))[-1].result
    cancel = Cancel()
    for event in fit([field], averaged, folder=tmp_path, cancel=cancel):
        if isinstance(event, Progress) and event.unit == "steps" and event.done == 2:
            cancel.request()
    resumed = list(fit([field], averaged, folder=tmp_path, resume=True))[-1].result
    assert resumed.hash == whole.hash
    assert resumed.history == whole.history


def test_a_checkpoint_without_the_average_is_refused(field, averaged, tmp_path):

    list(fit([field], averaged, folder=tmp_path))
    path = checkpoint_path(tmp_path)
    with safe_open(path, "pt") as file:
        about = file.metadata()
    tensors = {k: v for k, v in load_file(path).items() if not k.startswith("average/")}
    save_file(tensors, path, metadata=about)
    with pytest.raises(InvalidModel, match="do not fit the network"):
        list(fit([field], averaged, folder=tmp_path, resume=True))
