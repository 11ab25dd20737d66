from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from napari_splicer.analysis.projection import add_projection, project_cells
from napari_splicer.config import ProjectionSettings
from napari_splicer.embedding.table import record

if TYPE_CHECKING:
    from anndata import AnnData

SETTINGS = ProjectionSettings(source="combined", seed=4)


def test_groups_lie_apart_and_the_same_seed_gives_the_same_map(
    table: AnnData, groups: np.ndarray
) -> None:
    layout = project_cells(table, SETTINGS)
    assert layout.shape == (table.n_obs, 2)
    assert layout.dtype == np.float32
    assert silhouette_score(layout, groups) > 0.6
    np.testing.assert_array_equal(layout, project_cells(table, SETTINGS))
    assert (layout != project_cells(table, SETTINGS.model_copy(update={"seed": 5}))).any()


@pytest.mark.parametrize("count", [2, 3, 9, 10, 14])
def test_few_cells_have_a_map_too(table: AnnData, count: int) -> None:
    layout = project_cells(table[:: table.n_obs // count][:count], SETTINGS)
    assert np.isfinite(layout).all()
    assert len(np.unique(layout, axis=0)) == count


def test_cells_without_a_value_are_not_on_the_map(table: AnnData) -> None:
    table.X[3] = np.nan
    layout = project_cells(table, SETTINGS)
    assert np.flatnonzero(np.isnan(layout[:, 0])).tolist() == [3]


def test_equal_cells_lie_close_but_can_be_told_apart(table: AnnData) -> None:
    table.X[:40] = table.X[0]
    layout = project_cells(table, SETTINGS.model_copy(update={"source": "intensity"}))
    assert np.isfinite(layout).all()


def test_the_map_is_kept_with_its_settings(table: AnnData) -> None:
    layout = np.zeros((table.n_obs, 2), np.float32)
    add_projection(table, layout, SETTINGS)
    assert table.obsm["X_umap"] is not None
    assert ProjectionSettings(**record(table)["projection"]) == SETTINGS
