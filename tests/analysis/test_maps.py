from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_splicer.analysis.maps import (
    add_map,
    find_map,
    further_maps,
    keep_maps,
    main_sources,
    same_numbers,
)
from napari_splicer.analysis.projection import add_projection
from napari_splicer.config import ProjectionSettings
from napari_splicer.embedding.table import note_representation, read_table, record
from napari_splicer.export.tables import write_h5ad, write_zarr

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

GRANULES = ProjectionSettings(source="chunk:granules (GZMB) / CD8")
BOTH = ProjectionSettings(source=("intensity", "chunk:granules (GZMB) / CD8"))


@pytest.fixture
def mapped(table: AnnData) -> AnnData:
    """A table with the map that comes with the groups."""
    width = table.obsm["X_splicer_chunks"].shape[1]
    chunks = {"granules (GZMB) / CD8": slice(0, 2), "rest": slice(2, width)}
    note_representation(table, table.obsm["X_splicer"].shape[1], chunks)
    add_projection(table, places(table, 0), ProjectionSettings())
    return table


def places(table: AnnData, value: float) -> np.ndarray:
    return np.full((table.n_obs, 2), value, np.float32)


@pytest.mark.parametrize("write", [write_h5ad, write_zarr])
def test_maps_are_found_by_what_they_are_made_of_also_in_files(
    mapped: AnnData, tmp_path: Path, write
) -> None:
    assert add_map(mapped, places(mapped, 1), GRANULES) == "X_umap_granules-GZMB-CD8"
    assert add_map(mapped, places(mapped, 2), BOTH) == "X_umap_intensity_granules-GZMB-CD8"
    path = tmp_path / ("t.h5ad" if write is write_h5ad else "t.zarr")
    write(mapped, path)
    for table in (mapped, read_table(path)):
        assert main_sources(table) == ("combined",)
        assert find_map(table, ProjectionSettings()) == "X_umap"
        for value, settings in ((1, GRANULES), (2, BOTH)):
            key = find_map(table, settings)
            assert key is not None
            np.testing.assert_array_equal(table.obsm[key], places(table, value))
        assert find_map(table, ProjectionSettings(source="intensity")) is None
        assert further_maps(table) == {
            "X_umap_granules-GZMB-CD8": GRANULES,
            "X_umap_intensity_granules-GZMB-CD8": BOTH,
        }


def test_a_map_by_other_settings_takes_the_place_of_the_one_before(mapped: AnnData) -> None:
    key = add_map(mapped, places(mapped, 1), GRANULES)
    finer = GRANULES.model_copy(update={"neighbours": 5})
    assert find_map(mapped, finer) is None
    assert add_map(mapped, places(mapped, 3), finer) == key
    assert further_maps(mapped) == {key: finer}
    assert find_map(mapped, GRANULES) is None


def test_names_that_differ_only_by_what_a_key_may_not_hold_get_keys_of_their_own(
    mapped: AnnData,
) -> None:
    keys = [
        add_map(mapped, places(mapped, i), ProjectionSettings(source=f"chunk:{name}"))
        for i, name in enumerate(["T/B", "t b", "核", "é"])
    ]
    assert keys == ["X_umap_T-B", "X_umap_t-b_2", "X_umap_component", "X_umap_component_2"]


def test_what_others_left_among_the_notes_is_no_map(mapped: AnnData) -> None:
    add_map(mapped, places(mapped, 1), GRANULES)
    noted = record(mapped)["further_projections"]
    noted["X_umap_gone"] = noted["X_umap_granules-GZMB-CD8"]
    noted["X_umap"] = {"source": "looks"}
    assert list(further_maps(mapped)) == ["X_umap_granules-GZMB-CD8"]
    record(mapped)["further_projections"] = "none"
    assert further_maps(mapped) == {}


def test_maps_of_an_earlier_table_of_the_same_cells_are_kept(mapped: AnnData) -> None:
    later = mapped.copy()
    add_map(mapped, places(mapped, 1), GRANULES)
    add_map(mapped, places(mapped, 2), BOTH)
    add_map(later, places(mapped, 9), BOTH)
    keep_maps(later, mapped)
    np.testing.assert_array_equal(later.obsm[find_map(later, GRANULES)], places(mapped, 1))
    np.testing.assert_array_equal(later.obsm[find_map(later, BOTH)], places(mapped, 9))


def test_tables_of_one_model_hold_the_same_numbers_and_others_do_not(mapped: AnnData) -> None:
    mapped.X[0] = np.nan
    copied = mapped.copy()
    assert same_numbers(mapped, copied)
    for name in ("X_splicer", "X_splicer_chunks"):
        other = mapped.copy()
        other.obsm[name] = other.obsm[name] * 2
        assert not same_numbers(mapped, other)
        del other.obsm[name]
        assert not same_numbers(mapped, other)
    fewer = mapped[1:].copy()
    assert not same_numbers(mapped, fewer)
    brighter = mapped.copy()
    brighter.X = brighter.X + 1
    assert not same_numbers(mapped, brighter)
