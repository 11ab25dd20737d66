from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from napari_splicer.analysis.projection import add_projection, has_projection, project_cells
from napari_splicer.config import ProjectionSettings
from napari_splicer.embedding.table import read_table, record
from napari_splicer.export.tables import write_h5ad

if TYPE_CHECKING:
    from pathlib import Path

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


def test_a_map_by_several_chunks_is_that_of_their_columns_side_by_side(table: AnnData) -> None:
    several = SETTINGS.model_copy(update={"source": ("chunk:left", "chunk:right")})
    by_hand = table.copy()
    by_hand.uns["splicer"]["chunks"] = {"component": ["both"], "start": [0], "stop": [8]}
    one = SETTINGS.model_copy(update={"source": "chunk:both"})
    np.testing.assert_array_equal(project_cells(table, several), project_cells(by_hand, one))


@pytest.mark.parametrize("source", ["combined", ("chunk:left", "chunk:right")])
def test_a_map_that_is_there_is_known_by_its_settings(
    table: AnnData, source: str | tuple[str, ...], tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"source": source})
    assert not has_projection(table, settings)
    add_projection(table, np.zeros((table.n_obs, 2), np.float32), settings)
    write_h5ad(table, tmp_path / "a.h5ad")
    for read in (table, read_table(tmp_path / "a.h5ad")):
        assert has_projection(read, settings)
        other = settings.model_copy(update={"source": ("chunk:right", "chunk:left")})
        assert not has_projection(read, other)
