"""Images named by a pattern on the command line, or in a run file: files to one table."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import anndata
import numpy as np
import pytest
from distributed import LocalCluster

from napari_splicer.cli.app import call
from napari_splicer.config import load_run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def model(tissue_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("trained")
    run = [str(tissue_files / "run.toml"), "--output", str(output), "--quiet"]
    assert call(["train", *run]) == 0
    return output / "model"


@pytest.fixture
def slides(tissue_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: two images and their masks, as steinbock puts them."""
    for name in ("s2", "s10"):
        for file, folder in (("tissue.ome.tif", "img"), ("cells.tif", "masks")):
            (tmp_path / folder).mkdir(exist_ok=True)
            shutil.copy(tissue_files / file, tmp_path / folder / f"{name}.tiff")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_images_are_embedded_by_a_pattern_and_the_run_goes_on_from_there(
    slides: Path, model: Path
) -> None:
    words = ["embed", "--images", "img/*.tiff", "--model", str(model), "--output", "new"]
    assert call([*words, "--quiet"]) == 0
    table = anndata.read_zarr(slides / "new" / "table.zarr")
    assert table.obs["region"].cat.categories.tolist() == ["s2", "s10"]
    halves = [table[table.obs["region"] == name].obsm["X_splicer"] for name in ("s2", "s10")]
    assert np.isfinite(halves[0]).all()
    np.testing.assert_allclose(halves[0], halves[1], atol=1e-5)
    run = load_run(slides / "new" / "run.toml")
    assert [item.image for item in run.inputs] == [
        str(slides / "img" / f"{name}.tiff") for name in ("s2", "s10")
    ]
    assert [component.name for component in run.components] == ["immune", "around"]
    assert call(["cluster", "new/run.toml", "--quiet"]) == 0
    assert call([*words, "--quiet"]) == 6


def test_a_run_file_may_be_a_list_of_patterns(slides: Path, model: Path) -> None:
    text = '[[inputs]]\nimage = "img/*.tiff"\nmask = "masks/{stem}.tiff"\n'
    (slides / "slides.toml").write_text(text, encoding="utf-8")
    assert call(["embed", "slides.toml", "--model", str(model), "--quiet"]) == 0
    table = anndata.read_zarr(slides / "splicer-run" / "table.zarr")
    assert table.obs["region"].value_counts().to_dict() == {"s2": 83, "s10": 83}
    # What comes after goes on with these images, also where the pattern fits more by then.
    shutil.copy(slides / "img" / "s2.tiff", slides / "img" / "s3.tiff")
    shutil.copy(slides / "masks" / "s2.tiff", slides / "masks" / "s3.tiff")
    kept = slides / "splicer-run" / "run.toml"
    assert [item.name or item.image for item in load_run(kept).inputs] == [
        str(slides / "img" / f"{name}.tiff") for name in ("s2", "s10")
    ]
    for verb in ("cluster", "export"):
        assert call([verb, str(kept), "--quiet"]) == 0


def test_a_list_of_images_can_not_be_trained_on(
    slides: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = '[[inputs]]\nimage = "img/*.tiff"\nmask = "masks/{stem}.tiff"\n'
    (slides / "slides.toml").write_text(text, encoding="utf-8")
    assert call(["train", "slides.toml"]) == 4
    told = capsys.readouterr().err
    assert "slides.toml names no component" in told
    assert "napari-splicer init" in told


def test_tiles_need_no_mask_and_their_map_no_clusters(
    slides: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(slides / "masks")
    words = ["embed", "--images", "img/s2.tiff", "img/s10.tiff", "--model", str(model)]
    tiles = ["--set", "patches.sites=grid", "--set", "patches.stride=32"]
    assert call([*words, *tiles]) == 0
    assert "export' writes the embedding as a map" in " ".join(capsys.readouterr().err.split())
    run = slides / "splicer-run"
    assert anndata.read_zarr(run / "table.zarr").n_obs == 2 * 49
    assert call(["export", str(run / "run.toml"), "--quiet"]) == 0
    made = {path.name for path in (run / "export").iterdir()}
    for name in ("s2", "s10"):
        assert made >= {f"{name}.embedding.ome.tif", f"{name}.embedding-colours.ome.tif"}


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--images", "*.ome.tif"], 3, "No image fits '*.ome.tif' in"),
        (["--images", "img/*", "--masks", "m/{stem}.tif"], 3, "no mask for 2 of 2 images"),
        (["--images", "img/*", "img/s2.tiff"], 2, "Two images are called s2"),
        (["--images", "img/*", "--masks", "masks/s2.tiff"], 2, "would have the mask"),
        (["run.toml", "--images", "img/*"], 2, "A run file names images"),
        (["run.toml", "--panel", "p.csv"], 2, "A run file names images"),
        ([], 2, "No image is named"),
    ],
)
def test_what_can_not_be_meant_is_refused_before_anything_is_read(
    words: list[str],
    code: int,
    told: str,
    slides: Path,
    model: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(["embed", *words, "--model", str(model)]) == code
    assert told in capsys.readouterr().err
    assert {path.name for path in slides.iterdir()} == {"img", "masks"}


def test_workers_of_a_scheduler_do_the_same(
    slides: Path, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["embed", "--images", "img/*.tiff", "--model", str(model), "--output"]
    assert call([*words, "here", "--quiet"]) == 0
    capfd.readouterr()
    with LocalCluster(n_workers=2, processes=False, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        assert call([*words, "there", "--scheduler", address, "--json"]) == 0
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [event["done"] for event in events if event["event"] == "progress"][-1] == 166
    assert events[-1]["what"] == "run file"
    here, there = (anndata.read_zarr(slides / name / "table.zarr") for name in ("here", "there"))
    assert here.obs_names.tolist() == there.obs_names.tolist()
    np.testing.assert_allclose(here.obsm["X_splicer"], there.obsm["X_splicer"], atol=1e-5)


@pytest.mark.parametrize("verb", ["embed", "run"])
def test_a_scheduler_that_does_not_answer_is_told_before_the_work(
    verb: str,
    tissue_files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("napari_splicer.embedding.scheduler._SECONDS_TO_CONNECT", 0.5)
    words = [verb, str(tissue_files / "run.toml"), "--output", str(tmp_path / "out")]
    words += ["--without-model"] if verb == "embed" else []
    assert call([*words, "--scheduler", "tcp://127.0.0.1:9"]) == 9
    assert "No scheduler answers at tcp://127.0.0.1:9" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_model_must_be_named(slides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["embed", "--images", "img/*"]) == 2
    assert "--model" in capsys.readouterr().err
    assert call(["embed", "--images", "img/*", "--without-model", "--quiet"]) == 0


def test_images_that_lack_channels_are_named_each(
    slides: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = "\n".join(["name", *(f"m{i}" for i in range(12))])
    (slides / "panel.csv").write_text(names, encoding="utf-8")
    words = ["--images", "img/*", "--panel", "panel.csv", "--model", str(model)]
    assert call(["embed", *words]) == 4
    told = capsys.readouterr().err
    assert "s2 lacks CD8, GZMB, PanCK; s10 lacks CD8" in told
