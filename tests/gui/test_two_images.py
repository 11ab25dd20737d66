from __future__ import annotations

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from opening import show_image_file, show_mask_file

from napari_splicer.config import CellType, TaughtSettings
from napari_splicer.gui import editing, similar
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.map_choice import COMPONENTS, MAP, MapChoice
from napari_splicer.gui.painting import GROUPS, SELECTED
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.reading import OWN
from napari_splicer.gui.view import camera_of
from napari_splicer.samples import synthetic_tissue


@pytest.fixture
def two_fields(tmp_path):
    """A viewer with two image files of one size, each with its mask opened after it."""
    viewer = ViewerModel()
    link = link_for(viewer)
    for seed, name in enumerate(("left", "right")):
        field = synthetic_tissue(size=160, seed=seed).field
        tifffile.imwrite(
            tmp_path / f"{name}.ome.tif",
            np.asarray(field.image.data),
            ome=True,
            metadata={"axes": "CYX", "Channel": {"Name": list(field.image.channels)}},
        )
        tifffile.imwrite(tmp_path / f"{name}_mask.tif", np.asarray(field.cells.data))
        show_image_file(link, str(tmp_path / f"{name}.ome.tif"))
        assert link.session.image.name == name
        assert link.session.cells is None
        show_mask_file(link, str(tmp_path / f"{name}_mask.tif"))
    return viewer


def choice(link, name: str):
    return next(c for c in link.images() if c.title.startswith(name))


def test_an_opened_image_is_chosen_and_takes_no_mask_of_another(two_fields) -> None:
    link = link_for(two_fields)
    assert link.session.image.name == "right"
    assert link.session.cells.name == "right_mask"
    assert [c.channels for c in link.images()] == [12, 12]
    assert link.session.image.channels == synthetic_tissue(size=160).field.image.channels
    visible = {layer.metadata[OWN]["image"] for layer in link.layers if layer.visible}
    assert visible == {"right"}


def test_opening_and_turning_to_an_image_touches_no_more_layers_than_it_must(two_fields) -> None:
    link = link_for(two_fields)
    changed, told = [], []
    link.changed.connect(lambda: told.append(link.image_layers))
    for layer in link.layers:
        layer.events.visible.connect(changed.append)
    link.show_image(choice(link, "right"))
    assert not changed
    link.show_image(choice(link, "left"))
    assert len(changed) == 2 * 3
    told.clear()
    show_image_file(link, choice(link, "left").layers[0].metadata[OWN]["path"])
    assert len(told) <= 3


def test_an_image_that_is_opened_or_turned_to_is_looked_at(two_fields, tmp_path) -> None:
    link = link_for(two_fields)
    camera = camera_of(two_fields)
    camera.center, camera.zoom = (0, 5, 5), 40
    show_image_file(link, str(tmp_path / "left.ome.tif"))
    assert camera.center[-2:] == (79.5, 79.5)
    assert camera.zoom < 10
    camera.center, camera.zoom = (0, 5, 5), 40
    link.show_image(choice(link, "right"))  # lies there too: the same place is of interest
    assert camera.zoom == 40
    for layer in choice(link, "left").layers:
        layer.scale = (0.5, 0.5)
    link.show_image(choice(link, "left"))
    assert camera.center[-2:] == (39.75, 39.75)


def test_an_image_comes_back_with_its_mask_and_its_results(two_fields, table, qtbot) -> None:
    link = link_for(two_fields)
    session = link.session
    session.made_from = {"embed": session.snapshot().inputs()}
    table.obs["instance_id"] = session.cells.cells()["id"].iloc[:6].to_numpy()
    session.table = table
    made = session.cells
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is not None)
    link.show_image(choice(link, "left"))
    assert session.cells.name == "left_mask"
    assert session.table is None
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is None)
    link.show_image(choice(link, "right"))
    assert session.cells is made
    assert session.table is table
    assert session.clustering == "first"
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is not None)
    visible = {layer.metadata[OWN].get("image") for layer in link.layers if layer.visible}
    assert visible == {"right", None}


def test_a_table_that_arrives_late_waits_for_its_image(two_fields, table, qtbot) -> None:
    link = link_for(two_fields)
    session = link.session
    run = session.snapshot().inputs()
    link.show_image(choice(link, "left"))
    session.made_from = {"embed": run}
    session.table = table
    qtbot.wait(100)
    assert link.own_layer(GROUPS) is None
    assert "another image" in resolve(session.snapshot()).steps["export"].why
    link.show_image(choice(link, "right"))
    assert session.table is table
    assert session.cells is run.cells
    assert link.session.image.name == "right"


def test_a_mask_that_is_removed_and_opened_again_has_its_results(two_fields, table, qtbot) -> None:
    link = link_for(two_fields)
    session = link.session
    session.made_from = {"embed": session.snapshot().inputs()}
    table.obs["instance_id"] = session.cells.cells()["id"].iloc[:6].to_numpy()
    session.table = table
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is not None)
    path = link.mask_layer.metadata[OWN]["path"]
    two_fields.layers.remove(link.mask_layer)
    assert not session.table_fits
    show_mask_file(link, path)
    assert session.table_fits
    assert resolve(session.snapshot()).steps["cluster"].status == "done"
    link.mask_layer.visible = True
    link.mask_layer.paint((80, 80), 9_999)
    assert not session.table_fits
    link.mask_layer.undo()
    assert session.table_fits
    two_fields.layers.remove(link.mask_layer)
    pixels = tifffile.imread(path)
    pixels[:20] = 0
    tifffile.imwrite(path, pixels)
    show_mask_file(link, path)
    assert not session.table_fits


@pytest.fixture
def turned(two_fields, table):
    """The same, the right one with a table in which a person has worked."""
    link = link_for(two_fields)
    session = link.session
    session.made_from = {"embed": session.snapshot().inputs()}
    table.obs["instance_id"] = session.cells.cells()["id"].iloc[:6].to_numpy()
    session.table = table
    return link


def test_what_was_done_with_cells_waits_with_them_and_can_still_be_undone(turned) -> None:
    session = turned.session
    ids = session.ids()
    session.measures = {"age": np.arange(6.0)}
    session.colour_by = "age"
    session.map_choice = MapChoice(COMPONENTS, ("intensity",))
    session.select(ids[:2])
    editing.rename(session, 0, "tumour")
    session.hidden = {"first": frozenset({"tumour"})}
    similar.ask(session, ids[:1], "intensity")
    sought = session.sought
    names = tuple(session.table.obs_names[:2])
    lesson = TaughtSettings(types=(CellType(name="B", cells=names),))
    session.lesson = lesson
    turned.show_image(choice(turned, "left"))
    session.map_choice = MapChoice(MAP, ("chunk:nuclei",))
    assert not len(session.selection)
    assert session.sought is None
    assert session.lesson == TaughtSettings()
    assert session.hidden == {}
    assert session.history.next_undo is None
    turned.show_image(choice(turned, "right"))
    np.testing.assert_array_equal(session.selection, ids[:2])
    assert session.sought == sought
    assert session.lesson == lesson
    assert session.colour_by == "age"
    assert session.map_choice == MapChoice(COMPONENTS, ("intensity",))
    assert not session.groups[0].visible
    assert "tumour" in session.history.next_undo
    session.history.undo()
    assert session.groups[0].name != "tumour"
    session.history.undo()
    assert not len(session.selection)


def test_numbers_of_one_image_select_nothing_in_another(turned, table) -> None:
    """The layers were deleted, and another image was described in their place."""
    session = turned.session
    session.select(session.ids()[:3])
    session.picked = int(session.ids()[0])
    similar.ask(session, session.ids()[:1], "intensity")
    other = table.copy()
    other.obs_names = [f"other_{number}" for number in other.obs["instance_id"]]
    session.table = other
    assert not len(session.selection)
    assert session.picked is None
    assert session.sought is None


def test_cells_that_are_described_anew_stay_selected(turned, table) -> None:
    session = turned.session
    ids = session.ids()
    session.select(ids[:3])
    similar.ask(session, ids[2:3], "intensity")
    session.table = table[1:].copy()
    np.testing.assert_array_equal(session.selection, ids[1:3])
    assert session.sought is not None


def test_what_is_drawn_lies_where_the_mask_of_the_other_image_lies(turned, table, qtbot) -> None:
    """Of images with pixels of other sizes, turned to without a moment in between."""
    session, link = turned.session, turned
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is not None)
    link.show_image(choice(link, "left"))
    left = link.mask_layer
    left.scale = (0.5, 0.5)
    session.made_from = {"embed": session.snapshot().inputs()}
    other = table.copy()
    other.obs["instance_id"] = session.cells.cells()["id"].iloc[:6].to_numpy()
    other.obs_names = [f"left_{number}" for number in other.obs["instance_id"]]
    session.table = other
    session.select(session.ids()[:2])
    qtbot.waitUntil(lambda: link.own_layer(SELECTED) is not None)
    assert tuple(link.own_layer(SELECTED).scale) == (0.5, 0.5)
    qtbot.waitUntil(lambda: tuple(link.own_layer(GROUPS).scale) == (0.5, 0.5))
    link.show_image(choice(link, "right"))
    session.select(session.ids()[:2])
    qtbot.waitUntil(lambda: tuple(link.own_layer(GROUPS).scale) == (1, 1))
    qtbot.waitUntil(lambda: tuple(link.own_layer(SELECTED).scale) == (1, 1))


def test_a_mask_with_a_pyramid_after_one_without(turned, table, qtbot) -> None:
    session, link = turned.session, turned
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is not None)
    fine = np.asarray(link.mask_layer.data)
    layer = link.viewer.add_labels([fine, fine[::2, ::2]], name="pyramid", multiscale=True)
    link.use_mask(layer)
    session.made_from = {"embed": session.snapshot().inputs()}
    session.table = table.copy()
    qtbot.waitUntil(lambda: link.own_layer(GROUPS).multiscale)
    assert [level.shape for level in link.own_layer(GROUPS).data] == [(160, 160), (80, 80)]


def test_numbers_that_a_lesson_brings_back_stay(turned) -> None:
    """As the Teach page does, which adds the uncertainty when a table comes back."""
    session = turned.session
    session.measures = {"age": np.arange(6.0)}
    turned.show_image(choice(turned, "left"))

    def add(table):
        if table is not None:
            session.measures = {**session.measures, "uncertainty": np.zeros(6)}

    session.events.table.connect(add)
    turned.show_image(choice(turned, "right"))
    assert sorted(session.measures) == ["age", "uncertainty"]
