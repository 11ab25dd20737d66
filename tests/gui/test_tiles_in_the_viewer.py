"""Tiles in a viewer: shown, painted, picked and drawn around by number, at the image's place."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers.labels._labels_utils import get_contours

from napari_splicer.config import Component
from napari_splicer.embedding.table import note_representation
from napari_splicer.gui import commands, mixing
from napari_splicer.gui.drawing import DRAWING
from napari_splicer.gui.facts import examine
from napari_splicer.gui.ground import TILES
from napari_splicer.gui.layers import ViewerLink, link_for
from napari_splicer.gui.mixing import ROLE, mixture_levels
from napari_splicer.gui.painting import GROUPS, SELECTED
from napari_splicer.gui.pointing import CELL
from napari_splicer.gui.snapshot import MIXTURE
from napari_splicer.gui.widgets.likeness_tick import LikenessTick
from napari_splicer.patches import tile_mask

SCALE, SHIFT, TURN = 0.5, (10.0, 20.0), 12.0


@pytest.fixture(params=["one level", "many levels"])
def link(request, tissue, qtbot, monkeypatch) -> ViewerLink:
    """Tiles of an image that is scaled, moved and turned; chosen, not yet embedded."""
    if request.param == "many levels":
        monkeypatch.setattr(tile_mask, "_SMALL", 2**12)
    viewer = ViewerModel()
    viewer.add_image(
        np.asarray(tissue.image.data),
        channel_axis=0,
        name=list(tissue.image.channels),
        scale=(SCALE, SCALE),
        translate=SHIFT,
        rotate=TURN,
    )
    made = link_for(viewer)
    made.viewer_kept = viewer  # links hold it weakly
    session = made.session
    session.tiling.describe("grid")
    session.settings = session.settings.with_values({"patches.size": 24, "patches.stride": 20})
    session.components = (Component(name="immune", channels=("CD45", "CD3")),)
    session.facts = examine(session.image, None)
    return made


def embedded(link: ViewerLink, qtbot) -> None:
    """Give them a table in which some tiles lack, in any order, and groups."""
    session = link.session
    run = commands.embed(session, with_model=False)
    commands.begin(session, run)
    commands.apply(session, run, run.events())
    table = session.table[np.random.default_rng(0).permutation(session.table.n_obs)[5:]].copy()
    numbers = np.random.default_rng(1).normal(size=(table.n_obs, 4)).astype(np.float32)
    table.obsm.update(X_splicer=numbers, X_splicer_chunks=numbers)
    note_representation(table, 4, {"immune": slice(0, 4)})
    table.obs["regions"] = pd.Categorical.from_codes(
        table.obs["instance_id"].to_numpy() % 2, ["even", "odd"]
    )
    table.uns["regions_colors"] = ["#ff0000", "#00ff00"]
    table.uns["splicer"]["clusterings"] = {"regions": {}}
    session.table = table
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is not None)


def level(layer) -> np.ndarray:
    return np.asarray(layer.data[0] if layer.multiscale else layer.data)


def test_tiles_show_where_the_image_lies_until_they_are_embedded(link, qtbot) -> None:
    shown, image = link.own_layer(TILES), link.image_layers[0]
    np.testing.assert_array_equal(level(shown), np.asarray(link.session.tiles.data))
    for corner in ((0, 0), (159, 3)):
        np.testing.assert_allclose(shown.data_to_world(corner), image.data_to_world(corner))
    link.session.settings = link.session.settings.with_values({"patches.stride": 10})
    assert level(link.own_layer(TILES)).max() == len(link.session.tiles)
    embedded(link, qtbot)
    assert link.own_layer(TILES) is None
    link.session.tiling.describe("cells")
    assert link.own_layer(TILES) is None


def test_groups_and_selection_are_painted_by_number(link, qtbot) -> None:
    embedded(link, qtbot)
    session, tiles = link.session, np.asarray(link.session.tiles.data)
    known = np.isin(tiles, session.ids())
    groups = link.own_layer(GROUPS)
    np.testing.assert_array_equal(level(groups), np.where(known, tiles % 2 + 1, 0))
    image = link.image_layers[0]
    np.testing.assert_allclose(groups.data_to_world((7, 9)), image.data_to_world((7, 9)))
    session.select(session.cells_of(1))
    qtbot.waitUntil(lambda: link.own_layer(SELECTED) is not None)
    layer, inside = link.own_layer(SELECTED), known & (tiles % 2 == 1)
    each = (tiles == number for number in np.unique(tiles[inside]))
    traced = [get_contours(tile.astype(np.uint8), 2, 0) > 0 for tile in each]
    np.testing.assert_array_equal(level(layer) > 0, np.any(traced, axis=0))


def test_likeness_is_a_layer_of_colours_in_place_of_the_groups(link, qtbot) -> None:
    embedded(link, qtbot)
    session = link.session
    qtbot.waitUntil(lambda: session.mixture is not None)
    qtbot.waitUntil(lambda: link.own_layer(ROLE) is not None)
    layer = link.own_layer(ROLE)
    assert not layer.visible
    session.colour_by = MIXTURE
    qtbot.waitUntil(lambda: layer.visible and link.own_layer(GROUPS) is None)
    tiles, pixels = np.asarray(session.tiles.data), level(layer)
    for row in (0, 7):
        there = tiles == session.ids()[row]
        assert (pixels[there] == [*session.mixture[row], 255]).all()
    assert (pixels[~np.isin(tiles, session.ids())] == 0).all()
    image = link.image_layers[0]
    np.testing.assert_allclose(layer.data_to_world((7, 9)), image.data_to_world((7, 9)))
    session.colour_by = None
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is not None and not layer.visible)


def test_the_colours_of_likeness_can_be_stopped_and_asked_for_again(
    link, qtbot, monkeypatch
) -> None:
    go_on, colours, session = threading.Event(), mixing._colours, link.session

    def waiting(table):
        while not go_on.wait(0.01):
            yield 0.1
        return (yield from colours(table))

    monkeypatch.setattr(mixing, "_colours", waiting)
    likeness = LikenessTick(session)
    qtbot.addWidget(likeness)
    with qtbot.waitExposed(likeness):
        likeness.show()
    embedded(link, qtbot)
    qtbot.waitUntil(likeness.line.isVisible)
    likeness.line.cancel.click()
    assert not likeness.line.isVisible()
    assert "stopped" in likeness.words.text()
    assert likeness.words.isVisible()
    assert "stopped" in likeness.tick.toolTip()
    go_on.set()
    session.table = session.table.copy()  # as grouping hands it over
    qtbot.wait(100)
    assert session.mixture is None
    likeness.again.click()
    qtbot.waitUntil(lambda: session.mixture is not None)
    assert likeness.tick.isEnabled()
    assert not likeness.words.isVisible()


def test_a_click_picks_the_tile_and_outlines_it(link, qtbot) -> None:
    session = link.session
    place = link.image_layers[0].data_to_world((50, 70))
    tile = int(np.asarray(session.tiles.data)[50, 70])
    pointer = link._pointer
    assert pointer._cell_at(place) == tile
    session.picked = tile
    outline = link.own_layer(CELL)
    assert level(outline).sum() == session.tiles.cells().iloc[tile - 1]["area"]
    embedded(link, qtbot)
    known = int(session.ids()[3])
    session.cell_requested.emit(known)
    row = session.tiles.cells().iloc[known - 1]
    expected = link.image_layers[0].data_to_world((row["y"], row["x"]))
    np.testing.assert_allclose(link.viewer.scene.camera.center[-2:], expected, atol=SCALE)


def test_tiles_are_selected_by_drawing_around_them(link, qtbot) -> None:
    embedded(link, qtbot)
    session = link.session
    session.drawing_requested.emit()
    link.own_layer(DRAWING).add_polygons(np.array([[0, 0], [0, 80], [80, 80], [80, 0]]))
    cells = session.tiles.cells().set_index("id").loc[session.selection]
    assert len(cells) > 4
    assert (cells[["y", "x"]] < 80).all(axis=None)
    qtbot.waitUntil(lambda: not link.own_layer(DRAWING).data)


def test_results_of_cells_and_of_tiles_wait_for_each_other(link, tissue, qtbot) -> None:
    embedded(link, qtbot)
    session, tiles = link.session, link.session.table
    mask = link.viewer.add_labels(np.asarray(tissue.cells.data), name="cells")
    session.tiling.describe("cells")
    link.use_mask(mask)
    assert session.table is None
    session.facts = examine(session.image, session.cells)
    run = commands.embed(session, with_model=False)
    commands.begin(session, run)
    commands.apply(session, run, run.events())
    cells = session.table
    assert cells.n_obs == len(tissue.cells.cells())
    session.tiling.describe("grid")
    assert session.table is tiles
    assert session.table_fits
    session.tiling.describe("cells")
    assert session.table is cells
    assert session.table_fits


def test_numbers_without_a_colour_are_transparent() -> None:
    labels = np.array([[0, 9], [2, 70_000]])
    mixed = mixture_levels(
        [labels], np.array([70_000, 9]), np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    )
    assert mixed[0].tolist() == [[[0] * 4, [4, 5, 6, 255]], [[0] * 4, [1, 2, 3, 255]]]
