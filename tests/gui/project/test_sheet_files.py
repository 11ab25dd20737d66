"""Projects of several images side by side: each image is found, or missed, by itself."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_splicer.config import Component, load_run
from napari_splicer.gui import commands
from napari_splicer.gui.numbering import shown_places
from napari_splicer.gui.project import capture as capturing
from napari_splicer.gui.project.places import look_in
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.run_files import put_named, read_named
from napari_splicer.gui.sheet_names import NAMES
from napari_splicer.shares import finish

if TYPE_CHECKING:
    from conftest import Window

RUN = """
[[inputs]]
image = "*.ome.tif"
mask = "{folder}/{stem}_mask.tif"
regions = { tumour = "{folder}/{stem}_mask.tif" }
"""


@pytest.fixture
def study(images, field) -> Path:
    """A run file that names three images by a pattern."""
    for seed, name in enumerate(("middle", "right"), 1):
        field(images, name, seed=seed)
    (images / "study.toml").write_text(RUN)
    return images / "study.toml"


@pytest.fixture
def embedded(study, session, new_window) -> Window:
    """A window in which they lie side by side, described by a model."""
    window = new_window()
    assert finish(put_named(window.link, finish(read_named(study))))
    window.session.components = session.components
    window.session.settings = session.settings
    window.run(commands.train(window.session))
    window.run(commands.embed(window.session))
    return window


@pytest.fixture
def project(embedded, tmp_path) -> Path:
    path = tmp_path / "study.splicer"
    embedded.save(path)
    return path


def status(window: Window) -> str:
    return resolve(window.session.snapshot()).steps["embed"].status


def places(window: Window) -> np.ndarray:
    return shown_places(window.session, window.session.table.obs)


def write_mask(path: Path, change) -> None:
    labels = tifffile.imread(path).astype(np.int32)
    change(labels)
    tifffile.imwrite(path, labels)


def test_an_image_that_was_renamed_is_asked_for(project, images, ask, open_again, embedded) -> None:
    for name in ("middle.ome.tif", "middle_mask.tif"):
        (images / name).rename(images / name.replace("middle", "else"))
    question = ask(project)  # the pattern of the run file finds it, under a name of no cell
    assert {place.path.name for place in question.missing} == {"middle.ome.tif", "middle_mask.tif"}
    moved = {
        place.origin: place.path.with_name(place.path.name.replace("middle", "else"))
        for place in question.missing
    }
    again = open_again(project, moved=moved)
    assert status(again) == "done"
    assert again.session.image.sheet.names == ("left", "middle", "right")
    assert np.array_equal(again.session.ids(), embedded.session.ids())


def test_without_one_image_no_cell_is_anywhere_else(
    project, images, open_again, embedded, tmp_path
) -> None:
    (images / "middle.ome.tif").unlink()
    again = open_again(project, as_they_are=True)
    session = again.session
    assert session.image.sheet.names == ("left", "right")
    assert "middle is not shown: middle.ome.tif was not found." in session.notice.text
    assert "saved under another name" in session.notice.text
    assert status(again) == "stale"
    assert np.array_equal(session.ids(), embedded.session.ids())
    assert np.array_equal(places(again), places(embedded))
    names = again.link.own_layer(NAMES)
    assert "middle (not found)" in names.text.string.array
    pixels = np.asarray(session.cells.data)
    others = session.table.obs["region"] != "middle"
    assert set(np.unique(pixels)) - {0} == set(session.ids()[others])
    assert [field.name for field in session.snapshot().fields()] == ["left", "right"]
    again.project = None
    again.save(tmp_path / "without.splicer")
    once_more = open_again(tmp_path / "without.splicer", as_they_are=True)
    assert np.array_equal(places(once_more), places(embedded))
    once_more.run(commands.embed(once_more.session))
    assert set(once_more.session.table.obs["region"]) == {"left", "right"}


def test_where_the_layers_are_taken_away_every_cell_keeps_its_number(
    project, images, open_again, embedded
) -> None:
    (images / "middle.ome.tif").unlink()
    again = open_again(project, as_they_are=True)
    again.viewer.layers.clear()
    assert again.session.image is None
    assert np.array_equal(again.session.ids(), embedded.session.ids())


def test_cells_of_other_images_take_the_place_of_those_whose_layers_are_gone(
    embedded, study, field
) -> None:
    session = embedded.session
    session.select(session.ids()[:5])
    embedded.viewer.layers.clear()
    for name in ("left", "middle", "right"):
        (study.parent / f"{name}.ome.tif").rename(study.parent / f"other {name}.ome.tif")
        (study.parent / f"{name}_mask.tif").rename(study.parent / f"other {name}_mask.tif")
    assert finish(put_named(embedded.link, finish(read_named(study))))
    embedded.run(commands.embed(session))
    assert set(session.table.obs["region"]) == {"other left", "other middle", "other right"}
    assert len(session.selection) == 0
    assert len(np.unique(session.ids())) == session.table.n_obs


def test_without_one_mask_the_image_is_there_and_it_is_said(
    project, images, open_again, embedded
) -> None:
    (images / "middle_mask.tif").unlink()
    again = open_again(project, as_they_are=True)
    assert again.session.image.sheet.names == ("left", "middle", "right")
    assert "middle is without its mask: middle_mask.tif was not found." in again.session.notice.text
    assert np.array_equal(again.session.ids(), embedded.session.ids())


def test_without_any_mask_every_cell_keeps_its_number(
    project, images, open_again, embedded
) -> None:
    for path in images.glob("*_mask.tif"):
        path.unlink()
    again = open_again(project, as_they_are=True)
    assert again.session.cells is None
    assert np.array_equal(again.session.ids(), embedded.session.ids())


def test_without_any_image_the_results_stay_in_the_folder(project, images, open_again) -> None:
    for path in images.glob("*.tif"):
        path.unlink()
    again = open_again(project, as_they_are=True)
    assert again.session.table is None
    assert "the results stay in" in again.session.notice.text
    again.save(project)
    assert len(list((project / "tables").iterdir())) == 1


def test_a_mask_that_has_changed_is_named_and_moves_no_number_of_others(
    project, images, ask, open_again, embedded
) -> None:
    def more(labels: np.ndarray) -> None:
        labels[:4, :4] = labels.max() + 50

    write_mask(images / "left_mask.tif", more)
    question = ask(project)
    assert [place.path.name for place in question.changed] == ["left_mask.tif"]
    assert question.missing == ()
    again = open_again(project, as_they_are=True)
    assert status(again) == "stale"
    ids = again.session.ids()
    assert len(np.unique(ids)) == len(ids)
    others = (again.session.table.obs["region"] != "left").to_numpy()
    assert np.array_equal(ids[others], embedded.session.ids()[others])
    pixels = np.asarray(again.session.cells.data)
    y, x = places(again).round().astype(int).T
    assert (pixels[y, x] == ids).mean() > 0.95  # a few cells are bent around their centre
    left, *_ = again.session.snapshot().fields()
    assert left.cells.cells()["id"].max() == tifffile.imread(images / "left_mask.tif").max()


def test_an_image_of_another_size_is_not_laid_over_the_next(project, images, open_again) -> None:
    wide = np.zeros((4, 400, 400), np.uint16)
    tifffile.imwrite(images / "left.ome.tif", wide, ome=True, metadata={"axes": "CYX"})
    again = open_again(project, as_they_are=True)
    assert again.session.image.sheet.names == ("middle", "right")
    assert "left is not shown: " in again.session.notice.text


def test_the_run_file_is_needed_no_more(project, study, open_again) -> None:
    named = load_run(project / "run.toml").inputs
    assert [Path(item.image).name for item in named] == [
        "left.ome.tif",
        "middle.ome.tif",
        "right.ome.tif",
    ]
    assert Path(named[0].mask).name == "left_mask.tif"
    study.unlink()
    assert status(open_again(project)) == "done"


def test_it_travels_with_its_images(project, images, tmp_path, ask, open_again) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(images, elsewhere / images.name)
    question = ask(project)
    found = look_in(elsewhere / images.name, question.missing)
    assert status(open_again(project, moved=found)) == "done"
    shutil.move(project, elsewhere / project.name)
    again = open_again(elsewhere / project.name)
    assert status(again) == "done"
    again.save(elsewhere / project.name)
    shutil.move(elsewhere / project.name, project)
    assert status(open_again(project)) == "done"


def test_of_a_mask_that_was_painted_on_no_file_is_asked_for(
    embedded, images, tmp_path, open_again
) -> None:
    session, layer = embedded.session, embedded.link.mask_layer
    new = int(session.ids().max()) + 1
    spot = session.image.sheet.spots[1]
    free = np.argwhere(np.asarray(layer.data)[spot.box] == 0)
    y, x = free[len(free) // 2] + (spot.y, spot.x)
    layer.paint((y, x), new)
    embedded.run(commands.embed(session))
    assert new in session.ids()
    embedded.save(tmp_path / "painted.splicer")
    (images / "left.ome.tif").unlink()
    again = open_again(tmp_path / "painted.splicer", as_they_are=True)
    assert np.array_equal(again.session.ids(), session.ids())
    pixels = np.asarray(again.session.cells.data)
    assert pixels[y, x] == new
    *_, middle, _ = again.session.snapshot().fields()
    assert new - spot.first in middle.cells.cells()["id"].to_numpy()


def test_names_panels_and_pixel_sizes_of_a_run_file_are_kept(
    study, session, new_window, tmp_path, ask, open_again
) -> None:
    panel = study.with_name("panel.csv")
    panel.write_text("channel,name,keep\n1,leukocytes,1\n2,T,1\n3,killers,0\n4,epithelium,1\n")
    one = 'panel = "panel.csv"\npixel_size = 0.5\n'
    study.write_text(
        f'[[inputs]]\nimage = "left.ome.tif"\nmask = "left_mask.tif"\nname = "first"\n{one}'
        f'[[inputs]]\nimage = "right.ome.tif"\nmask = "right_mask.tif"\n{one}'
    )
    window = new_window()
    assert finish(put_named(window.link, finish(read_named(study))))
    window.session.components = (Component(name="all", channels=("leukocytes", "T")),)
    image = window.session.image
    assert image.channels == ("leukocytes", "T", "epithelium")
    window.save(tmp_path / "study.splicer")
    again = open_again(tmp_path / "study.splicer").session.image
    assert again.sheet.names == ("first", "right")
    assert (again.channels, again.pixel_size) == (image.channels, (0.5, 0.5))
    assert np.array_equal(np.asarray(again.data), np.asarray(image.data))
    panel.unlink()
    assert [place.path.name for place in ask(tmp_path / "study.splicer").missing] == ["panel.csv"]
    lacking = open_again(tmp_path / "study.splicer", as_they_are=True)
    assert lacking.session.image is None
    assert "could not be opened again" in lacking.session.notice.text


def test_results_of_images_that_a_run_file_names_no_more_are_set_aside(
    embedded, images, tmp_path, open_again, monkeypatch
) -> None:
    monkeypatch.setattr(capturing, "from_files", lambda _: False)  # known by the run file alone
    path = tmp_path / "study.splicer"
    embedded.save(path)
    assert status(open_again(path)) == "done"
    for name in ("middle.ome.tif", "middle_mask.tif"):
        (images / name).rename(images / name.replace("middle", "north"))
    again = open_again(path, as_they_are=True)
    assert again.session.image.sheet.names == ("left", "north", "right")
    assert again.session.table is None
    assert "study: without all of its images, the results stay in" in again.session.notice.text
    assert len(list((path / "tables").iterdir())) == 1
