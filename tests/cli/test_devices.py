"""Training on two processes from the command line, and under torchrun."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from napari_splicer.cli.app import call
from napari_splicer.config import load_run
from napari_splicer.model.bundle import inspect_bundle

if TYPE_CHECKING:
    from pathlib import Path


def test_two_processes_write_one_model(
    tissue_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["train", str(tissue_files / "run.toml"), "--output", str(out), "--devices", "2"]
    assert call([*words, "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["step"] for event in events if event["event"] == "metrics"] == [1, 2, 3]
    assert {path.name for path in out.iterdir()} == {"model", "report.html", "run.toml"}
    assert load_run(out / "run.toml").training.devices == 2
    assert [step for step, _ in inspect_bundle(out / "model").history["loss"]] == [1, 2, 3]


def test_more_devices_than_there_are(
    tissue_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["train", str(tissue_files / "run.toml"), "--output", str(out), "--devices", "1000"]
    assert call([*words, "--set", "device=auto", "--set", "training.batch=1000"]) == 2
    assert "and 1000 are to train" in capsys.readouterr().err
    assert not out.exists()


def test_torchrun_is_for_training_alone(
    tissue_files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"LOCAL_RANK": 1, "RANK": 1, "WORLD_SIZE": 2, "MASTER_PORT": 1}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr("napari_splicer.cli.app.first_to_tell", lambda: True)
    assert call(["embed", str(tissue_files / "run.toml")]) == 2
    assert "only 'train' divides its work" in capsys.readouterr().err


def torchrun(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, "-m", "napari_splicer", "train", *words],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_torchrun_gives_the_same_model(tissue_files: Path, tmp_path: Path) -> None:
    run, mine, its = str(tissue_files / "run.toml"), tmp_path / "mine", tmp_path / "its"
    assert call(["train", run, "--output", str(mine), "--devices", "2"]) == 0
    done = torchrun(run, "--output", str(its), "--json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["step"] for event in events if event["event"] == "metrics"] == [1, 2, 3]
    assert inspect_bundle(its / "model").hash == inspect_bundle(mine / "model").hash


@pytest.mark.slow
def test_under_torchrun_a_mistake_is_told_once(tissue_files: Path, tmp_path: Path) -> None:
    done = torchrun(str(tissue_files / "none.toml"))
    assert done.returncode != 0
    assert done.stderr.count("none.toml cannot be read") == 1
