"""Commands to begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tifffile

from napari_splicer.cli.app import call
from napari_splicer.config import load_run
from napari_splicer.pipeline import open_inputs

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_init_writes_a_run_file_that_can_be_used(
    tissue_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.toml"
    image, mask = str(tissue_files / "tissue.ome.tif"), str(tissue_files / "cells.tif")
    assert call(["init", image, "--mask", mask, "--file", str(file)]) == 0
    assert "napari-splicer run" in capsys.readouterr().err
    config = load_run(file)
    (field,) = open_inputs(config, tmp_path)
    assert field.cells is not None
    used = {channel for component in config.components for channel in component.channels}
    assert config.components
    assert used <= set(field.image.channels)
    text = file.read_text(encoding="utf-8")
    assert "12 channels, 192 × 192 px, 0.5 µm per pixel" in text
    assert "# Suggested here: " in text


def test_init_does_not_overwrite(tissue_files: Path, tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("mine", encoding="utf-8")
    words = ["init", str(tissue_files / "tissue.ome.tif"), "--file", str(file)]
    assert call(words) == 6
    assert file.read_text(encoding="utf-8") == "mine"
    assert call([*words, "--overwrite"]) == 0
    config = load_run(file)
    assert config.inputs[0].mask is None
    assert config.patches.sites == "grid"


def test_init_needs_an_image_and_a_mask_for_each(
    tissue_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["init"]) == 2
    assert "No image is named" in capsys.readouterr().err
    image, mask = str(tissue_files / "tissue.ome.tif"), str(tissue_files / "cells.tif")
    assert call(["init", image, "--mask", mask, "--mask", mask]) == 2
    assert "1 image and 2 masks" in capsys.readouterr().err


def test_init_makes_components_of_the_groups_of_a_panel(tissue_files: Path, tmp_path: Path) -> None:
    channels = len(tifffile.imread(tissue_files / "tissue.ome.tif"))
    rows = [f"m{i},{'odd' if i % 2 else 'even'}" for i in range(channels)]
    panel = tmp_path / "panel.csv"
    panel.write_text("name,group\n" + "\n".join(rows), encoding="utf-8")
    image, mask = str(tissue_files / "tissue.ome.tif"), str(tissue_files / "cells.tif")
    file = tmp_path / "run.toml"
    words = ["init", image, "--mask", mask, "--panel", str(panel), "--file", str(file)]
    assert call(words) == 0
    config = load_run(file)
    assert [part.name for part in config.components][:2] == ["even", "odd"]
    assert config.components[1].channels == tuple(f"m{i}" for i in range(1, channels, 2))
    (field,) = open_inputs(config, tmp_path)
    assert field.image.channels[0] == "m0"


def test_init_takes_channels_that_all_images_have(
    tissue_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tifffile.imread(tissue_files / "tissue.ome.tif")
    names = ["DNA", *(f"marker {i}" for i in range(1, len(image)))]
    tifffile.imwrite(
        tmp_path / "other.ome.tif", image, metadata={"axes": "CYX", "Channel": {"Name": names}}
    )
    words = ["init", str(tissue_files / "tissue.ome.tif"), str(tmp_path / "other.ome.tif")]
    capsys.readouterr()
    assert call([*words, "--file", str(tmp_path / "run.toml")]) == 0
    assert "In no component, so that no model sees them: " in capsys.readouterr().err
    text = (tmp_path / "run.toml").read_text(encoding="utf-8")
    assert "Left out: " in text
    assert "marker 1" in text
    config = load_run(tmp_path / "run.toml")
    assert config.inputs[1].image == "other.ome.tif"  # beside the run file: both may move
    assert config.inputs[0].image == str(tissue_files / "tissue.ome.tif")
    assert {channel for part in config.components for channel in part.channels} == {"DNA"}


def test_init_names_a_file_that_is_no_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["init", str(tmp_path / "absent.tif"), "--file", str(tmp_path / "r.toml")]) == 3
    assert "absent.tif" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_demo_prints_a_table_and_says_where_the_results_lie(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["demo", "--output", str(tmp_path / "demo"), "--steps", "2", "--size", "224"]
    assert call([*words, "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert "SpliCER" in shown
    assert str(tmp_path / "demo") in shown
    assert (tmp_path / "demo" / "table.zarr").exists()


def test_demo_refuses_a_folder_that_is_in_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    assert call(["demo", "--output", str(tmp_path)]) == 6
    assert "not empty" in capsys.readouterr().err


def test_demo_refuses_a_contrast_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["demo", "--output", str(tmp_path / "demo"), "--contrast", "2"]) == 2
    assert "contrast" in capsys.readouterr().err
