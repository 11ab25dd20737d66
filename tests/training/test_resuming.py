"""Training that is stopped, and gone on with."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from trained import of, same, stop_after

from napari_splicer.errors import (
    InvalidModel,
    InvalidSettings,
    UnreadableFile,
)
from napari_splicer.events import Cancel, Checkpointed, Metrics, Progress, Warned
from napari_splicer.images.image import MultiplexImage
from napari_splicer.training import resolve as resolving
from napari_splicer.training.trainer import fit


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


@pytest.mark.parametrize(
    "other",
    [
        {"training.checkpoint_every": 1, "training.cache_gb": 1.0},
        {"training.cache_gb": 1e-6},  # patches lie in a file
        {"training.preset": "thorough", "training.epochs": 9},  # the steps are given
    ],
)
def test_settings_without_bearing_on_the_model_may_differ(bundle, other, field, quick, tmp_path):
    stop_after(2, lambda c: fit([field], quick, folder=tmp_path, cancel=c))
    now = quick.with_values(other)
    resumed = list(fit([field], now, folder=tmp_path, resume=True))
    assert of(Metrics, resumed)[0].step == 3
    assert same(resumed[-1].result, bundle)


def test_fewer_patches_for_want_of_memory_are_not_taken_for_other_images(
    field, quick, tmp_path, monkeypatch
):
    stop_after(2, lambda c: fit([field], quick, folder=tmp_path, cancel=c))
    monkeypatch.setattr("napari_splicer.patches.cache.room_on_disk", lambda folder: 0)
    less = quick.with_values({"training.cache_gb": 4e-4})
    with pytest.raises(InvalidSettings, match=r"patches, not \d+.*training\.cache_gb"):
        list(fit([field], less, folder=tmp_path, resume=True))


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


def test_a_checkpoint_is_plain_data(field, quick, tmp_path):
    list(fit([field], quick, folder=tmp_path))
    with safe_open(tmp_path / "checkpoint.safetensors", "pt") as file:
        (record,) = (json.loads(text) for text in file.metadata().values())
        assert any(name.startswith("optimizer/") for name in file.keys())  # noqa: SIM118
    assert record["step"] == 6
    assert record["config"]["seed"] == quick.seed
