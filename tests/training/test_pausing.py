"""Training that is paused, and training in a process of its own: the same model as ever."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback

import numpy as np
import psutil
import pytest
import tifffile
import torch
from trained import of, same

from napari_splicer.errors import TrainingFailed, UnreadableFile
from napari_splicer.events import Cancel, Checkpointed, Metrics, Progress
from napari_splicer.images.masks import MaskedImage
from napari_splicer.images.open import open_image, open_input, open_mask
from napari_splicer.settings import ImageInput
from napari_splicer.training import devices, trainer
from napari_splicer.training.device import memory_in_use
from napari_splicer.training.trainer import fit


@pytest.fixture
def plain(quick):
    return quick.with_values({"device": "cpu"})


@pytest.fixture
def apart(plain):
    return plain.with_values({"own_process": True})


def steps(events):
    return [event.step for event in of(Metrics, events)]


def in_thread(events):
    """Drain ``events`` in a thread; return it and what it has seen so far."""
    seen = []
    thread = threading.Thread(target=lambda: seen.extend(_each(events, seen)), daemon=True)
    thread.start()
    return thread, seen


def _each(events, seen):
    for event in events:
        seen.append(event)
    return ()


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_token_can_be_paused_and_a_stop_ends_the_pause():
    cancel = Cancel()
    assert not cancel.paused
    assert not cancel.still_paused(0)
    cancel.pause()
    assert cancel.paused
    assert cancel.still_paused(0.01)
    cancel.go_on()
    assert not cancel.paused
    cancel.pause()
    cancel.request()
    assert not cancel.paused
    cancel.pause()
    assert not cancel.still_paused(0)


@pytest.mark.parametrize("own_process", [False, True])
def test_paused_and_gone_on_with_is_uninterrupted(own_process, field, plain, bundle, monkeypatch):
    monkeypatch.setattr(trainer, "_PAUSE", 0.05)
    config = plain.with_values({"own_process": own_process, "training.steps": 80})
    cancel = Cancel()
    thread, seen = in_thread(devices.train([field], config, cancel=cancel))
    wait_for(lambda: len(steps(seen)) >= 3)
    cancel.pause()
    time.sleep(1)
    held = len(steps(seen))
    time.sleep(1)
    assert held < 80
    assert len(steps(seen)) == held
    cancel.go_on()
    thread.join(60)
    assert steps(seen) == list(range(1, 81))
    whole = list(fit([field], plain.with_values({"training.steps": 80})))
    assert same(seen[-1].result, whole[-1].result)
    # Two seconds of pause in a training of few: they would show in every time left from then on.
    told = [e.seconds_left for e in of(Progress, seen) if e.unit == "steps" and e.done == held + 1]
    pace = np.median([16 / e.values["patches_per_second"] for e in of(Metrics, seen)])
    assert told[0] < 5 * pace * (80 - held) + 1


@pytest.mark.parametrize("own_process", [False, True])
def test_stopping_ends_a_pause_and_keeps_every_step(own_process, field, plain, tmp_path):
    config = plain.with_values({"own_process": own_process, "training.steps": 10_000})
    cancel = Cancel()
    thread, seen = in_thread(devices.train([field], config, folder=tmp_path, cancel=cancel))
    wait_for(lambda: steps(seen))
    cancel.pause()
    time.sleep(0.7)
    cancel.request()
    thread.join(30)
    assert not thread.is_alive()
    assert seen[-1].cancelled
    assert of(Checkpointed, seen)[-1].step == steps(seen)[-1]
    assert multiprocessing.active_children() == []


def test_a_process_of_its_own_trains_the_same_model(field, apart, bundle, events, tmp_path):
    seen = list(devices.train([field], apart, folder=tmp_path))
    assert multiprocessing.active_children() == []
    assert same(seen[-1].result, bundle)
    assert seen[-1].result.history == bundle.history
    assert seen[-1].result.config == bundle.config.model_copy(update={"own_process": True})
    losses = [event.values["loss"] for event in of(Metrics, seen)]
    assert losses == [event.values["loss"] for event in of(Metrics, events)]
    assert [type(event) for event in seen if not isinstance(event, Checkpointed)] == [
        type(event) for event in events
    ]


def test_it_resumes_what_was_stopped_in_the_other_way(field, plain, apart, bundle, tmp_path):
    cancel = Cancel()
    for event in devices.train([field], apart, folder=tmp_path, cancel=cancel):
        if isinstance(event, Metrics) and event.step == 2:
            cancel.request()
    resumed = list(devices.train([field], plain, folder=tmp_path, resume=True))
    assert same(resumed[-1].result, bundle)


def test_closing_it_early_keeps_a_checkpoint(field, apart, tmp_path):
    events = devices.train([field], apart, folder=tmp_path)
    next(event for event in events if isinstance(event, Metrics))
    events.close()
    assert multiprocessing.active_children() == []
    assert (tmp_path / "checkpoint.safetensors").is_file()


def test_one_that_is_killed_is_told(field, apart):
    events = devices.train([field], apart.with_values({"training.steps": 10_000}))
    next(event for event in events if isinstance(event, Metrics))
    (child,) = multiprocessing.active_children()
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(TrainingFailed, match="The process that trains was ended by signal 9"):
        list(events)


def test_what_it_can_not_do_is_told_as_it_is(apart, tmp_path):
    np.save(tmp_path / "image.npy", np.ones((3, 64, 64), np.float32))
    np.save(tmp_path / "cells.npy", np.ones((64, 64), np.int32))
    field = open_input(ImageInput(image="image.npy", mask="cells.npy"), tmp_path)
    (tmp_path / "image.npy").unlink()
    with pytest.raises(UnreadableFile, match=r"There is no file .*image\.npy"):
        list(devices.train([field], apart))


class Broken:
    """An array that can be handed on, and not be read there."""

    shape, dtype, ndim = (3, 64, 64), np.dtype(np.float32), 3

    def __getitem__(self, key):
        raise KeyError("plane 7")


def test_a_mistake_of_the_program_is_told_with_its_details(field, apart, capfd):
    from napari_splicer.images.image import MultiplexImage

    lazy = MultiplexImage.from_array(Broken(), field.image.channels[:3], name="broken")
    small = dataclasses.replace(field, image=lazy, cells=None)
    config = apart.with_values({"patches.sites": "grid", "components.1.region": {"kind": "whole"}})
    with pytest.raises(TrainingFailed, match=r"mistake of the program .*plane 7") as caught:
        list(devices.train([small], config))
    assert "__getitem__" in "".join(traceback.format_exception(caught.value))
    assert "__getitem__" in pickle.loads(pickle.dumps(caught.value)).__notes__[0]
    capfd.readouterr()


def test_memory_in_use_is_told_of_the_process_that_trains(field, apart, events):
    mine = psutil.Process().memory_info().rss / 1e9
    here = memory_in_use(torch.device("cpu"))
    assert list(here) == ["memory_gb"]
    assert here["memory_gb"] == pytest.approx(mine, rel=0.2)
    assert all(0.05 < event.values["memory_gb"] < 64 for event in of(Metrics, events))
    hoard = np.ones(2**28, np.uint8)  # of this process, not of the one that trains
    seen = of(Metrics, devices.train([field], apart))
    assert seen[-1].values["memory_gb"] < memory_in_use(torch.device("cpu"))["memory_gb"]
    assert hoard.all()


def test_an_image_of_a_compressed_file_is_opened_again_there(field, apart, bundle, tmp_path):
    image, cells = field.image.data.compute(), field.cells.data.compute()
    names = {"axes": "CYX", "Channel": {"Name": list(field.image.channels)}}
    options = {"compression": "zlib", "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "i.ome.tif", image, metadata=names, **options)
    tifffile.imwrite(tmp_path / "c.tif", cells.astype(np.uint32), **options)
    size = field.image.pixel_size
    opened = MaskedImage(
        open_image(tmp_path / "i.ome.tif", pixel_size=size and size[0]),
        open_mask(tmp_path / "c.tif"),
    )
    seen = list(devices.train([opened], apart))
    assert same(seen[-1].result, bundle)
