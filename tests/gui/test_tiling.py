"""Tiles instead of cells: what a session makes of them, without Qt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_splicer.config import Component
from napari_splicer.gui import commands, lessons, similar
from napari_splicer.gui.facts import summary
from napari_splicer.gui.fitness import too_few_to_train
from napari_splicer.gui.numbering import shown_cells
from napari_splicer.gui.preview import make_preview
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.snapshot import Facts
from napari_splicer.gui.thumbnails import Cells, picture

if TYPE_CHECKING:
    from napari_splicer.gui.session import Session

PARTS = (
    Component(name="immune", channels=("CD45", "CD3")),
    Component(name="rest", channels=("PanCK",)),
)


@pytest.fixture
def tiled(session: Session) -> Session:
    """The small tissue, without a mask, of which tiles are described."""
    session.cells, session.components = None, PARTS
    session.facts = Facts()
    session.tiling.describe("grid")
    session.settings = session.settings.with_values({"patches.size": 16, "patches.stride": 16})
    return session


def run(session: Session, made: commands.Run) -> None:
    commands.begin(session, made)
    commands.apply(session, made, made.events())


def test_tiles_need_no_mask(session) -> None:
    session.cells, session.facts = None, Facts()
    assert "tiles of the tissue" in resolve(session.snapshot()).advice
    session.tiling.describe("grid")
    state = resolve(session.snapshot()).steps["image"]
    assert (state.status, state.why) == ("done", "")
    assert session.snapshot().count == len(session.tiles)


def test_cells_and_tiles_keep_their_own_sizes(session) -> None:
    session.settings = session.settings.with_values({"patches.size": 24})
    session.tiling.describe("grid")
    assert (session.settings.patches.size, session.settings.patches.stride) == (64, 32)
    session.settings = session.settings.with_values({"patches.stride": 40})
    session.tiling.describe("cells")
    assert session.tiles is None
    assert (session.settings.patches.sites, session.settings.patches.size) == ("cells", 24)
    session.tiling.describe("grid")
    assert session.settings.patches.stride == 40


def test_what_was_suggested_for_cells_gives_way_to_what_is_for_tiles(session) -> None:
    session.suggested = session.components
    before = session.components
    session.tiling.describe("grid")
    assert session.components == ()  # to be suggested anew
    session.suggested = session.components = PARTS
    session.tiling.describe("cells")
    assert session.components == before
    session.components = PARTS[:1]  # chosen by a person
    session.tiling.describe("grid")
    assert session.components == PARTS[:1]


def test_a_component_that_needs_a_cell_is_refused_with_its_reason(session) -> None:
    session.tiling.describe("grid")
    state = resolve(session.snapshot()).steps["components"]
    assert state.status == "ready"
    assert "around" in state.why
    assert "no cell of their own" in state.why


def test_the_same_tiles_are_the_same_object(tiled) -> None:
    first = tiled.tiles
    tiled.settings = tiled.settings.with_values({"patches.stride": 8})
    other = tiled.tiles
    assert len(other) > len(first)
    tiled.settings = tiled.settings.with_values({"patches.stride": 16, "training.steps": 9})
    assert tiled.tiles is first
    tiled.image = tiled.image.with_channels([f"{name}!" for name in tiled.image.channels])
    assert tiled.tiles is first


def test_too_few_tiles_say_what_to_do(tiled) -> None:
    tiled.settings = tiled.settings.with_values({"patches.size": 64, "patches.stride": 64})
    words = too_few_to_train(tiled.snapshot())
    assert f"{len(tiled.tiles)} tiles" in words
    assert "step 1" in words


def test_the_line_about_the_image_tells_of_tiles(tiled) -> None:
    words = summary(tiled.image, tiled.facts, tiled.tiles)
    assert words.endswith(f"{len(tiled.tiles)} tiles")


def test_the_whole_way_is_gone_with_tiles(tiled, tmp_path) -> None:
    run(tiled, commands.train(tiled))
    assert tiled.bundle is not None, tiled.notice
    run(tiled, commands.embed(tiled))
    np.testing.assert_array_equal(np.sort(tiled.ids()), np.arange(1, len(tiled.tiles) + 1))
    assert tiled.table_fits
    run(tiled, commands.cluster(tiled))
    states = resolve(tiled.snapshot()).steps
    assert states["embed"].summary == f"{len(tiled.tiles)} tiles"
    assert [states[name].status for name in ("image", "components", "model", "embed")] == [
        "done"
    ] * 4
    tiled.select(tiled.cells_of(0))
    assert tiled.history.next_undo.endswith("tiles")
    run(tiled, commands.export(tiled, tmp_path / "out"))
    names = {path.name for path in tiled.exported}
    assert {"tiles.h5ad", "run.toml"} < names
    assert any("embedding-colours" in name for name in names)
    assert 'sites = "grid"' in (tmp_path / "out" / "run.toml").read_text()


def test_a_table_of_tiles_is_out_of_date_when_they_lie_otherwise(tiled) -> None:
    run(tiled, commands.embed(tiled, with_model=False))
    assert resolve(tiled.snapshot()).steps["embed"].status == "done"
    tiled.settings = tiled.settings.with_values({"patches.stride": 8})
    state = resolve(tiled.snapshot()).steps["embed"]
    assert state.status == "stale"
    assert "how tiles lie" in state.why
    assert not tiled.table_fits
    tiled.tiling.describe("cells")
    assert not tiled.table_fits


def test_tiles_are_as_large_as_the_model_has_them(tiled) -> None:
    run(tiled, commands.train(tiled))
    tiled.settings = tiled.settings.with_values({"patches.size": 32})
    assert tiled.tiles.side == 16  # until a model is trained on larger ones
    assert resolve(tiled.snapshot()).steps["model"].status == "stale"
    for with_model in (True, False):
        run(tiled, commands.embed(tiled, with_model=with_model))
        placed = tiled.table.obs.set_index("instance_id").loc[tiled.tiles.cells()["id"]]
        np.testing.assert_array_equal(placed["y"], tiled.tiles.cells()["y"])
        np.testing.assert_array_equal(placed["x"], tiled.tiles.cells()["x"])


def test_a_model_that_looks_at_cells_cannot_embed_tiles(session) -> None:
    run(session, commands.train(session))
    session.tiling.describe("grid")
    state = resolve(session.snapshot()).steps["embed"]
    assert state.status == "blocked"
    assert "around" in state.why
    assert "which tiles do not have" in state.why
    state = resolve(session.snapshot()).steps["model"]
    assert (state.status, state.why) == (
        "stale",
        "The model was trained on cells, and tiles are described now.",
    )


def test_a_preview_shows_the_tile_that_was_asked_for(tiled) -> None:
    shown = make_preview(tiled.snapshot(), 7, seed=0)
    assert shown.cell == 7
    assert shown.tiles[0].caption == "tile 7"
    varied = make_preview(tiled.snapshot(), 7, seed=0, draw=1)
    assert varied.cell == 7
    assert "this tile" in varied.words


def test_a_picture_of_a_tile_is_the_tile(tiled) -> None:
    run(tiled, commands.embed(tiled, with_model=False))
    row = int(np.flatnonzero(tiled.ids() == 12)[0])
    thumbnails = picture(
        tiled.image, Cells.of(tiled.table, shown_cells(tiled)), np.array([row]), ("CD45",), {}
    )
    assert thumbnails.pictures.shape[1:3] == (16, 16)
    tile = tiled.tiles.cells().iloc[11]
    pixels = tiled.image.read(
        *(int(tile[name]) for name in ("y0", "y1", "x0", "x1")), channels=("CD45",)
    )[0]
    shades = thumbnails.pictures[0].max(axis=-1)
    assert np.corrcoef(shades.ravel(), pixels.ravel())[0, 1] > 0.9


def test_examples_of_cells_are_none_of_tiles_nor_of_tiles_that_lie_elsewhere(session) -> None:
    run(session, commands.embed(session, with_model=False))
    lessons.add_type(session, "kind")
    lessons.show(session, 0, session.ids()[:3])
    assert len(lessons.examples(session, 0)) == 3
    session.tiling.describe("grid")
    session.settings = session.settings.with_values({"patches.size": 32, "patches.stride": 32})
    run(session, commands.embed(session, with_model=False))
    assert len(lessons.examples(session, 0)) == 0
    lessons.show(session, 0, [1, 2])
    shown = session.table.obs.iloc[lessons.examples(session, 0)]
    places = set(zip(shown["y"], shown["x"], strict=True))
    session.settings = session.settings.with_values({"patches.stride": 16})
    run(session, commands.embed(session, with_model=False))
    again = session.table.obs.iloc[lessons.examples(session, 0)]
    assert set(zip(again["y"], again["x"], strict=True)) == places


def test_tiles_are_sought_and_said_as_tiles(tiled) -> None:
    run(tiled, commands.embed(tiled, with_model=False))
    similar.ask(tiled, [3, 10**6], "intensity")
    assert tiled.sought.cells == (3,)


def test_a_snapshot_says_of_tiles_what_is_said_of_cells(tiled) -> None:
    now = tiled.snapshot()
    assert now.words("All cells of the cell mask") == "All tiles of the cell mask"
    assert replace(now, settings=type(now.settings)()).words("All cells") == "All cells"
