from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData, read_h5ad

from napari_splicer import synthetic_tissue
from napari_splicer.analysis_settings import TABLE_COLUMNS
from napari_splicer.embedding.table import (
    chunk_slices,
    note_representation,
    read_table,
    record,
    rows_without_values,
)
from napari_splicer.errors import UnreadableFile
from napari_splicer.images.masks import MaskedImage
from napari_splicer.patches.sites import cell_sites, grid_sites

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def fields() -> list[MaskedImage]:
    first = synthetic_tissue(size=128, seed=0, name="slide 1").field
    second = synthetic_tissue(size=160, seed=1, name="slide/2").field
    fewer = second.image.select([*reversed(second.image.channels[2:])])
    return [first, MaskedImage(fewer, second.cells)]


@pytest.fixture
def table(fields: list[MaskedImage]) -> AnnData:
    return rows_without_values(fields, cell_sites(fields), [0, 0])


def test_every_cell_has_a_row_that_names_image_and_id(
    fields: list[MaskedImage], table: AnnData
) -> None:
    masks = [field.cells.cells() for field in fields if field.cells is not None]
    assert table.n_obs == sum(map(len, masks))
    assert tuple(table.obs.columns) == TABLE_COLUMNS
    assert table.obs["instance_id"].tolist() == [i for mask in masks for i in mask["id"]]
    assert table.obs["instance_id"].dtype == np.int64
    assert table.obs["region"].cat.categories.tolist() == ["slide 1", "slide/2"]
    assert table.obs_names.is_unique
    assert table.obs_names[0] == f"slide 1_{masks[0]['id'].iloc[0]}"
    np.testing.assert_array_equal(table.obsm["spatial"], table.obs[["x", "y"]])
    assert table.obs["area"].tolist() == [a for mask in masks for a in mask["area"]]
    assert table.obs["touches_border"].any()
    assert not table.obs["touches_border"].all()


def test_spatialdata_finds_what_it_joins_by(fields: list[MaskedImage], table: AnnData) -> None:
    attrs = table.uns["spatialdata_attrs"]
    assert attrs == {
        "region": ["slide 1", "slide/2"],
        "region_key": "region",
        "instance_key": "instance_id",
    }
    assert set(attrs["region"]) == set(table.obs[attrs["region_key"]])
    alone = rows_without_values(fields[:1], cell_sites(fields[:1]), [0])
    assert alone.uns["spatialdata_attrs"]["region"] == "slide 1"


def test_spatialdata_accepts_the_table(table: AnnData) -> None:
    models = pytest.importorskip("spatialdata.models")
    table.X = np.zeros(table.shape, np.float32)
    models.TableModel().validate(table)


def test_chunks_are_found_by_component(table: AnnData) -> None:
    assert chunk_slices(table) == {}
    chunks = {"own/cell": slice(0, 3), "Own/cell": slice(3, 8)}
    note_representation(table, 6, chunks)
    assert chunk_slices(table) == chunks
    matrix = table.uns["feature_matrices"]["X_splicer"]
    assert len(matrix["feature_columns"]) == 6
    assert matrix["source_kind"] == "custom_obsm"


def test_all_of_it_survives_the_disk(table: AnnData, tmp_path: Path) -> None:
    note_representation(table, 2, {"tumour/edge": slice(0, 2)})
    record(table)["warnings"] = np.array([], dtype=str)
    table.write_h5ad(tmp_path / "cells.h5ad")
    back = read_table(tmp_path / "cells.h5ad")
    pd.testing.assert_frame_equal(back.obs, table.obs)
    assert chunk_slices(back) == {"tumour/edge": slice(0, 2)}
    assert back.uns["spatialdata_attrs"] == table.uns["spatialdata_attrs"]
    noted = record(back)
    assert noted["pixel_sizes"]["region"].tolist() == ["slide 1", "slide/2"]
    assert noted["pixel_sizes"]["y_um"].tolist() == [0.5, 0.5]
    assert "torch" in noted["versions"]


def test_tiles_have_rows_like_cells(fields: list[MaskedImage]) -> None:
    sites = grid_sites(fields, size=50)
    table = rows_without_values(fields, sites, [50, 50])
    first = table.obs[table.obs["region"] == "slide 1"]
    assert first["instance_id"].tolist() == list(range(1, 10))
    assert (first["area"] == 2500).all()
    assert first["touches_border"].tolist() == [True] * 4 + [False] + [True] * 4
    assert record(table)["sites"] == "grid"
    assert table.obs_names.is_unique
    first = table.obs.iloc[0]
    assert table.obs_names[0] == f"{first['region']}_y{int(first['y'])}_x{int(first['x'])}"


def test_files_that_are_no_table_of_cells_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="There is no table"):
        read_table(tmp_path / "none.h5ad")
    (tmp_path / "text.h5ad").write_text("not a table")
    with pytest.raises(UnreadableFile, match="can't be read as a table"):
        read_table(tmp_path / "text.h5ad")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(UnreadableFile, match="can't be read as a table"):
        read_table(tmp_path / "empty.zarr")
    with h5py.File(tmp_path / "other.h5ad", "w") as file:
        file["numbers"] = np.arange(3)
    with pytest.raises(UnreadableFile, match=r"other\.h5ad"):
        read_table(tmp_path / "other.h5ad")
    AnnData(np.zeros((3, 2), np.float32)).write_h5ad(tmp_path / "genes.h5ad")
    assert read_h5ad(tmp_path / "genes.h5ad").n_obs == 3
    with pytest.raises(UnreadableFile, match="no column instance_id and no column region"):
        read_table(tmp_path / "genes.h5ad")
