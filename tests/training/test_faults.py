"""Training when things go wrong: losses that are no numbers, memory and disks that are full."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
import torch
from trained import of, same, stop_after

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.errors import (
    CannotWrite,
    TrainingFailed,
)
from napari_splicer.events import Cancel, Metrics, Warned
from napari_splicer.model.losses.registry import LOSSES
from napari_splicer.model.objectives import build_network
from napari_splicer.model.splicer import SpliCER
from napari_splicer.training.data import TrainingData
from napari_splicer.training.learner import Learner
from napari_splicer.training.resolve import resolve, seen_channels
from napari_splicer.training.trainer import fit
from napari_splicer.training.views import Views

SHORT = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"),
    RuntimeError("MPS backend out of memory (MPS allocated: 8 GB, max allowed: 9 GB)."),
)


def faulty(monkeypatch, fault):
    """Let the objective be disturbed by ``fault(call, terms, x)``."""
    objective, calls = SpliCER.objective, []

    def disturbed(self, x_BCHW, views, present=None):
        calls.append(len(x_BCHW))
        terms = objective(self, x_BCHW, views, present)
        return fault(len(calls), terms, len(x_BCHW))

    monkeypatch.setattr(SpliCER, "objective", disturbed)
    return calls


def learner_of(field, config):
    channels = seen_channels(config, [field])
    run = resolve(config, [field])
    data = TrainingData([field], run, channels)
    for _ in data.read():
        pass
    network = build_network(
        run.model, Decomposition(run.components), channels, run.patches.size, seed=run.seed
    )
    return Learner(network, data, Views.of_network(network, run, channels), run)


def test_weights_beyond_all_numbers_end_in_a_sentence_not_in_a_crash(field, quick):
    wild = quick.with_values({"training.learning_rate": 1e6, "training.clip": 1e9})
    learner = learner_of(field, wild)
    with torch.no_grad():
        for parameter in learner.network.parameters():
            parameter.fill_(float("inf"))
    assert not any(name.startswith("rankme") for name in learner.look())
    learner.advance()
    assert all(math.isfinite(v) for curve in learner.history.values() for _, v in curve)


def test_a_step_whose_loss_is_not_a_number_is_skipped(field, quick, monkeypatch):
    faulty(monkeypatch, lambda n, t, _: t._replace(total=t.total * float("nan")) if n == 3 else t)
    events = list(fit([field], quick))
    (warning,) = [w for w in of(Warned, events) if "skipped" in w.message]
    assert "Step 3 was skipped" in warning.message
    bundle = events[-1].result
    assert [step for step, _ in bundle.history["loss"]] == [1, 2, 4, 5, 6]
    assert all(torch.isfinite(value).all() for value in bundle.network.state_dict().values())


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_with_every_loss_a_step_on_what_is_no_number_is_skipped(loss, field, quick):
    values = {"model.loss": loss}
    if "predictor" in type(quick.model).model_fields:
        values["model.predictor"] = "direct"
    learner = learner_of(field, quick.with_values(values))
    weights = next(learner.network.parameters()).data
    kept = weights.clone()
    weights.fill_(float("nan"))
    assert "Step 1 was skipped" in learner.advance().remark
    weights.copy_(kept)
    assert not learner.advance().remark


def test_training_that_cannot_go_on_says_so(field, quick, monkeypatch):
    faulty(monkeypatch, lambda n, t, _: t._replace(total=t.total * float("inf")))
    with pytest.raises(TrainingFailed, match=r"5 times in a row.*learning rate"):
        list(fit([field], quick))


def test_statistics_of_a_skipped_step_are_forgotten(field, quick, monkeypatch):
    def fault(n, terms, _):
        return terms._replace(total=terms.total * float("nan")) if n == 1 else terms

    faulty(monkeypatch, fault)
    one = quick.with_values({"training.steps": 1})
    state = list(fit([field], one))[-1].result.network.state_dict()
    assert state["encoder.stem.1.num_batches_tracked"] == 0
    assert not state["encoder.stem.1.running_mean"].any()


@pytest.mark.parametrize("error", SHORT, ids=range(len(SHORT)))
def test_batches_are_halved_when_memory_runs_out(field, quick, monkeypatch, error):
    def fault(_, terms, size):
        if size > 8:
            raise error
        return terms

    sizes = faulty(monkeypatch, fault)
    events = list(fit([field], quick))
    assert sizes == [16] + [8] * 6
    assert any("batches now have 8 patches" in w.message for w in of(Warned, events))
    assert not events[-1].cancelled

    def always(*_):
        raise error

    faulty(monkeypatch, always)
    with pytest.raises(TrainingFailed, match="does not hold a batch of 8 patches"):
        list(fit([field], quick))


def test_another_error_of_the_device_is_no_reason_to_go_on(field, quick, monkeypatch):
    def fault(*_):
        raise RuntimeError("CUDA error: device-side assert triggered")

    faulty(monkeypatch, fault)
    with pytest.raises(RuntimeError, match="device-side"):
        list(fit([field], quick))


def test_held_out_patches_are_looked_at_in_the_halved_batches(field, quick, monkeypatch):
    def fault(_, terms, size):
        if size > 8:
            raise SHORT[0]
        return terms

    sizes = faulty(monkeypatch, fault)
    patient = quick.with_values({"training.patience": 50})
    bundle = list(fit([field], patient))[-1].result
    assert sizes.count(16) == 1  # the first step's
    assert bundle.history["held_out_loss"]


@pytest.mark.parametrize("error", SHORT, ids=range(len(SHORT)))
def test_ranks_and_the_diagnosis_take_what_memory_holds(field, quick, monkeypatch, error):
    usual = list(fit([field], quick))[-1].result
    embed, sizes = SpliCER.embed, []

    def short(self, x_BCHW):
        if len(x_BCHW) > 12 and not self.training:
            raise error
        sizes.append(0 if self.training else len(x_BCHW))
        return embed(self, x_BCHW)

    monkeypatch.setattr(SpliCER, "embed", short)
    bundle = list(fit([field], quick))[-1].result
    ranks, expected = (dict(made.history["rankme"]) for made in (bundle, usual))
    assert ranks == pytest.approx(expected, rel=1e-3)
    assert 8 <= max(sizes) <= 12 < usual.diagnostics.patches
    assert bundle.diagnostics.patches <= 12  # of pairs, statistics are taken all at once


def test_a_smaller_sample_is_diagnosed_where_memory_does_not_hold_its_views(
    field, quick, monkeypatch
):
    counterparts = SpliCER.counterparts

    def short(self, x_BCHW, views):
        if len(x_BCHW) > 20 and not self.training:
            raise SHORT[1]
        return counterparts(self, x_BCHW, views)

    monkeypatch.setattr(SpliCER, "counterparts", short)
    assert 10 <= list(fit([field], quick))[-1].result.diagnostics.patches <= 20


def test_a_step_that_memory_did_not_hold_leaves_nothing_behind(field, quick, monkeypatch):
    small = quick.with_values({"training.batch": 8})
    expected = list(fit([field], small))[-1].result

    def fault(_, terms, size):
        if size > 8:  # the forward pass is done, and has moved the running means
            raise torch.OutOfMemoryError("out of memory")
        return terms

    faulty(monkeypatch, fault)
    assert same(list(fit([field], quick))[-1].result, expected)


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_a_skipped_step_leaves_nothing_behind(where, field, quick, monkeypatch):
    learner = learner_of(field, quick)
    learner.advance()
    before = {name: value.clone() for name, value in learner.tensors().items()}
    parameter = next(learner.network.parameters())
    if where == "loss":
        faulty(monkeypatch, lambda n, t, _: t._replace(total=t.total * float("nan")))
    else:
        parameter.register_hook(lambda gradient: gradient * float("inf"))
    outcome = learner.advance()
    assert "Step 2 was skipped" in outcome.remark
    assert learner.step == 2
    after = learner.tensors()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert all(p.grad is None for p in learner.network.parameters())


@pytest.mark.parametrize("end", ["stopped", "failed", "closed"])
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_however_it_ends_the_file_is_given_back(end, field, quick, tmp_path, monkeypatch):
    def held():
        return Path("/proc/self/maps").read_text().count(str(tmp_path))

    little, cancel = quick.with_values({"training.cache_gb": 1e-4}), Cancel()
    events = fit([field], little, folder=tmp_path, cancel=cancel)
    next(event for event in events if isinstance(event, Metrics))
    assert held()
    if end == "closed":
        events.close()
    elif end == "stopped":
        cancel.request()
        assert list(events)[-1].cancelled
    else:
        faulty(monkeypatch, lambda n, t, _: t._replace(total=t.total * float("inf")))
        with pytest.raises(TrainingFailed) as failed:
            list(events)
        assert failed.tb is not None, "what failed is still held"
    assert not held()


def test_a_full_disk_does_not_stop_training(bundle, field, quick, tmp_path, monkeypatch):
    stop_after(2, lambda c: fit([field], quick, folder=tmp_path, cancel=c))
    before = (tmp_path / "checkpoint.safetensors").read_bytes()

    def full(self, target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        events = list(fit([field], quick, folder=tmp_path, resume=True))
        closing = fit([field], quick, folder=tmp_path)
        next(e for e in closing if isinstance(e, Metrics))
        with pytest.raises(CannotWrite, match="Free some space"):
            closing.close()
    assert any("no room left" in w.message for w in of(Warned, events))
    assert same(events[-1].result, bundle)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]
