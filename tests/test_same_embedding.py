"""One seed, three doors: napari, the command line and Python give the same numbers on a CPU."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import anndata
import numpy as np
import pytest
import tifffile
from opening import show_image_file, show_mask_file
from pyramids import finer, write_tiff, write_zarr

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
    show_image_file(link, str(files / "tissue.ome.tif"))
    show_mask_file(link, str(files / "cells.tif"))
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


COARSE = CONFIG.with_values({"patches.size": 16, "patches.size_um": 16.0})
"""Of a network whose pixels are of 1 µm, where the slide's are of 0.25 µm."""


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tissue as a scanner would give it, in two formats, with a pyramid in each."""
    folder = tmp_path_factory.mktemp("slides")
    tissue = synthetic_tissue(size=176, seed=2, name="tissue").field
    levels, labels, pixel_size = finer(tissue)
    write_tiff(folder / "tissue.ome.tif", levels, tissue.image.channels, pixel_size)
    write_zarr(folder / "tissue.zarr", levels, tissue.image.channels, pixel_size)
    tifffile.imwrite(folder / "cells.tif", labels)
    for kind in ("ome.tif", "zarr"):
        file = folder / f"{kind}.toml"
        file.write_text(of_the_slide(kind).to_toml(), encoding="utf-8")
    return folder


def of_the_slide(kind: str) -> RunConfig:
    image = ImageInput(image=f"tissue.{kind}", mask="cells.tif", name="tissue")
    return COARSE.model_copy(update={"inputs": (image,)})


@pytest.fixture(scope="module")
def of_a_level(slides: Path) -> AnnData:
    config = of_the_slide("zarr")
    fields = pipeline.open_inputs(config, slides)
    bundle = pipeline.run(pipeline.train(fields, config))
    table = pipeline.run(pipeline.embed(fields, bundle, config))
    assert table.uns["splicer"]["levels"]["coarser"].tolist() == [4.0]
    return table


@pytest.mark.parametrize("kind", ["ome.tif", "zarr"])
def test_the_command_line_reads_the_level_that_python_reads(
    slides: Path, of_a_level: AnnData, tmp_path: Path, kind: str
) -> None:
    file = slides / f"{kind}.toml"
    for verb in ("train", "embed"):
        assert call([verb, str(file), "--output", str(tmp_path), "--quiet"]) == 0
    assert_same(anndata.read_zarr(tmp_path / "table.zarr"), of_a_level)
    kept = tomllib.loads((tmp_path / "run.toml").read_text(encoding="utf-8"))
    assert kept["patches"]["resolution"] == "fitting"
    model = json.loads((tmp_path / "model" / "bundle.json").read_text(encoding="utf-8"))
    assert model["config"]["patches"]["levels"] == {"tissue": 4.0}


@pytest.mark.gui
@pytest.mark.parametrize("from_files", [True, False])
def test_napari_reads_the_level_that_python_reads(
    make_napari_viewer, qtbot, slides: Path, of_a_level: AnnData, tmp_path: Path, from_files: bool
) -> None:
    """From a file, or from a layer that is a list of arrays in memory."""
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER")
    session, link = dock.session, link_for(viewer)
    if from_files:
        show_image_file(link, str(slides / "tissue.zarr"))
        show_mask_file(link, str(slides / "cells.tif"))
    else:
        field = pipeline.open_inputs(of_the_slide("zarr"), slides)[0]
        assert field.cells is not None
        place = {"scale": (0.25, 0.25), "units": ("um", "um")}
        levels = [np.asarray(level) for level in field.image.levels]
        for number, name in enumerate(field.image.channels):
            viewer.add_image([x[number] for x in levels], name=name, multiscale=True, **place)
        viewer.add_labels(np.asarray(field.cells.data), name="cells", **place)
    qtbot.waitUntil(lambda: bool(session.components), timeout=60_000)
    session.components = COARSE.components
    changes = {"output": str(tmp_path), "inputs": [], "export.formats": ["csv"]}
    session.settings = COARSE.with_values(changes)
    for run in (commands.train, commands.embed):
        made = run(session)
        commands.begin(session, made)
        commands.apply(session, made, made.events())
    assert_same(session.table, of_a_level)
    written = commands.export(session, tmp_path / "out")
    commands.begin(session, written)
    commands.apply(session, written, written.events())
    file = tmp_path / "out" / "run.toml"
    kept = tomllib.loads(file.read_text(encoding="utf-8"))["patches"]
    assert kept["levels"] == {session.image.name: 4.0}
    if from_files:
        for verb in ("train", "embed"):
            assert call([verb, str(file), "--output", str(tmp_path / "again"), "--quiet"]) == 0
        assert_same(anndata.read_zarr(tmp_path / "again" / "table.zarr"), of_a_level)
