"""Training from images to a bundle: events, stopping, resuming, failing."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import parse_run
from napari_splicer.errors import (
    CannotWrite,
    InvalidModel,
    InvalidSettings,
    NoCells,
    TrainingFailed,
    UnreadableFile,
    UnusableChannel,
)
from napari_splicer.events import Cancel, Checkpointed, Finished, Metrics, Progress, Started, Warned
from napari_splicer.images.image import MultiplexImage
from napari_splicer.model.bundle import load_bundle, save_bundle
from napari_splicer.model.objectives import build_network
from napari_splicer.model.splicer import SpliCER
from napari_splicer.training import resolve as resolving
from napari_splicer.training import trainer
from napari_splicer.training.data import TrainingData
from napari_splicer.training.learner import Learner
from napari_splicer.training.resolve import resolve, seen_channels
from napari_splicer.training.trainer import fit
from napari_splicer.training.views import Views


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def stop_after(step, events):
    """Drain ``events``; ask to stop once ``step`` is done."""
    cancel, seen = Cancel(), []
    for event in events(cancel):
        seen.append(event)
        if isinstance(event, Progress) and event.unit == "steps" and event.done == step:
            cancel.request()
    return seen


def same(one, other):
    a, b = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def events(field, quick):
    return list(fit([field], quick))


@pytest.fixture(scope="module")
def bundle(events):
    return events[-1].result


def test_events_come_in_order(events):
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    assert not events[-1].cancelled
    reading = [e for e in of(Progress, events) if e.unit == "patches"]
    steps = [e for e in of(Progress, events) if e.unit == "steps"]
    assert reading[-1].done == reading[-1].total
    assert [e.done for e in steps] == [1, 2, 3, 4, 5, 6]
    assert all(e.total == 6 and e.seconds_left >= 0 for e in steps)
    assert steps[-1].seconds_left == 0


def test_metrics_name_every_component(events):
    metrics = of(Metrics, events)
    assert [m.step for m in metrics] == [1, 2, 3, 4, 5, 6]
    assert set(metrics[-1].values) == {
        "loss", "loss/nuclei", "loss/around", "learning_rate", "patches_per_second",
        "rankme", "rankme/nuclei", "rankme/around",
    }  # fmt: skip
    assert all(np.isfinite(list(m.values.values())).all() for m in metrics)
    assert 1 <= metrics[-1].values["rankme/nuclei"] <= 4


def test_the_bundle_holds_what_the_run_was(bundle, field, quick):
    assert bundle.channels == field.image.channels[:3]
    assert bundle.normalization.channels == bundle.channels
    assert bundle.pixel_size == field.image.pixel_size
    assert bundle.config.components == bundle.decomposition.components
    assert bundle.config.device != "auto"
    assert bundle.config.training.steps == 6
    assert not bundle.network.training
    assert [step for step, _ in bundle.history["loss"]] == [1, 2, 3, 4, 5, 6]
    assert "patches_per_second" not in bundle.history


def test_a_bundle_survives_the_disk(bundle, tmp_path):
    again = load_bundle(save_bundle(bundle, tmp_path / "model"))
    assert same(again, bundle)
    assert again.history == bundle.history
    assert again.config == bundle.config


def test_the_same_seed_gives_the_same_model(bundle, field, quick):
    torch.manual_seed(123)  # the global state has no say
    assert same(list(fit([field], quick))[-1].result, bundle)
    assert not same(list(fit([field], quick.with_values({"seed": 6})))[-1].result, bundle)


def test_replaying_the_resolved_run_file_gives_the_same_model(bundle, field):
    replayed = parse_run(bundle.config.model_dump(mode="json"))
    assert same(list(fit([field], replayed))[-1].result, bundle)


def test_threads_and_random_state_are_the_callers_again(field, quick):
    count = torch.get_num_threads()
    state = torch.get_rng_state()
    events = fit([field], quick.with_values({"threads": count + 1}))
    next(event for event in events if isinstance(event, Metrics))
    events.close()
    assert torch.get_num_threads() == count
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("stop", [1, 3, 4])
def test_cancelled_and_resumed_is_uninterrupted_to_the_last_bit(
    stop, bundle, field, quick, tmp_path
):
    seen = stop_after(stop, lambda c: fit([field], quick, folder=tmp_path, cancel=c))
    assert seen[-1].cancelled
    assert seen[-1].result.history["loss"] == bundle.history["loss"][:stop]
    assert of(Checkpointed, seen)[-1].step == stop
    resumed = list(fit([field], quick, folder=tmp_path, resume=True))
    assert [m.step for m in of(Metrics, resumed)] == list(range(stop + 1, 7))
    assert same(resumed[-1].result, bundle)
    assert resumed[-1].result.history == bundle.history
    assert not resumed[-1].cancelled


def test_closing_the_iterator_leaves_a_checkpoint(bundle, field, quick, tmp_path):
    events = fit([field], quick, folder=tmp_path)
    next(e for e in events if isinstance(e, Metrics) and e.step == 2)
    events.close()
    resumed = list(fit([field], quick, folder=tmp_path, resume=True))
    assert of(Metrics, resumed)[0].step == 3
    assert same(resumed[-1].result, bundle)


def test_resumed_it_goes_on_in_the_precision_it_began_with(field, quick, tmp_path, monkeypatch):
    auto = quick.with_values({"precision": "auto", "device": "cpu", "threads": None})
    monkeypatch.setattr(resolving, "faster_precision", lambda *_: "bf16")
    whole = list(fit([field], auto))[-1].result
    stop_after(2, lambda c: fit([field], auto, folder=tmp_path, cancel=c))
    monkeypatch.setattr(resolving, "faster_precision", lambda *_: "fp32")
    resumed = list(fit([field], auto, folder=tmp_path, resume=True))[-1].result
    assert resumed.config == whole.config
    assert resumed.config.precision == "bf16"
    assert same(resumed, whole)


@pytest.mark.parametrize(("steps", "expected"), [(4, [4, 6]), (3, [3, 6]), (9, [6])])
def test_checkpoints_come_at_their_steps_and_at_the_end(steps, expected, field, quick, tmp_path):
    every = quick.with_values({"training.checkpoint_every": steps})
    events = list(fit([field], every, folder=tmp_path))
    assert [c.step for c in of(Checkpointed, events)] == expected
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]
    again = list(fit([field], every, folder=tmp_path, resume=True))
    assert of(Metrics, again) == []
    assert same(again[-1].result, events[-1].result)


def test_cancelled_before_it_began(field, quick, tmp_path):
    cancel = Cancel()
    cancel.request()
    last = list(fit([field], quick, folder=tmp_path, cancel=cancel))[-1]
    assert last.cancelled
    assert last.result is None
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_training_is_not_replaced_without_a_word(field, quick, tmp_path):
    stop_after(2, lambda c: fit([field], quick, folder=tmp_path, cancel=c))
    warned = of(Warned, fit([field], quick, folder=tmp_path))
    assert any("It will be replaced" in w.message for w in warned)
    warned = of(Warned, fit([field], quick, folder=tmp_path))
    assert not any("replaced" in w.message for w in warned)


def test_stopped_at_that_word_the_earlier_checkpoint_stays(field, quick, tmp_path):
    stop_after(2, lambda c: fit([field], quick, folder=tmp_path, cancel=c))
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    cancel = Cancel()
    for event in fit([field], quick, folder=tmp_path, cancel=cancel):
        if isinstance(event, Warned) and "It will be replaced" in event.message:
            cancel.request()
    assert cancel.requested
    assert event.result is None
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_resuming_with_other_settings_is_refused(field, quick, tmp_path):
    stop_after(2, lambda c: fit([field], quick, folder=tmp_path, cancel=c))
    other = quick.with_values({"training.learning_rate": 0.5, "model.width": 5})
    seen = []
    with pytest.raises(InvalidSettings, match=r"learning_rate was 0\.001, not 0\.5"):
        seen.extend(fit([field], other, folder=tmp_path, resume=True))
    assert of(Progress, seen) == []  # no patch was read for nothing
    elsewhere = quick.with_values({"output": "elsewhere", "threads": 1})
    assert not list(fit([field], elsewhere, folder=tmp_path, resume=True))[-1].cancelled


def test_resuming_on_other_images_is_refused(field, quick, tmp_path):
    stop_after(2, lambda c: fit([field], quick, folder=tmp_path, cancel=c))
    brighter = MultiplexImage.from_array(
        field.image.data.compute() * 2, channels=field.image.channels, pixel_size=(0.5, 0.5)
    )
    with pytest.raises(InvalidSettings, match="other images or masks"):
        list(fit([replace(field, image=brighter)], quick, folder=tmp_path, resume=True))


def test_resuming_from_nothing_or_from_rubbish(field, quick, tmp_path):
    with pytest.raises(UnreadableFile, match="no checkpoint"):
        list(fit([field], quick, folder=tmp_path, resume=True))
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"rubbish")
    with pytest.raises(InvalidModel, match="damaged or incomplete"):
        list(fit([field], quick, folder=tmp_path, resume=True))
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(InvalidModel, match="not a checkpoint"):
        list(fit([field], quick, folder=tmp_path, resume=True))


def test_a_checkpoint_with_foreign_weights_is_refused(field, quick, tmp_path):
    stop_after(2, lambda c: fit([field], quick, folder=tmp_path, cancel=c))
    path = tmp_path / "checkpoint.safetensors"
    with safe_open(path, "pt") as file:
        about = file.metadata()
    tensors = load_file(path)
    name = next(name for name in tensors if name.startswith("optimizer/0/exp"))
    for wrong in ({name: torch.zeros(3)}, {"network/projector.0.weight": torch.zeros(3)}):
        save_file(tensors | wrong, path, metadata=about)
        with pytest.raises(InvalidModel, match="do not fit the network"):
            list(fit([field], quick, folder=tmp_path, resume=True))


@pytest.mark.parametrize("model", [{"objective": "je"}, {"loss": "simclr"}, {"shared": 2}])
def test_every_objective_trains(model, field, quick):
    run = quick.with_values({f"model.{name}": value for name, value in model.items()})
    last = list(fit([field], run.with_values({"training.steps": 2})))[-1]
    assert np.isfinite(last.result.history["loss"][-1][1])


def test_training_lowers_the_loss(field, quick):
    run = quick.with_values({"training.steps": 60, "training.learning_rate": 3e-3})
    loss = [value for _, value in list(fit([field], run))[-1].result.history["loss"]]
    assert np.mean(loss[-10:]) < 0.9 * np.mean(loss[:10])


def test_patches_in_a_file_give_the_same_model(bundle, field, quick, tmp_path):
    little = quick.with_values({"training.cache_gb": 1e-4})
    events = fit([field], little, folder=tmp_path)
    seen = [next(events) for _ in range(4)]
    (said,) = [w.message for w in of(Warned, seen) if "temporary file" in w.message]
    assert f"on the disk of {tmp_path}" in said
    seen += list(events)
    assert same(seen[-1].result, bundle)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]


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


def test_patches_on_a_grid_without_a_mask(field, quick):
    whole = quick.components[0]
    run = quick.model_copy(update={"components": (whole,)}).with_values({"patches.sites": "grid"})
    last = list(fit([replace(field, cells=None)], run))[-1]
    assert last.result.network.component_slices == {"nuclei": slice(0, 8)}


def test_constant_channels_are_said_and_blind_components_refused(field, quick):
    pixels = field.image.data.compute()
    pixels[0] = 7
    flat = replace(
        field, image=MultiplexImage.from_array(pixels, channels=field.image.channels, name="flat")
    )
    warned = of(Warned, fit([flat], quick.with_values({"training.steps": 1})))
    name = field.image.channels[0]
    assert any(f"Channel {name} is the same everywhere" in w.message for w in warned)
    pixels[1] = 7
    flat = replace(flat, image=MultiplexImage.from_array(pixels, channels=field.image.channels))
    with pytest.raises(UnusableChannel, match="'nuclei' has nothing to learn from"):
        list(fit([flat], quick))


def test_no_image_at_all(quick):
    with pytest.raises(NoCells, match="no image"):
        list(fit([], quick))


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


def test_a_step_whose_loss_is_not_a_number_is_skipped(field, quick, monkeypatch):
    faulty(monkeypatch, lambda n, t, _: t._replace(total=t.total * float("nan")) if n == 3 else t)
    events = list(fit([field], quick))
    (warning,) = [w for w in of(Warned, events) if "skipped" in w.message]
    assert "Step 3 was skipped" in warning.message
    bundle = events[-1].result
    assert [step for step, _ in bundle.history["loss"]] == [1, 2, 4, 5, 6]
    assert all(torch.isfinite(value).all() for value in bundle.network.state_dict().values())


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


def test_batches_are_halved_when_memory_runs_out(field, quick, monkeypatch):
    def fault(_, terms, size):
        if size > 8:
            raise torch.cuda.OutOfMemoryError("out of memory")
        return terms

    sizes = faulty(monkeypatch, fault)
    events = list(fit([field], quick))
    assert sizes == [16] + [8] * 6
    assert any("batches now have 8 patches" in w.message for w in of(Warned, events))
    assert not events[-1].cancelled

    def always(*_):
        raise torch.cuda.OutOfMemoryError("out of memory")

    faulty(monkeypatch, always)
    with pytest.raises(TrainingFailed, match="does not hold a batch of 8 patches"):
        list(fit([field], quick))


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


def test_long_trainings_keep_short_curves(field, quick, monkeypatch):
    monkeypatch.setattr("napari_splicer.training.learner.CURVE_POINTS", 2)
    monkeypatch.setattr(trainer, "LOOKS", 1)
    history = list(fit([field], quick))[-1].result.history
    assert [step for step, _ in history["loss"]] == [3, 6]
    assert [step for step, _ in history["rankme"]] == [6]


def test_a_checkpoint_is_plain_data(field, quick, tmp_path):
    list(fit([field], quick, folder=tmp_path))
    with safe_open(tmp_path / "checkpoint.safetensors", "pt") as file:
        (record,) = (json.loads(text) for text in file.metadata().values())
        assert any(name.startswith("optimizer/") for name in file.keys())  # noqa: SIM118
    assert record["step"] == 6
    assert record["config"]["seed"] == quick.seed


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_training_on_a_gpu_resumes_and_comes_back_to_the_cpu(field, quick, tmp_path):
    run = quick.with_values({"device": "cuda"})
    stop_after(3, lambda c: fit([field], run, folder=tmp_path, cancel=c))
    bundle = list(fit([field], run, folder=tmp_path, resume=True))[-1].result
    assert bundle.config.device == "cuda"
    assert {p.device.type for p in bundle.network.parameters()} == {"cpu"}
    assert len(bundle.history["loss"]) == 6
    assert np.isfinite(bundle.history["loss"][-1][1])
