"""Several images side by side in one window: seen as one, described each by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anndata
import numpy as np
import pytest
import tifffile
from kept_work import is_saved, wait
from napari.components import ViewerModel
from qtpy.QtWidgets import QFileDialog

from napari_splicer import pipeline
from napari_splicer.analysis.trust import trust
from napari_splicer.config import load_run
from napari_splicer.gui import commands, similar
from napari_splicer.gui.categories import categories_of, said_of
from napari_splicer.gui.facts import examine, remarks
from napari_splicer.gui.jobs import runner_for
from napari_splicer.gui.keeper import keeper_for
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.numbering import shown_cells, shown_images, shown_places
from napari_splicer.gui.preview import make_preview
from napari_splicer.gui.project.opening import Wanted
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.run_files import open_run_file
from napari_splicer.gui.sheet_names import NAMES
from napari_splicer.gui.steps.image_step import ImageStep
from napari_splicer.gui.steps.model_step import ModelStep
from napari_splicer.gui.thumbnails import Cells, picture
from napari_splicer.gui.together import open_together
from napari_splicer.gui.widgets.picture_list import PictureList
from napari_splicer.images.masks import LabelMask
from napari_splicer.images.open import open_mask
from napari_splicer.samples import synthetic_tissue

if TYPE_CHECKING:
    from pathlib import Path

RUN = """
output = "results"
seed = 3
threads = 1
[[inputs]]
image = "*.ome.tif"
mask = "{folder}/{stem}_mask.tif"
[[components]]
name = "immune"
channels = ["CD45", "CD3", "CD8"]
[[components]]
name = "around"
channels = ["PanCK"]
region = { kind = "surroundings" }
[patches]
size = 16
[training]
steps = 4
batch = 16
[model]
width = 4
embedding = 16
hidden = 16
"""


@pytest.fixture
def study(tmp_path) -> Path:
    """A run file beside two fields of different size with their masks."""
    for seed, (name, size) in enumerate((("left", 160), ("right", 144))):
        field = synthetic_tissue(size=size, seed=seed).field
        tifffile.imwrite(
            tmp_path / f"{name}.ome.tif",
            np.asarray(field.image.data),
            ome=True,
            metadata={
                "axes": "CYX",
                "Channel": {"Name": list(field.image.channels)},
                "PhysicalSizeX": 0.5,
                "PhysicalSizeY": 0.5,
            },
        )
        tifffile.imwrite(tmp_path / f"{name}_mask.tif", np.asarray(field.cells.data))
    (tmp_path / "study.toml").write_text(RUN)
    return tmp_path / "study.toml"


@pytest.fixture
def viewers() -> list[ViewerModel]:
    """Windows, which a link holds weakly."""
    return [ViewerModel(), ViewerModel()]


@pytest.fixture
def link(study, viewers, qtbot):
    """A window in which it is opened."""
    link = link_for(viewers[0])
    open_run_file(link, study)
    qtbot.waitUntil(lambda: not link.opener.busy, timeout=30_000)
    return link


@pytest.fixture
def embedded(link, qtbot):
    """The same, with a model trained on both fields, and their cells embedded and grouped."""
    session = link.session
    run_to_its_end(link, commands.train(session), qtbot, lambda: session.clustering is not None)
    return link


def run_to_its_end(link, run, qtbot, reached=lambda: True) -> None:
    runner_for(link.viewer).start(run)
    qtbot.waitUntil(lambda: link.session.job is None and reached(), timeout=120_000)
    assert link.session.notice is None or link.session.notice.kind != "error"


def test_the_images_of_a_run_file_lie_side_by_side(link) -> None:
    session = link.session
    assert session.image.sheet.names == session.cells.sheet.names == ("left", "right")
    assert "2 images are opened" in session.notice.text
    assert len(link.images()) == 1
    assert resolve(session.snapshot()).steps["components"].status == "done"
    names = link.own_layer(NAMES)
    assert list(names.text.string.array) == ["left", "right"]
    assert np.allclose(names.data, [(s.y, s.x) for s in session.image.sheet.spots])


def test_the_model_and_the_table_are_those_of_the_command_line(embedded, study) -> None:
    session = embedded.session
    config = load_run(study)
    fields = pipeline.open_inputs(config, study.parent)
    bundle = pipeline.run(pipeline.train(fields, config))
    table = pipeline.run(pipeline.embed(fields, bundle, config))
    assert session.bundle.hash == bundle.hash
    assert session.table.obs_names.equals(table.obs_names)
    assert session.table.obs[table.obs.columns].equals(table.obs)
    assert np.array_equal(session.table.obsm["X_splicer"], table.obsm["X_splicer"])


def test_cells_are_where_they_are_seen(embedded, qtbot) -> None:
    session = embedded.session
    ids, places = session.ids(), shown_places(session, session.table.obs).round().astype(int)
    assert len(np.unique(ids)) == len(ids)
    pixels = np.asarray(embedded.mask_layer.data)
    own = pixels[tuple(places.T)] == ids
    assert own.mean() > 0.95  # a few cells are bent around their centre
    assert set(np.unique(pixels)) - {0} == set(ids)
    row = int(np.flatnonzero(session.table.obs["region"] == "right")[3])
    number = session.table.obs["instance_id"].iloc[row]
    assert said_of(session, row).startswith(f"cell {number} of right")
    similar.ask(session, [ids[row]], "intensity")
    assert similar.measure_of(session.sought) == f"like cell {number} of right"
    session.cell_requested.emit(int(ids[row]))
    assert session.picked == ids[row]
    shown = picture(
        session.image,
        Cells.of(session.table, shown_cells(session)),
        np.array([row]),
        ("CD45",),
        {},
    )
    assert shown.ids.tolist() == [ids[row]]
    preview = make_preview(session.snapshot(), int(ids[row]), 0)
    assert preview.cell == ids[row]
    assert preview.tiles[0].caption == f"cell {number} of right"
    similar.ask(session, [int(ids[row])], "representation")
    assert similar.measure_of(session.sought) == f"like cell {number} of right"
    pictures = PictureList(session)
    qtbot.addWidget(pictures)
    pictures.show_pictures(shown)
    assert pictures.item(0).toolTip().startswith(f"cell {number} of right: ")
    assert categories_of(session, "region").names == ("left", "right")
    shapes = {image.name: image.shape for image in shown_images(session.image)}
    found = trust(session.table, session.clustering, shapes=shapes)
    assert found.image is not None
    assert found.border is not None


def test_an_export_names_both_images_and_their_own_numbers(embedded, tmp_path, qtbot) -> None:
    session, folder = embedded.session, tmp_path / "exported"
    run_to_its_end(embedded, commands.export(session, folder), qtbot)
    again = load_run(folder / "run.toml")
    assert [item.image.rpartition("/")[2] for item in again.inputs] == [
        "left.ome.tif",
        "right.ome.tif",
    ]
    table = anndata.read_h5ad(folder / "cells.h5ad")
    fields = pipeline.open_inputs(again, folder)
    for field in fields:
        own = table.obs[table.obs["region"] == field.name]
        assert sorted(own["instance_id"]) == field.cells.cells()["id"].tolist()
        assert list(folder.glob(f"{field.name}.*.ome.tif"))


def test_a_project_brings_all_of_it_back(embedded, viewers, tmp_path, qtbot) -> None:
    session, layer = embedded.session, embedded.mask_layer
    new = int(session.ids().max()) + 1
    spot = session.image.sheet.spots[1]
    free = np.argwhere(np.asarray(layer.data)[spot.box] == 0)
    y, x = free[len(free) // 2] + (spot.y, spot.x)
    layer.paint((y, x), new)  # so that the mask lies in the project itself
    assert resolve(session.snapshot()).steps["embed"].status == "stale"
    run_to_its_end(embedded, commands.embed(session), qtbot, lambda: new in session.ids())
    row = int(np.flatnonzero(session.ids() == new)[0])
    assert session.table.obs["region"].iloc[row] == "right"
    assert session.table.obs["instance_id"].iloc[row] == new - spot.first
    assert session.cells.source is None  # no run file may name the files, which lack this cell
    assert {field.cells.source for field in session.snapshot().fields()} == {None}
    session.select(session.ids()[-3:])
    ids, before, chosen = session.ids(), session.table, session.selection
    other = reopened(embedded, viewers, tmp_path, qtbot)
    again = other.session
    assert again.image.sheet.names == again.cells.sheet.names == ("left", "right")
    assert again.table_fits
    assert again.table.obs_names.equals(before.obs_names)
    assert np.array_equal(again.ids(), ids)
    assert np.array_equal(again.selection, chosen)
    assert other.own_layer(NAMES) is not None
    states = resolve(again.snapshot()).steps
    assert [states[name].status for name in ("model", "embed", "cluster")] == ["done"] * 3


def test_tiles_are_for_one_image_and_the_step_says_so(link) -> None:
    session = link.session
    session.tiling.describe("grid")
    why = resolve(session.snapshot()).steps["image"].why
    assert "one image at a time" in why
    assert "napari-splicer run" in why


def test_several_files_chosen_at_once_are_opened_with_their_masks(
    study, viewers, qtbot, monkeypatch, home
) -> None:
    link = link_for(viewers[0])
    link.session.settings = link.session.settings.with_values({"seed": 7})
    step = ImageStep(link, runner_for(link.viewer))
    qtbot.addWidget(step)
    paths = [str(path) for path in sorted(study.parent.glob("*.tif"), reverse=True)]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (paths, ""))
    step._ask_for_image()
    qtbot.waitUntil(lambda: link.session.image is not None and not link.opener.busy, timeout=30_000)
    assert link.session.image.sheet.names == ("left", "right")
    assert link.session.cells.sheet is not None
    assert link.session.settings.seed == 7
    assert link.session.notice.kind == "info"
    assert link.session.image.source.startswith(str(home))
    model = ModelStep(runner_for(link.viewer))
    qtbot.addWidget(model)
    model.show_readiness(resolve(link.session.snapshot()))
    assert model.train_card.accessibleName() == "Train on these images"


@pytest.fixture
def opened_together(study, viewers, qtbot, home):
    """Open both images, as when both are chosen at once, and return the window."""

    def opened(*paths: str):
        link = link_for(viewers[0])
        open_together(link, [str(study.parent / path) for path in paths])
        qtbot.waitUntil(lambda: not link.opener.busy, timeout=30_000)
        return link

    return opened


def test_where_one_mask_lacks_the_others_are_used_and_it_is_named(study, opened_together) -> None:
    (study.parent / "right_mask.tif").unlink()
    session = opened_together("right.ome.tif", "left_mask.tif", "left.ome.tif").session
    assert session.image.sheet.names == ("left", "right")
    facts = examine(session.image, session.cells)
    assert "No cells in right: it is seen here, " in " ".join(remarks(session.image, facts))
    assert session.notice.kind == "warning"
    assert "No mask was found for right.ome.tif: cells there are" in session.notice.text
    assert "right_mask.tif" in session.notice.text
    (field,) = session.snapshot().fields()
    assert field.name == "left"
    own = open_mask(study.parent / "left_mask.tif")
    assert field.cells.cells().equals(own.cells())


def test_images_opened_together_are_called_so_that_a_person_can_read_it(
    study, opened_together
) -> None:
    both = "right.ome.tif", "left.ome.tif"
    for _ in range(2):
        assert opened_together(*both).session.image.name == "left and 1 more"
    (study.parent / "right_mask.tif").unlink()
    assert opened_together(*both).session.image.name == "left and 1 more (2)"


def test_where_several_files_could_be_a_mask_the_others_are_used(study, opened_together) -> None:
    labels = tifffile.imread(study.parent / "right_mask.tif")
    tifffile.imwrite(study.parent / "right_cells.tif", labels)
    session = opened_together("right.ome.tif", "left.ome.tif").session
    assert [field.name for field in session.snapshot().fields()] == ["left"]
    assert "mask of right.ome.tif (right_mask.tif, right_cells.tif)" in session.notice.text


def test_without_any_mask_the_images_are_there(study, opened_together) -> None:
    for path in study.parent.glob("*_mask.tif"):
        path.unlink()
    session = opened_together("right.ome.tif", "left.ome.tif").session
    assert session.image.sheet.names == ("left", "right")
    assert session.cells is None
    assert "No masks were found beside them." in session.notice.text


def reopened(embedded, viewers, tmp_path, qtbot):
    kept = keeper_for(embedded.viewer)
    kept.save_as(tmp_path / "work.splicer")
    wait(qtbot, lambda: is_saved(kept))
    kept.end()
    other = link_for(viewers[1])
    opener = keeper_for(other.viewer).opener
    opener.open(Wanted(tmp_path / "work.splicer"))
    wait(qtbot, lambda: not opener.busy)
    return other


def test_layers_that_are_moved_or_removed_do_not_change_whose_channel_is_whose(link) -> None:
    session, layers = link.session, link.viewer.layers
    pixels = {name: session.image.select([name]).data for name in session.image.channels}
    layers.move(0, 8)
    link.use_image(link.images()[0])
    link.read_image_again()
    layers.remove(layers["CD8"])
    link.read_image_again()
    image = session.image
    assert sorted(image.channels) == sorted(set(pixels) - {"CD8"})
    assert set(session.lights) == set(image.channels)
    spot = image.sheet.spots[1]
    for name in ("CD3", image.channels[-1]):
        shown = np.asarray(image.select([name]).data)
        assert np.array_equal(shown, np.asarray(pixels[name]))
    field = session.snapshot().fields()[1]
    for name in field.image.channels:
        own = spot.field.image.select([name]).data
        assert np.array_equal(np.asarray(field.image.select([name]).data), np.asarray(own))
    assert "CD8" not in field.image.channels


def test_a_number_of_another_image_that_is_painted_here_is_no_cell(link) -> None:
    session, layer = link.session, link.mask_layer
    right = session.image.sheet.spots[1]
    foreign = right.first + int(right.field.cells.cells()["id"].iloc[0])
    layer.paint((80, 80), foreign)
    left, _ = session.snapshot().fields()
    assert foreign not in left.cells.cells()["id"].to_numpy()
    assert left.cells.cells()["id"].max() <= right.first


def test_a_cell_in_pieces_is_called_by_its_own_image(link) -> None:
    spot, layer = link.session.image.sheet.spots[1], link.mask_layer
    own = int(spot.field.cells.cells()["id"].iloc[0])
    for y, x in ((1, 1), (140, 140)):
        layer.paint((spot.y + y, spot.x + x), spot.first + own)
    facts = examine(link.session.image, link.session.cells)
    assert f"{own} of right" in facts.scattered


def test_masks_of_yes_and_no_are_told(study, link) -> None:
    session = link.session
    assert examine(session.image, session.cells).problem == ""
    labels = (np.asarray(session.cells.data) > 0).astype(np.int32)
    one_each = np.zeros_like(labels)
    for spot in session.image.sheet.spots:
        one_each[spot.box] = labels[spot.box] * (spot.first + 255)
    mask = LabelMask.from_array(one_each, name="study cells")
    assert "hold the same number" in examine(session.image, mask).problem


def test_a_cell_is_seen_where_another_image_lacks_a_mask(study, viewers, qtbot) -> None:
    text = study.read_text().replace('image = "*.ome.tif"\nmask = "{folder}/{stem}_mask.tif"', "")
    inputs = [
        '[[inputs]]\nimage = "left.ome.tif"\nmask = "left_mask.tif"\n'
        'regions = { tumour = "left_mask.tif" }\n',
        '[[inputs]]\nimage = "right.ome.tif"\nmask = "right_mask.tif"\n',
    ]
    text = text.replace("[[inputs]]\n", "".join(inputs), 1)
    text = text.replace('kind = "surroundings"', 'kind = "inside", mask = "tumour"')
    study.write_text(text)
    link = link_for(viewers[0])
    open_run_file(link, study)
    qtbot.waitUntil(lambda: not link.opener.busy, timeout=30_000)
    now = link.session.snapshot()
    assert resolve(now).steps["components"].status == "done"
    first, second = now.fields()
    assert (set(first.regions), set(second.regions)) == ({"tumour"}, set())
    assert first.regions["tumour"].source.endswith("left_mask.tif")
    assert len(make_preview(now, None, 0).tiles) == 3
