"""Models as one file: packed, named where a model is named, and found at an address."""

from __future__ import annotations

import hashlib
import json

import pytest
from web import web

from napari_splicer import pipeline
from napari_splicer.cli.app import call
from napari_splicer.config import load_run
from napari_splicer.model import sources
from napari_splicer.model.bundle import inspect_bundle, save_bundle


@pytest.fixture(scope="module")
def model(tissue_files, tmp_path_factory):
    config = load_run(tissue_files / "run.toml").with_values({"training.steps": 1})
    bundle = pipeline.run(pipeline.train(pipeline.open_inputs(config, tissue_files), config))
    return save_bundle(bundle, tmp_path_factory.mktemp("model") / "model")


@pytest.fixture
def packed(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sources, "cache_folder", lambda: tmp_path / "cache")
    assert call(["pack", str(model), str(tmp_path / "m.zip"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["sha256"] == hashlib.sha256((tmp_path / "m.zip").read_bytes()).hexdigest()
    return tmp_path / "m.zip"


def test_a_packed_model_is_told_and_embeds(packed, model, tissue_files, tmp_path, capsys):
    assert call(["info", str(packed), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hash"] == inspect_bundle(model).hash
    words = ["embed", str(tissue_files / "run.toml"), "--output", str(tmp_path / "out"), "--quiet"]
    assert call([*words, "--model", str(packed)]) == 0
    assert (tmp_path / "out" / "table.zarr").is_dir()
    assert call(["pack", str(model), str(packed)]) == 6


def test_a_model_at_an_address_embeds_images_without_run_file(
    packed, tissue_files, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tissue_files)
    images = ["--images", "tissue.ome.tif", "--masks", "cells.tif"]
    with web() as server:
        server.files["/m.zip"] = packed.read_bytes()
        words = ["embed", *images, "--output", str(tmp_path / "new"), "--model"]
        assert call([*words, f"{server.address}/none.zip"]) == 5
        assert "answers 404" in capsys.readouterr().err
        assert call([*words, f"{server.address}/m.zip", "--quiet"]) == 0
    assert (tmp_path / "new" / "run.toml").is_file()
    assert call(["embed", *images, "--model", "http://example.org/m.zip"]) == 5
