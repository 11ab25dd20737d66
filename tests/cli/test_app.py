"""The command line as a whole: help, mistakes and exit codes."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from napari_splicer.cli.app import call

if TYPE_CHECKING:
    from pathlib import Path

VERBS = ("demo", "init", "run", "train", "embed", "cluster", "export", "info", "gui")


def test_help_lists_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["--help"]) == 0
    shown = capsys.readouterr().out
    for verb in VERBS:
        assert f" {verb} " in shown
    for code in (*range(10), 130):
        assert f"  {code}: " in shown


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"napari-splicer {verb}" in shown
    assert "--json" in shown
    assert "terminal" not in shown.lower()


@pytest.mark.parametrize("words", [["magic"], ["train"], ["train", "run.toml", "--magic"]])
def test_mistyped_command_is_code_2(words: list[str]) -> None:
    assert call(words) == 2


@pytest.mark.parametrize("verb", ["run", "train", "embed", "cluster", "export"])
def test_missing_run_file_is_a_sentence(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call([verb, str(tmp_path / "none.toml")]) == 3
    shown = capsys.readouterr().err
    assert "none.toml cannot be read" in shown
    assert "Traceback" not in shown


def test_debug_shows_where_it_arose(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "napari_splicer", "train", str(tmp_path / "no.toml"), "--debug"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "UnreadableFile" in done.stderr


def test_error_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["train", str(tmp_path / "none.toml"), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["kind"] == "UnreadableFile"


def test_mistyped_command_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["trian", "run.toml", "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["exit_code"] == 2
    assert 'Did you mean "train"?' in told["message"]


def test_unknown_setting_is_code_2(tissue_files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["train", str(tissue_files / "run.toml"), "--set", "epochs=5"]) == 2
    assert "There is no setting 'epochs'" in capsys.readouterr().err


def test_run_file_without_images_is_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.toml").write_text("seed = 1\n", encoding="utf-8")
    assert call(["train", str(tmp_path / "run.toml")]) == 2
    assert "names no image" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["embed"], 5, "no trained model"),
        (["cluster"], 3, "no table of cells"),
        (["export"], 3, "no table of cells"),
    ],
)
def test_step_before_its_time_says_what_comes_first(
    words: list[str],
    code: int,
    told: str,
    tissue_files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = ["--output", str(tmp_path)]
    assert call([*words, str(tissue_files / "run.toml"), *place]) == code
    shown = capsys.readouterr().err
    assert told in shown
    assert "Run 'napari-splicer" in shown


def test_window_needs_napari(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert call(["gui"]) == 8
    assert "pip install" in capsys.readouterr().err


def test_window_is_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr(subprocess, "call", lambda command: called.append(command) or 0)
    assert call(["gui", str(tmp_path / "a.tif")]) == 0
    (command,) = called
    assert command[1:] == [
        "-m",
        "napari",
        str(tmp_path / "a.tif"),
        "--with",
        "napari-splicer",
        "SpliCER",
    ]


def test_a_project_is_opened_by_its_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr(subprocess, "call", lambda command: called.append(command) or 0)
    project = tmp_path / "a.splicer"
    project.mkdir()
    (project / "splicer-project.json").write_text("{}")
    assert call(["gui", str(project)]) == 0
    assert called[0][3] == str(project / "splicer-project.json")
