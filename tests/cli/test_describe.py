"""``napari-splicer info`` on each kind of file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from napari_splicer.cli.app import call
from napari_splicer.cli.describe import guess_kind

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "kind"), [("tissue.ome.tif", "image"), ("cells.tif", "mask"), ("run.toml", "run")]
)
def test_kind_is_guessed(name: str, kind: str, tissue_files: Path) -> None:
    assert guess_kind(tissue_files / name) == kind


def test_image_in_words(tissue_files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["info", str(tissue_files / "tissue.ome.tif")]) == 0
    shown = capsys.readouterr().out
    assert "pixel size (µm)  0.5, 0.5" in shown
    assert "GZMB" in shown


def test_mask_as_json(tissue_files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["info", str(tissue_files / "cells.tif"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["event"] == "info"
    assert facts["kind"] == "mask"
    assert facts["cells"] > facts["touching_the_border"] > 0


def test_run_file_in_words(tissue_files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["info", str(tissue_files / "run.toml")]) == 0
    shown = capsys.readouterr().out
    assert "immune: CD8, GZMB, (whole patch)" in shown
    assert "around: PanCK, CD8, (around this cell)" in shown


def test_kind_can_be_told(tissue_files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["info", str(tissue_files / "cells.tif"), "--as", "image"]) == 0
    assert "channels" in capsys.readouterr().out


def test_file_that_is_none_of_these_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("not an image", encoding="utf-8")
    assert call(["info", str(tmp_path / "notes.txt")]) == 3
    assert "notes.txt" in capsys.readouterr().err
