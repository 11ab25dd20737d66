"""One seed, three doors: napari, the command line and Python give the same numbers on a CPU."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import anndata
import numpy as np
import pytest

from napari_splicer import pipeline
from napari_splicer.cli.app import call
from napari_splicer.config import Component, ImageInput, Region, RunConfig
from napari_splicer.demo.files import write_inputs
from napari_splicer.gui import commands
from napari_splicer.gui.layers import link_for
from napari_splicer.samples import synthetic_tissue

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

CONFIG = RunConfig(
    seed=7,
    device="cpu",
    precision="fp32",
    threads=1,
    inputs=(ImageInput(image="tissue.ome.tif", mask="cells.tif", name="tissue"),),
    components=(
        Component(name="immune", channels=("CD45", "CD3", "CD8")),
        Component(name="granules", channels=("GZMB",), region=Region(kind="cell")),
        Component(name="around", channels=("PanCK",), region=Region(kind="surroundings")),
    ),
).with_values({"training.steps": 5, "training.batch": 16, "model.width": 8, "model.embedding": 24})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tissue on disk, with its run file."""
    folder = tmp_path_factory.mktemp("same")
    write_inputs(synthetic_tissue(size=176, seed=2), CONFIG, folder)
    (folder / "run.toml").write_text(CONFIG.to_toml(), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def from_python(files: Path) -> AnnData:
    fields = pipeline.open_inputs(CONFIG, files)
    bundle = pipeline.run(pipeline.train(fields, CONFIG))
    return pipeline.run(pipeline.embed(fields, bundle, CONFIG))


def in_order_of_id(table: AnnData) -> AnnData:
    return table[np.argsort(table.obs["instance_id"].to_numpy())]


def assert_same(one: AnnData, other: AnnData) -> None:
    one, other = in_order_of_id(one), in_order_of_id(other)
    np.testing.assert_array_equal(one.obs["instance_id"], other.obs["instance_id"])
    for key in ("X_splicer", "X_splicer_chunks"):
        np.testing.assert_array_equal(one.obsm[key], other.obsm[key])
    np.testing.assert_array_equal(one.X, other.X)
    assert one.uns["splicer"]["bundle"] == other.uns["splicer"]["bundle"]


def test_the_command_line_does_what_python_does(
    files: Path, from_python: AnnData, tmp_path: Path
) -> None:
    for verb in ("train", "embed"):
        assert call([verb, str(files / "run.toml"), "--output", str(tmp_path), "--quiet"]) == 0
    assert_same(anndata.read_zarr(tmp_path / "table.zarr"), from_python)


@pytest.mark.gui
def test_napari_does_what_python_does(
    make_napari_viewer, qtbot, files: Path, from_python: AnnData, tmp_path: Path
) -> None:
    field = pipeline.open_inputs(CONFIG, files)[0]
    assert field.cells is not None
    viewer = make_napari_viewer()
    for name, pixels in zip(field.image.channels, np.asarray(field.image.data), strict=True):
        viewer.add_image(pixels, name=name, scale=(0.5, 0.5), units=("um", "um"))
    viewer.add_labels(np.asarray(field.cells.data), name="cells", scale=(0.5, 0.5))
    _, dock = viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER")
    session = dock.session
    qtbot.waitUntil(lambda: bool(session.components), timeout=60_000)
    session.components = CONFIG.components
    session.settings = CONFIG.with_values({"output": str(tmp_path)})
    qtbot.waitUntil(lambda: dock.pages["model"].train_panel.button.isEnabled())
    dock.pages["model"].train_panel.button.click()
    qtbot.waitUntil(lambda: bool(session.groups) and session.job is None, timeout=120_000)
    assert_same(session.table, from_python)


@pytest.mark.gui
def test_the_run_file_that_napari_exports_gives_the_same_again(
    make_napari_viewer, qtbot, files: Path, from_python: AnnData, tmp_path: Path
) -> None:
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER")
    session, link = dock.session, link_for(viewer)
    link.open_image(str(files / "tissue.ome.tif"))
    link.open_mask(str(files / "cells.tif"))
    qtbot.waitUntil(lambda: bool(session.components), timeout=60_000)
    session.components = CONFIG.components
    open_settings = {"output": str(tmp_path), "inputs": [], "device": "auto", "threads": None}
    session.settings = CONFIG.with_values({**open_settings, "export.formats": ["csv"]})
    for run in (commands.train, commands.embed):
        made = run(session)
        commands.begin(session, made)
        commands.apply(session, made, made.events())
    written = commands.export(session, tmp_path / "out")
    commands.begin(session, written)
    commands.apply(session, written, written.events())
    file = tmp_path / "out" / "run.toml"
    assert tomllib.loads(file.read_text(encoding="utf-8"))["device"] == "cpu"
    for verb in ("train", "embed"):
        assert call([verb, str(file), "--output", str(tmp_path / "again"), "--quiet"]) == 0
    assert_same(anndata.read_zarr(tmp_path / "again" / "table.zarr"), session.table)
    assert_same(session.table, from_python)
