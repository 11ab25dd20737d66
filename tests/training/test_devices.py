"""Two processes on the CPU train as one does; whatever ends one of them ends both."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import threading
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.errors import InvalidSettings, NotInstalled, TrainingFailed, UnreadableFile
from napari_splicer.events import Cancel, Checkpointed, Finished, Metrics
from napari_splicer.images.masks import MaskedImage
from napari_splicer.images.open import open_image, open_input
from napari_splicer.model.bundle import load_bundle, save_bundle
from napari_splicer.model.objectives import build_network
from napari_splicer.settings import ImageInput
from napari_splicer.training import devices
from napari_splicer.training.data import TrainingData
from napari_splicer.training.group import Group
from napari_splicer.training.learner import Learner
from napari_splicer.training.resolve import resolve, seen_channels
from napari_splicer.training.trainer import fit
from napari_splicer.training.views import Views


@pytest.fixture(scope="module")
def one(quick):
    return quick.with_values({"device": "cpu"})


@pytest.fixture(scope="module")
def two(one):
    return one.with_values({"training.devices": 2})


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def losses(events):
    return [event.values["loss"] for event in of(Metrics, events)]


def assert_none_is_left():
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("loss", "tolerance"),
    # AdamW divides every gradient by its own size, so that a weight whose gradient is rounding
    # alone moves by a whole learning rate: VICReg, of steep gradients, has such weights.
    [("vicreg", 2e-3), ("simclr", 1e-5), ("lejepa", 1e-4)],
)
def test_two_processes_learn_what_one_does(loss, tolerance, field, one, two, tmp_path):
    asked = {"model.loss": loss, "training.ema": 0.9, "training.patience": 3}
    alone = list(devices.train([field], one.with_values(asked)))
    together = list(devices.train([field], two.with_values(asked)))
    assert_none_is_left()
    np.testing.assert_allclose(losses(together)[:1], losses(alone)[:1], rtol=1e-5)
    np.testing.assert_allclose(losses(together), losses(alone), rtol=tolerance)
    assert [type(event) for event in together] == [type(event) for event in alone]

    expected, bundle = alone[-1].result, together[-1].result
    rate = one.training.learning_rate
    for name, weights in expected.network.state_dict().items():
        found = bundle.network.state_dict()[name]
        # No weight is further off than two of the six steps can bring it.
        torch.testing.assert_close(found, weights, rtol=0, atol=2 * rate)
    assert bundle.config.training.devices == 2
    assert bundle.config.device == "cpu"
    assert bundle.diagnostics is not None
    again = load_bundle(save_bundle(bundle, tmp_path / "model"))
    assert again.config == bundle.config
    assert again.history == bundle.history


def test_what_components_hold_is_told_of_two_meanwhile(field, two):
    events = list(devices.train([field], two.with_values({"training.steps": 50})))
    assert_none_is_left()
    (looked,) = [event for event in of(Metrics, events) if "cka" in event.values]
    assert looked.step == 50
    found = {pair.name: pair.own for pair in events[-1].result.diagnostics.alignments}
    assert looked.values["alignment/nuclei"] == pytest.approx(found["nuclei"], abs=0.05)


def test_stopped_on_two_and_gone_on_with_on_one(field, one, two, tmp_path):
    whole = list(fit([field], one))
    cancel, seen = Cancel(), []
    for event in devices.train([field], two, folder=tmp_path, cancel=cancel):
        seen.append(event)
        if isinstance(event, Metrics) and event.step == 2:
            cancel.request()
    assert_none_is_left()
    finished = seen[-1]
    assert isinstance(finished, Finished)
    assert finished.cancelled
    stopped = of(Checkpointed, seen)[-1].step
    assert 2 <= stopped < 6
    assert [step for step, _ in finished.result.history["loss"]] == list(range(1, stopped + 1))
    rest = list(devices.train([field], one, folder=tmp_path, resume=True))
    assert len(losses(rest)) == 6 - stopped
    np.testing.assert_allclose(losses(rest), losses(whole)[stopped:], rtol=2e-3)


def test_closed_early_a_checkpoint_is_kept(field, two, tmp_path):
    events = devices.train([field], two, folder=tmp_path)
    next(event for event in events if isinstance(event, Metrics))
    events.close()
    assert_none_is_left()
    assert (tmp_path / "checkpoint.safetensors").is_file()


@pytest.mark.parametrize("which", [0, 1])
def test_a_killed_process_ends_the_training(which, field, two):
    long = two.with_values({"training.steps": 10_000})
    events = devices.train([field], long)
    next(event for event in events if isinstance(event, Metrics))
    children = sorted(multiprocessing.active_children(), key=lambda child: child.name)
    os.kill(children[which].pid, signal.SIGKILL)
    with pytest.raises(TrainingFailed, match=rf"device {which + 1} of 2 was ended by signal 9"):
        list(events)
    assert_none_is_left()


def test_what_a_process_can_not_do_is_told_as_it_is(two, tmp_path):
    """The image is there when it is opened, and gone when the processes open it again."""
    np.save(tmp_path / "image.npy", np.ones((3, 64, 64), np.float32))
    np.save(tmp_path / "cells.npy", np.ones((64, 64), np.int32))
    field = open_input(ImageInput(image="image.npy", mask="cells.npy"), tmp_path)
    (tmp_path / "image.npy").unlink()
    with pytest.raises(UnreadableFile, match=r"There is no file .*image\.npy"):
        list(devices.train([field], two))
    assert_none_is_left()


class Locked:
    """An array behind a lock, as readers of files have them."""

    shape, dtype = (3, 64, 64), np.dtype(np.float32)

    def __init__(self):
        self._lock = threading.Lock()

    def __getitem__(self, key):
        with self._lock:
            return np.ones(self.shape, self.dtype)[key]


def test_images_that_can_not_be_handed_on_are_refused(two):
    field = MaskedImage(open_image(Locked()))
    with pytest.raises(InvalidSettings, match=r"can't be handed to another process.*run file"):
        list(devices.train([field], two))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"training.batch": 15}, r"15 patches can't be shared equally.*batch to 14 or 16"),
        ({"device": "auto"}, r"no CUDA devices, and 2 are to train"),
    ],
)
def test_what_does_not_go_is_said_before_anything_is_read(asked, said, two):
    if torch.cuda.is_available():
        pytest.skip("other things go where there are CUDA devices")
    with pytest.raises(InvalidSettings, match=said):
        next(devices.train([], two.with_values(asked)))


def test_one_cuda_device_is_not_two(two):
    with pytest.raises(InvalidSettings, match="'cuda:0' is one device"):
        devices.check_devices(two.with_values({"device": "cuda:0"}))


def test_torchrun_and_the_settings_must_agree(two, monkeypatch):
    for name, value in {"LOCAL_RANK": 0, "RANK": 0, "WORLD_SIZE": 4}.items():
        monkeypatch.setenv(name, str(value))
    with pytest.raises(InvalidSettings, match="started 4 processes, and training"):
        devices.check_devices(two)


def test_the_package_it_needs_is_named(two, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "lightning_fabric" else found(name),
    )
    with pytest.raises(NotInstalled, match=r"napari-splicer\[devices\]"):
        devices.check_devices(two)


def test_fewer_patches_than_devices_are_refused(field, two):
    with pytest.raises(InvalidSettings, match="86 patches, too few to share between 60 devices"):
        resolve(two.with_values({"training.devices": 60, "training.batch": 60}), [field])


def test_a_batch_made_smaller_is_still_shared_equally(field, two):
    run = resolve(two.with_values({"training.devices": 4, "training.batch": 128}), [field])
    assert run.training.batch == 40  # half of 86 patches would be 43


class Second(Group):
    rank, size = 1, 2


@pytest.mark.parametrize("styles", [0.0, 0.1])
def test_a_share_is_seen_as_it_is_in_the_whole_batch(styles, field, one):
    """Styles are taken from another patch of the batch."""
    run = resolve(one.with_values({"augmentation.styles": styles}), [field])
    channels = seen_channels(run, [field])
    data = TrainingData([field], run, channels)
    for _ in data.read():
        pass
    views = Views(run, channels, whole=True, both=True)
    rows_B = torch.arange(20, 36)
    whole = views(data.take(rows_B), seed=4)
    share = views.of_rows(data.take, rows_B, 4, Second().part(16))
    torch.testing.assert_close(share.x_BCHW, whole.x_BCHW[8:], rtol=0, atol=0)
    for mine, all_of in zip(share.second, whole.second, strict=True):
        torch.testing.assert_close(mine, all_of[8:], rtol=0, atol=0)


def test_memory_that_one_lacks_all_lack(field, one, monkeypatch):
    run = resolve(one, [field])
    channels = seen_channels(run, [field])
    network = build_network(run.model, Decomposition(run.components), channels, 16)
    data = TrainingData([field], run, channels)
    learner = Learner(network, data, Views.of_network(network, run, channels), run, Second())
    monkeypatch.setattr(learner, "_learn", Mock(side_effect=torch.OutOfMemoryError))
    with pytest.raises(TrainingFailed, match="does not hold a batch of 16"):
        learner.advance()


@pytest.mark.slow
def test_widths_are_tried_out_by_all(field, two):
    asked = {"model.widths": "automatic", "training.steps": 1}
    run = list(devices.train([field], two.with_values(asked)))[-1].result.config
    assert run.model.widths == "equal"
    assert sum(component.width for component in run.components) == run.model.embedding
