"""No cell is tested by what has seen its own pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from napari_splicer.analysis.apart import folds_apart
from napari_splicer.analysis.teaching import teach
from napari_splicer.config import CellType, PatchSettings, TaughtSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from anndata import AnnData

SIDE = 16
PLACES = 40


@pytest.fixture
def placed(table: AnnData, note_patches: Callable[..., None]) -> AnnData:
    """Seven or eight cells at each of 40 places; what is known of a cell is where it lies."""
    rng = np.random.default_rng(3)
    place = np.arange(table.n_obs) % PLACES
    table.obs["region"] = pd.Categorical(np.where(place % 2, "left", "right"))
    centres = np.stack([place // 2 // 5, place // 2 % 5], axis=1) * 80
    table.obs[["y", "x"]] = centres + rng.uniform(-SIDE / 4, SIDE / 4, (table.n_obs, 2))
    here = rng.normal(size=(PLACES, 64))[place]
    table.obsm["X_splicer"] = (here + rng.normal(size=here.shape) / 20).astype(np.float32)
    note_patches(table, PatchSettings(size=SIDE))
    return table


def lesson(table: AnnData, types: np.ndarray) -> TaughtSettings:
    return TaughtSettings(
        types=tuple(
            CellType(name=name, cells=tuple(table.obs_names[types == code]))
            for code, name in enumerate("ab")
        )
    )


def test_learned_and_tested_share_no_pixel(placed: AnnData) -> None:
    rows = np.random.default_rng(0).permutation(placed.n_obs)[:200]
    placed.obs[["y", "x"]] = np.random.default_rng(1).uniform(0, 300, (placed.n_obs, 2))
    types = np.arange(200) % 3
    at, image = placed.obs[["y", "x"]].to_numpy()[rows], placed.obs["region"].to_numpy()[rows]
    times, pairs = np.zeros(200, int), 0
    for learned, tested in folds_apart(placed, rows, types, 5):
        times += tested
        pairs += int(learned.sum())
        far = np.abs(at[learned][:, None] - at[tested]).max(axis=2) >= SIDE
        assert (far | (image[learned][:, None] != image[tested])).all()
    assert (times == 1).all()
    assert pairs > 200  # of 800: most of what is far is learned from


def test_cells_of_unknown_places_are_each_by_themselves(table: AnnData) -> None:
    folds = list(folds_apart(table, np.arange(50), np.arange(50) % 2, 5))
    assert [int(tested.sum()) for _, tested in folds] == [10] * 5
    assert all((learned != tested).all() for learned, tested in folds)


def test_neighbours_of_the_same_pixels_make_no_accuracy(placed: AnnData) -> None:
    """Types are drawn by place: a probe that has seen a neighbour knows them, no other can."""
    place = np.arange(placed.n_obs) % PLACES
    types = np.random.default_rng(5).permutation(PLACES)[place] % 2
    told = teach(placed, lesson(placed, types))
    assert told.accuracy is not None
    assert 0.25 < told.accuracy < 0.75
    del placed.uns["splicer"]["pixel_sizes"]
    told = teach(placed, lesson(placed, types))
    assert told.accuracy is not None
    assert told.accuracy > 0.9


def test_types_shown_at_one_place_are_named(placed: AnnData) -> None:
    place = np.arange(placed.n_obs) % PLACES
    types = np.select([place == 0, (place > 4) & (place < 20)], [0, 1], 2)
    told = teach(placed, lesson(placed, types))
    assert told.accuracy is None
    assert told.crowded == ("a",)
