"""Training from images to a bundle: events, and what comes out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from trained import of, same, stop_after

from napari_splicer.config import parse_run
from napari_splicer.errors import (
    NoCells,
    UnusableChannel,
)
from napari_splicer.events import Finished, Metrics, Progress, Started, Warned
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import MaskedImage
from napari_splicer.model.bundle import load_bundle, save_bundle
from napari_splicer.training import schedule
from napari_splicer.training.checkpoint import read_record
from napari_splicer.training.continuing import with_more_steps
from napari_splicer.training.trainer import fit


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
        "rankme", "rankme/nuclei", "rankme/around", "memory_gb",
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


def test_some_of_many_patches_are_read_and_said(field, quick, tmp_path):
    some = quick.with_values({"training.patches": 40})
    events = list(fit([field], some, folder=tmp_path))
    total = len(field.cells.cells())
    (said,) = [w.message for w in of(Warned, events) if "chosen at random" in w.message]
    assert f"40 of {total} patches" in said
    assert max(e.total for e in of(Progress, events) if e.unit == "patches") == 40
    more = with_more_steps(read_record(tmp_path), 2)
    last = list(fit([field], more, folder=tmp_path, resume=True))[-1]
    assert last.message == "Trained for 8 of 8 steps."
    assert last.result.config.training.patches == 40


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


def test_images_may_have_a_scale_each(field, quick):
    """Stained twice as strongly, one then looks as the other; on one scale for all it does not."""

    def weights(scope, factor):
        image = field.image
        levels = tuple(factor * level.astype("float32") for level in image.levels)
        stronger = replace(image, name="stronger", levels=levels, planes=None)
        fields = [field, MaskedImage(image=stronger, cells=field.cells)]
        config = quick.with_values({"normalization.scope": scope})
        return list(fit(fields, config))[-1].result.network.state_dict()

    for scope, alike in (("image", True), ("dataset", False)):
        one, other = weights(scope, 1), weights(scope, 2)
        assert all(torch.equal(one[key], other[key]) for key in one) == alike


def test_no_image_at_all(quick):
    with pytest.raises(NoCells, match="no image"):
        list(fit([], quick))


def test_long_trainings_keep_short_curves(field, quick, monkeypatch):
    monkeypatch.setattr("napari_splicer.training.schedule.CURVE_POINTS", 2)
    monkeypatch.setattr(schedule, "LOOKS", 1)
    history = list(fit([field], quick))[-1].result.history
    assert [step for step, _ in history["loss"]] == [3, 6]
    assert [step for step, _ in history["rankme"]] == [6]


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
