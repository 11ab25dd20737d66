"""Where a training keeps what it needs to go on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from napari_splicer.errors import CannotWrite, WouldOverwrite
from napari_splicer.events import Cancel, Progress
from napari_splicer.training.checkpoint import (
    as_begun,
    check_same_settings,
    checkpoint_path,
    discard,
)
from napari_splicer.training.trainer import fit


def test_a_discarded_checkpoint_leaves_no_empty_folder(tmp_path):
    folder = tmp_path / "checkpoint"
    discard(folder)
    folder.mkdir()
    checkpoint_path(folder).write_bytes(b"1")
    discard(folder)
    assert not folder.exists()
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    discard(folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_a_disk_too_full_for_checkpoints_is_said_before_patches_are_read(
    field, quick, tmp_path, monkeypatch
):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=1000))
    seen = []
    with pytest.raises(CannotWrite, match=r"too little room .* 0 MB are free"):
        seen.extend(fit([field], quick, folder=tmp_path / "run", cancel=Cancel()))
    assert not [event for event in seen if isinstance(event, Progress)]
    assert list(tmp_path.iterdir()) == []


def test_several_devices_go_on_in_the_precision_of_the_first(quick):
    past = quick.with_values({"device": "cuda:0", "precision": "bf16", "training.devices": 2})
    now = quick.with_values({"device": "cuda", "precision": "auto", "training.devices": 4})
    assert as_begun(now, past).precision == "bf16"
    check_same_settings(past, now)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_where_the_gpu_is_gone_precision_and_threads_are_chosen_anew(quick):
    past = quick.with_values({"device": "cuda", "precision": "bf16", "threads": 16})
    now = quick.with_values({"device": "auto", "precision": "auto", "threads": None})
    begun = as_begun(now, past)
    assert (begun.precision, begun.threads) == ("auto", None)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_where_the_gpu_is_gone_a_training_keeps_the_steps_that_it_was_given_there(quick):
    past = quick.with_values({"device": "cuda", "training.steps": 4000})
    now = quick.with_values({"device": "auto", "training.steps": None})
    assert as_begun(now, past).training.steps == 4000
    longer = now.with_values({"training.preset": "thorough"})
    assert as_begun(longer, past).training.steps is None


_TRAINING = """
import sys
from pathlib import Path
from napari_splicer import synthetic_tissue
from napari_splicer.config import RunConfig
from napari_splicer.events import Metrics
from napari_splicer.training.trainer import fit
config = RunConfig.model_validate_json(sys.argv[2])
for event in fit([synthetic_tissue(size=192, seed=1).field], config, folder=Path(sys.argv[1])):
    if isinstance(event, Metrics):
        print(event.step, flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
def other(quick, tmp_path):
    """Another process that trains into a folder, and holds after every step."""
    command = [sys.executable, "-c", _TRAINING, str(tmp_path / "run"), quick.model_dump_json()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for _ in range(3):  # with a checkpoint
            process.stdout.readline()
            process.stdin.write(b"\n")
            process.stdin.flush()
        process.stdout.readline()
        yield process
        process.kill()


def test_two_trainings_do_not_write_into_one_folder(other, field, quick, tmp_path):
    folder, seen = tmp_path / "run", []
    before = checkpoint_path(folder).read_bytes()
    for resume in (False, True):
        with pytest.raises(WouldOverwrite, match=rf"Another training is writing to {folder}"):
            seen.extend(fit([field], quick, folder=folder, resume=resume))
    assert not seen
    assert checkpoint_path(folder).read_bytes() == before
    assert not list(fit([field], quick, folder=tmp_path / "elsewhere"))[-1].cancelled
    other.kill()  # by nothing that it could hear of
    other.wait()
    assert not list(fit([field], quick, folder=folder, resume=True))[-1].cancelled
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "run"]


def test_a_training_that_was_not_begun_leaves_no_folder(field, quick, tmp_path):
    cancel = Cancel()
    cancel.request()
    list(fit([field], quick, folder=tmp_path / "new" / "run", cancel=cancel))
    assert list(tmp_path.iterdir()) == []
