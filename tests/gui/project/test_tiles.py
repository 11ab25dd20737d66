"""Tiles come back as they were: chosen, coloured and waiting on the shelf."""

from __future__ import annotations

import numpy as np
import pytest

from napari_splicer.config import Component
from napari_splicer.gui import commands
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.snapshot import MIXTURE


@pytest.fixture
def tiled(window):
    """A window whose image is described by tiles, with a table in groups, and no mask in use."""
    window.link.use_mask(None)
    window.session.tiling.describe("grid")
    window.session.components = (Component(name="immune", channels=("CD45", "CD3")),)
    window.session.settings = window.session.settings.with_values(
        {"patches.size": 16, "patches.stride": 12}
    )
    for made in (commands.train, commands.embed, commands.cluster):
        window.run(made(window.session))
    return window


def test_tiles_come_back_with_their_groups(tiled, tmp_path, open_again) -> None:
    session = tiled.session
    session.select(session.cells_of(0))
    session.mixture = np.zeros((len(session.ids()), 3), np.uint8)
    session.colour_by = MIXTURE
    tiled.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer").session
    assert again.of_tiles
    assert len(again.tiles) == len(session.tiles)
    assert again.table_fits
    assert again.cells is None
    assert (again.clustering, again.colour_by) == (session.clustering, MIXTURE)
    np.testing.assert_array_equal(again.selection, session.selection)
    old, new = (resolve(s.snapshot()).steps for s in (session, again))
    assert {name: s.status for name, s in new.items()} == {n: s.status for n, s in old.items()}
    again.settings = again.settings.with_values({"patches.stride": 16})
    assert resolve(again.snapshot()).steps["embed"].status == "stale"
    assert 'sites = "grid"' in (tmp_path / "a.splicer" / "run.toml").read_text()


def test_tiles_wait_on_the_shelf_while_cells_are_looked_at(tiled, tmp_path, open_again) -> None:
    session = tiled.session
    tiles = session.table
    session.tiling.describe("cells")
    tiled.link.use_mask(tiled.link.masks()[0])
    tiled.run(commands.embed(session, with_model=False))
    tiled.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    assert not again.session.of_tiles
    assert again.session.table.n_obs == session.table.n_obs
    assert again.session.table_fits
    patches = again.session.settings.patches
    assert patches == session.settings.patches
    again.session.tiling.describe("grid")
    again.session.settings = again.session.settings.with_values(
        {"patches.size": 16, "patches.stride": 12}
    )
    assert again.session.table.n_obs == tiles.n_obs
    assert again.session.table_fits
