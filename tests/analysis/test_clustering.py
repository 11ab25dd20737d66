from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.metrics import adjusted_rand_score

from napari_splicer.analysis.clustering import (
    add_clustering,
    cluster_cells,
    clusterings,
    stability,
)
from napari_splicer.analysis.grouping import leiden, numbered_by_size
from napari_splicer.analysis.whole import Whole
from napari_splicer.config import ClusteringSettings
from napari_splicer.embedding.table import chunk_slices, note_blank, read_table
from napari_splicer.errors import InvalidSettings, NoCells, WouldOverwrite
from napari_splicer.export.tables import write_h5ad, write_zarr
from napari_splicer.shares import finish

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from anndata import AnnData

LEIDEN = ClusteringSettings(name="groups", source="combined", resolution=0.3)
KMEANS = ClusteringSettings(name="means", source="intensity", method="kmeans", clusters=4)


@pytest.mark.parametrize("settings", [LEIDEN, KMEANS])
def test_groups_that_are_there_are_found_largest_first(
    table: AnnData, groups: np.ndarray, settings: ClusteringSettings
) -> None:
    found = cluster_cells(table, settings)
    assert adjusted_rand_score(groups, found.codes) == pytest.approx(1)
    assert found.names == ("1", "2", "3", "4")
    assert found.counts.tolist() == [120, 90, 60, 30]
    assert found.colours == ("#E69F00", "#56B4E9", "#009E73", "#F0E442")
    assert found.remarks == ()
    assert settings.name not in table.obs


@pytest.mark.parametrize("settings", [LEIDEN, KMEANS])
def test_the_same_seed_gives_the_same_groups(table: AnnData, settings: ClusteringSettings) -> None:
    fine = settings.model_copy(update={"resolution": 4.0, "clusters": 12, "seed": 5})
    np.testing.assert_array_equal(
        cluster_cells(table, fine).codes, cluster_cells(table, fine).codes
    )


def test_a_chunk_that_is_guessed_in_an_image_is_told(table: AnnData) -> None:
    name = next(iter(chunk_slices(table)))
    note_blank(table, {"second": [name], "third": [name, "another"]})
    by_chunk = LEIDEN.model_copy(update={"source": f"chunk:{name}"})
    (said,) = cluster_cells(table, by_chunk).remarks
    assert "a component that second, third lack" in said
    assert cluster_cells(table, LEIDEN).remarks == ()


def test_a_higher_resolution_gives_more_groups(table: AnnData) -> None:
    fine = LEIDEN.model_copy(update={"resolution": 3.0})
    assert len(cluster_cells(table, fine).names) > 4


def test_leiden_separates_what_is_hardly_connected() -> None:
    """Two cliques joined by one weak edge, and a node without any."""
    weights = np.kron(np.eye(2), np.ones((5, 5))) - np.eye(10)
    weights[0, 9] = weights[9, 0] = 0.01
    graph = csr_array(np.pad(weights, (0, 1)))
    found = finish(leiden(graph, resolution=1.0, seed=0))
    assert len(set(found[:5])) == len(set(found[5:10])) == 1
    assert len(set(found)) == 3


def test_cells_without_a_value_are_unassigned(table: AnnData) -> None:
    table.X[[3, 8]] = np.nan
    found = cluster_cells(table, KMEANS)
    assert found.names == ("1", "2", "3", "4", "unassigned")
    assert found.codes[[3, 8]].tolist() == [4, 4]
    assert found.counts[-1] == 2
    assert "2 cells hold no finite value" in found.remarks[0]


def test_few_cells_are_grouped_as_far_as_they_go(table: AnnData) -> None:
    few = cluster_cells(table[:6], LEIDEN)
    assert few.counts.sum() == 6
    assert "5 others instead of 15" in few.remarks[0]
    three = cluster_cells(table[:3], KMEANS)
    assert three.counts.tolist() == [1, 1, 1]
    assert "3 groups instead of 4" in three.remarks[0]
    for settings in (LEIDEN, KMEANS):
        with pytest.raises(NoCells, match="2 cells"):
            cluster_cells(table[:2], settings)


def test_clusterings_stand_side_by_side(table: AnnData, tmp_path: Path) -> None:
    for settings in (LEIDEN, KMEANS):
        assert add_clustering(table, cluster_cells(table, settings)) == 0
    assert list(clusterings(table)) == ["groups", "means"]
    assert ClusteringSettings(**clusterings(table)["means"]) == KMEANS
    column = table.obs["groups"]
    assert column.cat.categories.tolist() == ["1", "2", "3", "4"]
    assert len(table.uns["groups_colors"]) == 4
    table.write_h5ad(tmp_path / "cells.h5ad")


def test_a_clustering_is_replaced_only_when_told(table: AnnData) -> None:
    add_clustering(table, cluster_cells(table, LEIDEN))
    other = cluster_cells(table, LEIDEN.model_copy(update={"resolution": 5.0}))
    before = table.obs["groups"].copy()
    with pytest.raises(WouldOverwrite, match="a clustering called 'groups'"):
        add_clustering(table, other)
    pd.testing.assert_series_equal(table.obs["groups"], before)
    add_clustering(table, other, replace=True)
    assert table.obs["groups"].nunique() == len(other.names) > 4
    assert clusterings(table)["groups"]["resolution"] == 5.0


@pytest.mark.parametrize(
    "name", ["region", "Region", ".", "..", "image", "ID", "umap_2", "splicer_0", "Intensity_m1"]
)
def test_names_that_would_hide_something_are_refused(table: AnnData, name: str) -> None:
    found = replace(cluster_cells(table, LEIDEN), name=name)
    with pytest.raises(InvalidSettings, match=f"can't be called '{name}'"):
        add_clustering(table, found, replace=True)


def test_groups_are_joined_by_cell_not_by_row(table: AnnData, groups: np.ndarray) -> None:
    order = np.random.default_rng(0).permutation(table.n_obs)
    shuffled = table[order].copy()
    shuffled.obs_names = [*shuffled.obs_names[:-2], "new_1", "new_2"]
    assert add_clustering(shuffled, cluster_cells(table, LEIDEN)) == 2
    column = shuffled.obs["groups"]
    assert column.iloc[-2:].tolist() == ["unassigned"] * 2
    assert (column.cat.codes.to_numpy()[:-2] == groups[order][:-2]).all()
    assert len(shuffled.uns["groups_colors"]) == 5


def test_a_clustering_of_other_cells_is_refused(table: AnnData) -> None:
    other = table.copy()
    other.obs_names = [f"other_{i}" for i in range(table.n_obs)]
    with pytest.raises(NoCells, match="None of the cells"):
        add_clustering(other, cluster_cells(table, LEIDEN))


def test_numbers_follow_size_then_first_cell() -> None:
    codes, count = numbered_by_size(np.array([7, 7, -1, 2, 2, 9, 2, 4]))
    assert codes.tolist() == [1, 1, -1, 0, 0, 2, 0, 3]
    assert count == 4


def test_stability_is_one_for_plain_groups_and_less_for_forced_ones(table: AnnData) -> None:
    assert stability(table, LEIDEN, seeds=range(3)) == pytest.approx(1)
    forced = LEIDEN.model_copy(update={"source": "chunk:right", "resolution": 6.0})
    assert 0 < stability(table, forced, seeds=range(3)) < 0.95


@pytest.mark.parametrize("settings", [LEIDEN, KMEANS])
def test_several_chunks_group_as_their_columns_side_by_side(
    table_of: Callable[[np.ndarray], AnnData], settings: ClusteringSettings
) -> None:
    """Half of the kinds differ in one chunk, half in the other."""
    kinds = np.arange(400) % 8
    table = table_of(kinds)
    settings = settings.model_copy(update={"clusters": 8, "resolution": 1.0})
    by_hand = table.copy()
    by_hand.uns["splicer"]["chunks"] = {"component": ["both"], "start": [0], "stop": [8]}
    found, joined, alone = (
        cluster_cells(given, settings.model_copy(update={"source": source})).codes
        for given, source in (
            (table, ("chunk:left", "chunk:right")),
            (by_hand, "chunk:both"),
            (table, "chunk:left"),
        )
    )
    np.testing.assert_array_equal(found, joined)
    assert adjusted_rand_score(kinds, found) == pytest.approx(1)
    assert adjusted_rand_score(kinds, alone) < 0.6


def test_every_chunk_that_is_guessed_is_told(table: AnnData) -> None:
    note_blank(table, {"second": ["left"], "third": ["right"]})
    several = LEIDEN.model_copy(update={"source": ("chunk:left", "chunk:right")})
    first, second = cluster_cells(table, several).remarks
    assert "'chunk:left' is of a component that second lacks" in first
    assert "'chunk:right' is of a component that third lacks" in second


@pytest.mark.parametrize("source", ["combined", ("chunk:right", "chunk:left")])
def test_how_groups_were_made_is_read_again(
    table: AnnData, source: str | tuple[str, ...], tmp_path: Path
) -> None:
    settings = LEIDEN.model_copy(update={"source": source})
    add_clustering(table, cluster_cells(table, settings))
    write_h5ad(table, tmp_path / "a.h5ad")
    write_zarr(table, tmp_path / "a.zarr")
    for read in (table, read_table(tmp_path / "a.h5ad"), read_table(tmp_path / "a.zarr")):
        assert Whole.of(read, "groups").settings == settings
        assert clusterings(read)["groups"] == settings.model_dump(mode="json", exclude_none=True)
