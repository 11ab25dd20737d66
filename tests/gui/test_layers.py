from __future__ import annotations

from types import SimpleNamespace

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from mouse import click, hover
from napari.components import ViewerModel
from napari.layers import Layer
from napari.layers.labels._labels_utils import get_contours
from vispy.util.keys import ALT, SHIFT

from napari_splicer.gui import editing, painting
from napari_splicer.gui.facts import examine
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.numbers import set_range
from napari_splicer.gui.painting import GROUPS, SELECTED
from napari_splicer.gui.pointing import CELL
from napari_splicer.gui.sample import open_sample


@pytest.fixture
def viewer(tissue) -> ViewerModel:
    made = ViewerModel()
    place = {"scale": (0.5, 0.5), "translate": (10, 20), "units": ("um", "um")}
    for name, pixels in zip(tissue.image.channels, np.asarray(tissue.image.data), strict=True):
        made.add_image(pixels, name=name, **place)
    made.add_labels(np.asarray(tissue.cells.data), name="cells", **place)
    return made


def test_a_cell_is_outlined_without_table_or_mouse(viewer, tissue) -> None:
    link = link_for(viewer)
    link.session.facts = examine(link.session.image, link.session.cells)
    row = tissue.cells.cells().iloc[5]
    link.session.picked = int(row["id"])
    assert link.own_layer(CELL).data.sum() == row["area"]
    link.session.picked = 10**9
    assert not link.own_layer(CELL).visible


@pytest.fixture
def painted(viewer, tissue, table, qtbot):
    """A viewer whose session has a table of six cells of the mask, in two groups."""
    link = link_for(viewer)
    cells = tissue.cells.cells()
    chosen = cells.iloc[:6]
    table.obs["instance_id"] = chosen["id"].to_numpy()
    table.obs["y"], table.obs["x"] = chosen["y"].to_numpy(), chosen["x"].to_numpy()
    link.session.facts = examine(link.session.image, link.session.cells)
    link.session.table = table
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is not None)
    return link


def test_the_guess_is_made_when_the_link_is_made(viewer) -> None:
    session = link_for(viewer).session
    assert len(session.image.channels) == 12
    assert session.cells.name == "cells"
    assert session.image.pixel_size == (0.5, 0.5)
    assert session.image.transform.translate == (10.0, 20.0)


def test_one_link_per_viewer(viewer) -> None:
    assert link_for(viewer) is link_for(viewer)
    assert link_for(ViewerModel()) is not link_for(viewer)


def test_layers_that_come_later_are_taken_in() -> None:
    viewer = ViewerModel()
    link = link_for(viewer)
    heard = []
    link.changed.connect(lambda: heard.append(1))
    for data in open_sample():
        viewer.add_layer(Layer.create(*data))
    assert len(link.session.image.channels) == 12
    assert link.session.image.name == "synthetic tissue"
    assert link.session.cells.name == "cell mask"
    assert heard


def test_later_channels_do_not_change_an_image_that_is_being_worked_on(viewer, tissue) -> None:
    link = link_for(viewer)
    before = link.session.image
    link.session.components = ("something",)
    layer = viewer.layers["DNA"]
    viewer.add_image(layer.data, name="late", scale=layer.scale, translate=layer.translate)
    assert link.session.image is before


def test_removing_the_layers_clears_the_session(viewer) -> None:
    link = link_for(viewer)
    viewer.layers.remove("cells")
    assert link.session.cells is None
    viewer.layers.clear()
    assert link.session.image is None
    assert link.images() == ()


def test_regions_are_read_by_name_and_dropped_with_their_layer(viewer, tissue) -> None:
    link = link_for(viewer)
    tumour = viewer.add_labels(np.ones(tissue.cells.shape, int), name="tumour")
    link.use_regions([tumour])
    assert list(link.session.regions) == ["tumour"]
    viewer.layers.remove(tumour)
    assert not link.session.regions


def test_a_region_keeps_the_name_by_which_components_know_it(viewer, tissue) -> None:
    link = link_for(viewer)
    shape = tissue.cells.shape
    first = viewer.add_labels(np.ones(shape, int), name="Labels")
    link.use_regions([first])
    first.name = "tumour"
    second = viewer.add_labels(np.ones(shape, int), name="Labels")
    link.use_regions([first, second])
    assert [*link.session.regions] == ["Labels", "Labels_2"]
    assert link.region_layers == {"Labels": first, "Labels_2": second}
    link.use_regions([second])
    link.use_regions([first, second], {first: "tumour"})
    assert link.region_layers == {"tumour": first, "Labels_2": second}


def test_a_choice_can_be_taken_back(viewer) -> None:
    link = link_for(viewer)
    link.use_image(None)
    assert link.session.image is None
    link.use_mask(None)
    assert link.session.cells is None


def test_groups_are_painted_where_the_mask_lies(painted, viewer, tissue) -> None:
    layer, mask = painted.own_layer(GROUPS), viewer.layers["cells"]
    np.testing.assert_array_equal(layer.translate, mask.translate)
    assert layer.units == mask.units
    session = painted.session
    for cell, code in zip(session.ids(), session.codes(), strict=True):
        assert set(layer.data[mask.data == cell]) == {code + 1}
    assert (layer.data[mask.data == 0] == 0).all()
    assert layer.opacity == session.opacity
    assert viewer.layers.selection.active is mask


def test_a_mask_does_not_shine_through_its_groups(painted, viewer, qtbot) -> None:
    mask = viewer.layers["cells"]  # napari shows what is dropped on it
    assert not mask.visible
    mask.visible = True  # a person who wants to see it does
    painted.session.clustering, chosen = None, painted.session.clustering
    qtbot.waitUntil(lambda: painted.own_layer("groups") is None)
    painted.session.clustering = chosen
    qtbot.waitUntil(lambda: painted.own_layer("groups") is not None)
    assert mask.visible


def test_the_outlines_of_a_mask_stay_over_its_groups(viewer, request) -> None:
    viewer.layers["cells"].contour = 1
    request.getfixturevalue("painted")
    assert viewer.layers["cells"].visible


def test_colours_visibility_and_opacity_follow_the_legend(painted, qtbot) -> None:
    session, layer = painted.session, painted.own_layer(GROUPS)
    pixels = layer.data
    editing.recolour(session, 0, "#0000ff")
    qtbot.waitUntil(lambda: np.allclose(layer.colormap.color_dict[1], (0, 0, 1, 1)))
    assert layer.data is pixels, "no pixel is looked up again for another colour"
    session.show_group(0, False)
    qtbot.waitUntil(lambda: 1 not in np.unique(layer.data))
    session.hovered_group = 0
    qtbot.waitUntil(lambda: np.unique(layer.data).tolist() == [0])
    session.opacity = 0.25
    assert layer.opacity == 0.25


def test_colouring_by_a_marker_goes_from_dark_to_bright(painted, qtbot) -> None:
    session, layer = painted.session, painted.own_layer(GROUPS)
    session.colour_by = "CD3"
    qtbot.waitUntil(lambda: layer.data.max() > 2)
    mask = painted.mask_layer.data
    brightness = [layer.data[mask == cell].max() for cell in session.ids()]
    assert brightness == sorted(brightness)
    set_range(session, "CD3", (0.0, 1.0))
    qtbot.waitUntil(
        lambda: [layer.data[mask == cell].max() for cell in session.ids()] == [1] + 5 * [64]
    )


def test_colouring_by_a_category_names_it_and_leaves_out_hidden_groups(painted, qtbot) -> None:
    session, layer = painted.session, painted.own_layer(GROUPS)
    sites = pd.Categorical(["edge", "core", "core", None, "edge", "core"])
    session.table.obs["site"] = sites
    session.colour_by = "site"
    qtbot.waitUntil(lambda: "core" in list(layer.features["cluster"]))
    mask = painted.mask_layer.data
    codes = [layer.data[mask == cell].max() for cell in session.ids()]
    assert codes == [2, 1, 1, 0, 2, 1]
    session.show_group(0, False)
    hidden = session.codes() == 0
    expected = np.where(hidden, 0, [2, 1, 1, 0, 2, 1]).tolist()
    qtbot.waitUntil(lambda: [layer.data[mask == cell].max() for cell in session.ids()] == expected)
    session.hovered_group = 0
    qtbot.waitUntil(lambda: layer.data.max() == 0)


def test_the_mask_tells_each_cells_group(painted) -> None:
    features = painted.mask_layer.features
    row = features.set_index("label").loc[painted.session.ids()[1]]
    assert row["cluster"] == "2"


def test_a_mask_of_very_many_cells_is_not_told_their_groups(painted, qtbot, monkeypatch) -> None:
    monkeypatch.setattr(painting, "_MOST_DESCRIBED", 3)
    painted.session.show_group(0, False)
    qtbot.waitUntil(lambda: len(painted.mask_layer.features.columns) == 0)
    assert "cluster" in painted.own_layer(GROUPS).features.columns


def test_a_persons_own_features_are_kept(viewer, tissue, table, qtbot) -> None:
    mask = viewer.layers["cells"]
    mask.features = {"mine": np.arange(3)}
    link = link_for(viewer)
    table.obs["instance_id"] = tissue.cells.cells()["id"].iloc[:6].to_numpy()
    link.session.table = table
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is not None)
    assert list(mask.features.columns) == ["mine"]


def test_selected_cells_are_outlined_until_cleared(painted, qtbot) -> None:
    session = painted.session
    session.select(session.cells_of(1))
    qtbot.waitUntil(lambda: painted.own_layer(SELECTED) is not None)
    layer = painted.own_layer(SELECTED)
    mask = painted.mask_layer.data
    assert set(mask[layer.data == 1]) == set(session.cells_of(1).tolist())
    inside = np.isin(mask, session.cells_of(1)).astype(np.uint8)
    np.testing.assert_array_equal(layer.data, get_contours(inside, 2, 0))
    session.select([])
    qtbot.waitUntil(lambda: not layer.data.any())
    assert painted.own_layer(SELECTED) is layer  # taking it away blocks napari for 0.5 s
    assert layer.data.shape == mask.shape
    session.select(session.cells_of(0))
    qtbot.waitUntil(lambda: set(mask[layer.data == 1]) == set(session.cells_of(0).tolist()))
    session.table = None
    qtbot.waitUntil(lambda: painted.own_layer(SELECTED) is None)


def test_a_selection_is_outlined_again_where_its_cells_are_embedded_anew(painted, qtbot) -> None:
    session, mask = painted.session, painted.mask_layer
    session.made_from = {"embed": session.snapshot().inputs()}
    session.select(session.cells_of(1))
    qtbot.waitUntil(lambda: painted.own_layer(SELECTED) is not None)
    painted.use_mask(None)
    painted.use_mask(mask)  # in memory: nothing tells that it is the same
    qtbot.waitUntil(lambda: painted.own_layer(SELECTED) is None)
    session.made_from = {"embed": session.snapshot().inputs()}
    session.table = session.table.copy()
    assert len(session.selection)
    qtbot.waitUntil(lambda: painted.own_layer(SELECTED) is not None)


def test_the_cell_s_outline_stays_above_what_is_painted_over_cells(painted, viewer, qtbot) -> None:
    session = painted.session
    session.picked = int(session.ids()[0])
    assert painted.own_layer(CELL) is not None
    painted.remove_layer(painted.own_layer(GROUPS))
    session.opacity = 0.4
    session.clustering = None
    session.clustering = session.clusterings[0]
    qtbot.waitUntil(lambda: painted.own_layer(GROUPS) is not None)
    assert viewer.layers[-1] is painted.own_layer(CELL)
    painted.use_mask(None)
    assert painted.own_layer(CELL) is None


def test_own_layers_go_with_the_table(painted, qtbot) -> None:
    painted.session.table = None
    qtbot.waitUntil(lambda: painted.own_layer(GROUPS) is None)


def test_the_cell_under_the_mouse_is_found_and_outlined(viewer, tissue) -> None:
    link = link_for(viewer)
    row = tissue.cells.cells().iloc[0]
    inside = np.argwhere(np.asarray(tissue.cells.data) == row["id"])[0]
    world = viewer.layers["cells"].data_to_world(inside)
    for callback in viewer.mouse_move_callbacks:
        callback(viewer, SimpleNamespace(position=world, is_dragging=False))
    assert link.session.hovered == row["id"]
    outline = link.own_layer(CELL)
    assert outline.visible
    assert outline.data.sum() == row["area"]
    np.testing.assert_allclose(outline.data_to_world(np.argwhere(outline.data)[0]), world)
    for callback in viewer.mouse_move_callbacks:
        callback(viewer, SimpleNamespace(position=(-99.0, -99.0), is_dragging=False))
    assert link.session.hovered is None
    assert not outline.visible


def test_a_click_picks_a_cell_and_a_drag_does_not(viewer, tissue) -> None:
    link = link_for(viewer)
    inside = np.argwhere(np.asarray(tissue.cells.data) > 0)[0]
    world = viewer.layers["cells"].data_to_world(inside)
    click(viewer, world, drag=True)
    assert link.session.picked is None
    click(viewer, world)
    assert link.session.picked == np.asarray(tissue.cells.data)[tuple(inside)]


def test_with_shift_a_click_also_selects_and_with_alt_no_longer(painted, viewer) -> None:
    session = painted.session
    clicked: list[int] = []
    session.cell_clicked.connect(clicked.append)
    for row in (0, 3):
        place = session.table.obs.iloc[row][["y", "x"]].astype(int)
        world = painted.mask_layer.data_to_world(place)
        click(viewer, world, SHIFT)
        assert session.picked == session.ids()[row]
    assert set(session.selection) == set(session.ids()[[0, 3]])
    click(viewer, world, ALT)
    assert session.selection.tolist() == [session.ids()[0]]
    assert session.history.next_undo == "Select 1 cell"
    assert clicked == []
    click(viewer, world)
    assert clicked == [session.ids()[3]]


def test_painting_labels_is_no_picking(viewer, tissue) -> None:
    viewer.layers.selection.active = viewer.layers["cells"]
    viewer.layers["cells"].mode = "paint"
    inside = np.argwhere(np.asarray(tissue.cells.data) > 0)[0]
    click(viewer, viewer.layers["cells"].data_to_world(inside))
    assert link_for(viewer).session.picked is None


def test_the_viewer_flies_to_a_requested_cell(painted, viewer) -> None:
    cell = int(painted.session.ids()[0])
    painted.session.cell_requested.emit(cell)
    row = painted.session.table.obs.iloc[0]
    world = painted.mask_layer.data_to_world((int(row["y"]), int(row["x"])))
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], world)
    assert painted.session.picked == cell


def test_a_lazy_pyramid_is_painted_lazily(tissue, table, qtbot) -> None:
    labels = np.asarray(tissue.cells.data)
    levels = [da.from_array(labels, chunks=64), da.from_array(labels[::2, ::2], chunks=64)]
    viewer = ViewerModel()
    viewer.add_image(np.zeros(labels.shape, np.uint8))
    viewer.add_labels(levels, multiscale=True, name="cells")
    link = link_for(viewer)
    table.obs["instance_id"] = tissue.cells.cells()["id"].iloc[:6].to_numpy()
    link.session.table = table
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is not None)
    layer = link.own_layer(GROUPS)
    assert layer.multiscale
    assert all(isinstance(level, da.Array) for level in layer.data)
    link.session.show_group(0, False)
    link.session.show_group(1, False)
    qtbot.waitUntil(lambda: not np.asarray(layer.data[1]).any())


def test_in_3d_no_cell_is_under_the_mouse(viewer, tissue) -> None:
    link = link_for(viewer)
    inside = np.argwhere(np.asarray(tissue.cells.data) > 0)[0]
    world = viewer.layers["cells"].data_to_world(inside)
    hover(viewer, world)
    assert link.session.hovered is not None
    viewer.dims.ndisplay = 3
    hover(viewer, world)
    assert link.session.hovered is None
    click(viewer, world)
    assert link.session.picked is None


def test_layers_that_a_person_has_selected_stay_selected(viewer, tissue) -> None:
    link = link_for(viewer)
    chosen = set(viewer.layers[1:4])
    viewer.layers.selection.clear()
    viewer.layers.selection.update(chosen)
    inside = np.argwhere(np.asarray(tissue.cells.data) > 0)[0]
    hover(viewer, viewer.layers["cells"].data_to_world(inside))
    assert link.own_layer(CELL) is not None
    assert set(viewer.layers.selection) == chosen


def test_a_large_cell_is_outlined_whole(qtbot) -> None:
    cells = np.zeros((700, 900), int)
    cells[40:60, 20:880] = cells[40:660, 20:40] = 3  # its middle is not in it
    cells[300:420, 300:800] = 7
    cells[:30] = 9  # up to the image's edge
    viewer = ViewerModel()
    viewer.add_image(np.arange(cells.size).reshape(cells.shape), name="CD3")
    viewer.add_labels(cells, name="cells")
    link = link_for(viewer)
    link.session.facts = examine(link.session.image, link.session.cells)
    for cell in (3, 7, 9):
        link.session.picked = cell
        outline = link.own_layer(CELL)
        assert outline.data.sum() == (cells == cell).sum()
        at = outline.data_to_world(np.argwhere(outline.data)[0])
        np.testing.assert_array_equal(at, np.argwhere(cells == cell)[0])
