from __future__ import annotations

import numpy as np
import pytest

from napari_splicer.config import Component, Region
from napari_splicer.errors import InvalidComponent
from napari_splicer.gui.preview import make_preview


def test_composite_comes_first_then_each_component(session) -> None:
    cell = int(session.cells.cells()["id"].iloc[3])
    preview = make_preview(session.snapshot(), cell, seed=0)
    assert preview.cell == cell
    assert [tile.title for tile in preview.tiles] == ["All together", "immune", "around"]
    assert preview.tiles[2].caption == "around this cell"
    assert all(tile.pixels.shape == (16, 16, 3) for tile in preview.tiles)
    assert all(tile.pixels.dtype == np.uint8 for tile in preview.tiles)


def test_what_a_component_does_not_see_is_grey(session) -> None:
    session.components = (
        Component(name="in", channels=("DNA",), region=Region(kind="cell")),
        Component(name="out", channels=("DNA",), region=Region(kind="surroundings")),
    )
    cell = int(session.cells.cells()["id"].iloc[3])
    _, inside, outside = make_preview(session.snapshot(), cell, seed=0).tiles
    grey = [(tile.pixels == 41).all(axis=2) for tile in (inside, outside)]
    assert not (grey[0] & grey[1]).any()
    assert grey[0].sum() > 10
    assert grey[1].sum() > 10


def test_without_a_cell_another_seed_shows_another_one(session) -> None:
    cells = {make_preview(session.snapshot(), None, seed).cell for seed in range(6)}
    assert len(cells) > 1
    assert cells <= set(session.cells.cells()["id"])


def test_a_cell_that_is_not_there_gives_another(session) -> None:
    assert make_preview(session.snapshot(), 10**9, seed=0).cell in set(session.cells.cells()["id"])


def test_a_component_without_channels_is_named(session) -> None:
    session.components = (Component(name="empty", channels=()),)
    with pytest.raises(InvalidComponent, match="'empty'"):
        make_preview(session.snapshot(), None, seed=0)
