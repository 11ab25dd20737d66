from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData, read_h5ad

from napari_splicer import synthetic_tissue
from napari_splicer.embedding.intensities import mean_intensities
from napari_splicer.embedding.table import (
    add_representation,
    build_table,
    chunk_slices,
    read_table,
    record,
)
from napari_splicer.errors import UnreadableFile
from napari_splicer.images.masks import MaskedImage
from napari_splicer.patches.sites import cell_sites, grid_sites
from napari_splicer.settings import TABLE_COLUMNS

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
    sites = cell_sites(fields)
    return build_table(fields, sites, [mean_intensities(field) for field in fields], [0, 0])


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


def test_intensities_stand_under_their_channel_and_missing_ones_are_nan(
    fields: list[MaskedImage], table: AnnData
) -> None:
    assert table.var_names.tolist() == list(fields[0].image.channels)
    assert table.X.dtype == np.float32
    second = table[table.obs["region"] == "slide/2"]
    means = mean_intensities(fields[1])
    for column, channel in enumerate(fields[1].image.channels):
        np.testing.assert_array_equal(second[:, channel].X[:, 0], means[:, column])
    assert np.isnan(second[:, list(fields[0].image.channels[:2])].X).all()


def test_spatialdata_finds_what_it_joins_by(fields: list[MaskedImage], table: AnnData) -> None:
    attrs = table.uns["spatialdata_attrs"]
    assert attrs == {
        "region": ["slide 1", "slide/2"],
        "region_key": "region",
        "instance_key": "instance_id",
    }
    assert set(attrs["region"]) == set(table.obs[attrs["region_key"]])
    alone = build_table(fields[:1], cell_sites(fields[:1]), [mean_intensities(fields[0])], [0])
    assert alone.uns["spatialdata_attrs"]["region"] == "slide 1"


def test_spatialdata_accepts_the_table(table: AnnData) -> None:
    models = pytest.importorskip("spatialdata.models")
    models.TableModel().validate(table)


def test_chunks_are_found_by_component(table: AnnData) -> None:
    rng = np.random.default_rng(0)
    assert chunk_slices(table) == {}
    z = rng.random((table.n_obs, 6))
    chunks = {"own/cell": slice(0, 3), "Own/cell": slice(3, 8)}
    add_representation(table, z, rng.random((table.n_obs, 8)), chunks)
    assert chunk_slices(table) == chunks
    assert table.obsm["X_splicer"].dtype == np.float32
    assert table.obsm["X_splicer_chunks"].shape == (table.n_obs, 8)
    matrix = table.uns["feature_matrices"]["X_splicer"]
    assert len(matrix["feature_columns"]) == 6
    assert matrix["source_kind"] == "custom_obsm"


def test_all_of_it_survives_the_disk(table: AnnData, tmp_path: Path) -> None:
    z = np.ones((table.n_obs, 2), np.float32)
    add_representation(table, z, z, {"tumour/edge": slice(0, 2)})
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
    means = [np.zeros(((sites.field == i).sum(), len(f.image.channels)), np.float32)
             for i, f in enumerate(fields)]  # fmt: skip
    table = build_table(fields, sites, means, [50, 50])
    first = table.obs[table.obs["region"] == "slide 1"]
    assert first["instance_id"].tolist() == list(range(1, 10))
    assert (first["area"] == 2500).all()
    assert first["touches_border"].tolist() == [True] * 4 + [False] + [True] * 4
    assert record(table)["sites"] == "grid"


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
