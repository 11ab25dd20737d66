"""The stages from a shell, for real: files to files, stopped and resumed, never overwritten."""

from __future__ import annotations

import json
import os
import shutil
import signal
from typing import TYPE_CHECKING

import anndata
import numpy as np
import pytest

from napari_splicer.cli.app import call
from napari_splicer.cli.terminal import Prose
from napari_splicer.config import load_run
from napari_splicer.events import Event, Progress
from napari_splicer.model.bundle import inspect_bundle

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def finished(tissue_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of ``napari-splicer run``."""
    output = tmp_path_factory.mktemp("finished") / "output"
    assert call(["run", str(tissue_files / "run.toml"), "--output", str(output), "--quiet"]) == 0
    return output


def test_run_leaves_model_table_settings_and_exports(finished: Path) -> None:
    assert inspect_bundle(finished / "model").decomposition.names == ("immune", "around")
    assert "<h1>output</h1>" in (finished / "report.html").read_text(encoding="utf-8")
    table = anndata.read_zarr(finished / "table.zarr")
    assert table.obsm["X_splicer_chunks"].shape == (table.n_obs, 16)
    assert table.obs["groups"].dtype == "category"
    assert "X_umap" in table.obsm
    names = {path.name for path in (finished / "export").iterdir()}
    assert {"cells.h5ad", "cells.csv", "tissue.groups.ome.tif", "run.toml"} <= names


def test_settings_as_used_repeat_the_run(finished: Path, tmp_path: Path) -> None:
    used = load_run(finished / "run.toml")
    assert used.training.steps == 3
    assert used.patches.size_um == pytest.approx(8)
    again = ["run", str(finished / "run.toml"), "--output", str(tmp_path / "again"), "--quiet"]
    assert call(again) == 0
    before = anndata.read_zarr(finished / "table.zarr")
    after = anndata.read_zarr(tmp_path / "again" / "table.zarr")
    np.testing.assert_array_equal(after.obsm["X_splicer"], before.obsm["X_splicer"])
    assert list(after.obs["groups"]) == list(before.obs["groups"])


def step_by_step(files: Path, folder: Path) -> None:
    run = [str(files / "run.toml"), "--output", str(folder), "--quiet"]
    for verb in ("train", "embed", "cluster", "export"):
        assert call([verb, *run]) == 0


def test_steps_one_by_one_do_the_same(finished: Path, tissue_files: Path, tmp_path: Path) -> None:
    step_by_step(tissue_files, tmp_path)
    before = anndata.read_zarr(finished / "table.zarr")
    after = anndata.read_zarr(tmp_path / "table.zarr")
    np.testing.assert_array_equal(after.obsm["X_splicer"], before.obsm["X_splicer"])
    np.testing.assert_array_equal(after.obsm["X_umap"], before.obsm["X_umap"])
    assert list(after.obs["groups"]) == list(before.obs["groups"])


def test_a_table_too_large_for_memory_goes_the_whole_way(
    finished: Path, tissue_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_splicer.embedding.stored.LARGE", 10)
    step_by_step(tissue_files, tmp_path)
    before = anndata.read_zarr(finished / "table.zarr")
    after = anndata.read_zarr(tmp_path / "table.zarr")
    np.testing.assert_array_equal(after.obsm["X_splicer"], before.obsm["X_splicer"])
    assert list(after.obs["groups"]) == list(before.obs["groups"])
    flat = [(folder / "export" / "cells.csv").read_bytes() for folder in (finished, tmp_path)]
    assert flat[0] == flat[1]
    exported = anndata.read_h5ad(tmp_path / "export" / "cells.h5ad")
    np.testing.assert_array_equal(exported.obsm["X_splicer"], before.obsm["X_splicer"])


@pytest.mark.parametrize("verb", ["run", "train", "embed", "cluster", "export"])
def test_results_are_not_overwritten_unasked(
    verb: str, finished: Path, tissue_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    assert call([verb, str(tissue_files / "run.toml"), "--output", str(finished)]) == 6
    assert "--overwrite" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before


def test_a_table_of_another_model_than_lies_there_is_told(
    finished: Path, tissue_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = shutil.copytree(finished, tmp_path / "output")
    run = [str(tissue_files / "run.toml"), "--output", str(output)]
    assert call(["embed", *run, "--resume"]) == 0
    assert "another model" not in capsys.readouterr().err
    assert call(["train", *run, "--overwrite", "--set", "seed=5"]) == 0
    capsys.readouterr()
    for verb in (["embed", "--resume"], ["cluster", "--overwrite"], ["export", "--overwrite"]):
        assert call([verb[0], *run, verb[1]]) == 0
        assert "was made by another model than lies in" in capsys.readouterr().err


def test_resuming_a_whole_run_makes_what_comes_after_anew(
    finished: Path, tissue_files: Path, tmp_path: Path
) -> None:
    output = shutil.copytree(finished, tmp_path / "output")
    run = [str(tissue_files / "run.toml"), "--output", str(output), "--quiet"]
    assert call(["run", *run, "--resume", "--set", "clusterings.0.name=again"]) == 0
    assert (output / "export" / "tissue.again.ome.tif").exists()


def test_model_of_another_run_embeds_these_cells(
    finished: Path, tissue_files: Path, tmp_path: Path
) -> None:
    words = ["embed", str(tissue_files / "run.toml"), "--output", str(tmp_path), "--quiet"]
    assert call([*words, "--model", str(finished / "model")]) == 0
    before = anndata.read_zarr(finished / "table.zarr")
    after = anndata.read_zarr(tmp_path / "table.zarr")
    np.testing.assert_array_equal(after.obsm["X_splicer"], before.obsm["X_splicer"])


def test_intensities_need_no_model(tissue_files: Path, tmp_path: Path) -> None:
    run = [str(tissue_files / "run.toml"), "--output", str(tmp_path), "--quiet"]
    source = ["--set", "clusterings.0.source=intensity", "--set", "projection.source=intensity"]
    assert call(["embed", *run, "--without-model"]) == 0
    assert call(["cluster", *run, *source]) == 0
    table = anndata.read_zarr(tmp_path / "table.zarr")
    assert "X_splicer" not in table.obsm
    assert table.obs["groups"].dtype == "category"


def test_events_as_json_name_what_was_written(
    tissue_files: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = [str(tissue_files / "run.toml"), "--output", str(tmp_path), "--json"]
    assert call(["train", *run]) == 0
    told = capfd.readouterr()
    assert "3 steps of training will take about" in told.err
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert lines[0]["event"] == "started"
    assert lines[-2:] == [
        {"event": "written", "what": "model", "path": str(tmp_path / "model")},
        {"event": "written", "what": "report", "path": str(tmp_path / "report.html")},
    ]
    losses = [line["values"]["loss"] for line in lines if "loss" in line.get("values", {})]
    assert losses
    assert all(np.isfinite(losses))


def test_how_long_it_takes_is_not_measured_for_the_quiet(
    tissue_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[object] = []
    monkeypatch.setattr(
        "napari_splicer.training.estimate.expected_seconds", lambda *of: measured.append(of)
    )
    run = [str(tissue_files / "run.toml"), "--output", str(tmp_path)]
    assert call(["train", *run, "--quiet"]) == 0
    assert not measured
    assert call(["train", *run, "--overwrite"]) == 0
    assert measured


def test_stopped_training_keeps_the_model_and_goes_on(
    finished: Path, tissue_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Prose.show

    def interrupt(self: Prose, event: Event) -> None:
        shown(self, event)
        if isinstance(event, Progress) and event.unit == "steps" and event.done == 1:
            os.kill(os.getpid(), signal.SIGINT)

    run = [str(tissue_files / "run.toml"), "--output", str(tmp_path), "--quiet"]
    with monkeypatch.context() as patch:
        patch.setattr(Prose, "show", interrupt)
        assert call(["train", *run]) == 130
    first = inspect_bundle(tmp_path / "model").hash
    assert first in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert call(["train", *run, "--resume"]) == 0
    last = inspect_bundle(tmp_path / "model").hash
    assert first != last
    assert last in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert last == inspect_bundle(finished / "model").hash


def test_info_on_a_model_and_a_table(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["info", str(finished / "model")]) == 0
    told = capsys.readouterr().out
    assert "around: PanCK, CD8, (around this cell)" in told
    assert "Too early to judge the components: 3 training steps" in told
    assert call(["info", str(finished)]) == 0
    assert "report.html" in capsys.readouterr().out
    assert call(["info", str(finished / "table.zarr"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["kind"] == "table"
    assert facts["chunks"] == {"immune": 8, "around": 8}
    assert set(facts["clusterings"]) == {"groups"}
    assert sum(facts["images"].values()) == facts["cells"]


def test_files_of_an_earlier_export_are_told(
    finished: Path, tissue_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "output"
    shutil.copytree(finished, folder)
    words = ["export", str(tissue_files / "run.toml"), "--output", str(folder), "--overwrite"]
    assert call(words) == 0
    assert "not of this export" not in capsys.readouterr().err
    assert call([*words, "--set", 'export.formats=["csv"]']) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "not of this export: cells.h5ad, tissue.groups" in told
    assert (folder / "export" / "cells.h5ad").exists()
