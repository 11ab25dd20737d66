"""``napari-splicer info`` on each kind of file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import tifffile
from anndata import AnnData

from napari_splicer.cli.app import call
from napari_splicer.cli.describe import guess_kind, in_words
from napari_splicer.export.tables import write_csv, write_parquet
from napari_splicer.samples import synthetic_tissue

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


def test_channels_that_hold_nothing_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = np.random.default_rng(0).random((3, 20, 20), np.float32)
    pixels[1] = 7
    pixels[2, 0, 0] = np.nan
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, metadata={"axes": "CYX"})
    assert call(["info", str(tmp_path / "a.ome.tif")]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert any(line.endswith("Channel 2 is constant: every pixel is 7.") for line in shown)
    assert shown[-1].strip() == "Channel 3 holds 1 pixel that is not a finite number."


def test_what_there_is_none_of_is_left_out() -> None:
    assert in_words({"levels": 1, "remarks": [], "chunks": {}}) == "levels  1"


def test_folder_of_results_is_told_by_its_run_file(
    tissue_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = [str(tissue_files / "run.toml"), "--output", str(tmp_path), "--quiet"]
    assert call(["train", *run]) == 0
    assert guess_kind(tmp_path) == "run"
    assert call(["info", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert f"results      model: {tmp_path / 'model'}" in shown
    assert f"report: {tmp_path / 'report.html'}" in shown
    assert "licence" not in shown
    assert call(["embed", *run, "--set", "patches.sites=grid", "--without-model"]) == 0
    assert call(["info", str(tmp_path / "table.zarr")]) == 0
    assert "\ntiles " in capsys.readouterr().out


def test_damaged_file_is_told_in_one_voice(
    tissue_files: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = (tissue_files / "tissue.ome.tif").read_bytes()
    (tmp_path / "half.ome.tif").write_bytes(content[: len(content) // 2])
    assert call(["info", str(tmp_path / "half.ome.tif")]) == 3
    first, *advice = capfd.readouterr().err.splitlines()
    assert first.endswith("half.ome.tif ends too early: pixels are missing.")
    assert len(advice) == 1


def test_mask_as_json(tissue_files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["info", str(tissue_files / "cells.tif"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["event"] == "info"
    assert facts["kind"] == "mask"
    assert facts["cells"] > facts["touching_the_border"] > 0
    assert facts["in_pieces_far_apart"] == []


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


def test_findings_on_a_model_are_told(
    tissue_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["train", str(tissue_files / "run.toml"), "--output", str(tmp_path)]) == 0
    place = tmp_path / "model" / "bundle.json"
    record = json.loads(place.read_text(encoding="utf-8"))
    sound = {"own": 0.9, "shuffled": 0.5}
    found = record["diagnostics"] | {"steps": 400, "patches": 512}
    found["similarity"] = found["counterparts"] = [[1.0, 0.1], [0.1, 1.0]]
    found["chunks"] = [part | {"rank": 5.0} for part in found["chunks"]]
    found["alignments"] = [pair | sound for pair in found["alignments"]]
    capsys.readouterr()
    for changes, told in (
        ({}, "Nothing stands out."),
        ({"similarity": [[1.0, 0.97], [0.97, 1.0]], "counterparts": [[1.0, 0.9], [0.9, 1.0]]},
         "'immune' and 'around' say the same"),
    ):  # fmt: skip
        changed = record | {"diagnostics": found | changes}
        place.write_text(json.dumps(changed), encoding="utf-8")
        assert call(["info", str(tmp_path / "model")]) == 0
        assert told in capsys.readouterr().out


def test_what_an_export_wrote_is_told(
    tissue_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = [str(tissue_files / "run.toml"), "--output", str(tmp_path), "--quiet"]
    formats = 'export.formats=["csv", "parquet", "ome-tiff", "ome-zarr"]'
    assert call(["run", *run, "--set", formats]) == 0
    export = tmp_path / "export"
    table = {}
    for suffix in ("csv", "parquet"):
        assert guess_kind(export / f"cells.{suffix}") == "rows"
        capsys.readouterr()
        assert call(["info", str(export / f"cells.{suffix}"), "--json"]) == 0
        table[suffix] = json.loads(capsys.readouterr().out)
    rows = table["csv"]
    assert rows["channels"][:2] == list(synthetic_tissue(size=192).field.image.channels)[:2]
    assert rows["images"] == {"tissue": rows["cells"]}
    assert list(rows["clusterings"]) == ["groups"]
    assert rows["representation"] > 0
    same = {"channels", "images", "cells", "clusterings", "representation", "further_columns"}
    assert all(table["parquet"][name] == rows[name] for name in same)
    for image in sorted(path for path in export.iterdir() if ".ome." in path.name):
        if image.name.endswith(".csv"):
            continue
        assert guess_kind(image) == "groups"
        assert call(["info", str(image)]) == 0
        shown = capsys.readouterr().out
        assert "groups       1: 1, " in shown
        assert f"cells        {rows['cells']:,}" in shown


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_groups_are_told_from_what_was_measured(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = AnnData(
        np.ones((4, 1), np.float32),
        obs=pd.DataFrame(
            {
                "instance_id": [1, 2, 3, 4],
                "region": pd.Categorical(["a"] * 4),
                "splicer_cluster": pd.Categorical(["1", "2", None, "2"]),
                "umap_T-cells_1": [0.1, 0.2, 0.3, 0.4],
                "taught_uncertainty": np.array([0, 0.25, 1, np.nan], np.float32),
            },
            index=list("wxyz"),
        ),
        var=pd.DataFrame(index=["CD3"]),
    )
    path = tmp_path / f"cells.{suffix}"
    (write_csv if suffix == "csv" else write_parquet)(table, path)
    assert call(["info", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["clusterings"] == {"splicer_cluster": "2 groups"}
    assert told["further_columns"] == ["taught_uncertainty"]
    assert told["representation"] == 0
    assert told["channels"] == ["CD3"]


def test_a_csv_of_something_else_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "panel.csv").write_text("channel,name\n1,CD3\n")
    assert call(["info", str(tmp_path / "panel.csv")]) != 0
    assert "holds no cells" in capsys.readouterr().err
