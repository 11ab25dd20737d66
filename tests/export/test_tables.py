from __future__ import annotations

from typing import TYPE_CHECKING

import anndata
import numpy as np
import pandas as pd
import pytest
import scanpy

from napari_splicer.analysis.maps import add_map
from napari_splicer.config import ProjectionSettings
from napari_splicer.embedding.table import chunk_slices, read_table
from napari_splicer.errors import CannotWrite, WouldOverwrite
from napari_splicer.export import tables
from napari_splicer.export.tables import (
    flat_rows,
    write_csv,
    write_h5ad,
    write_parquet,
    write_zarr,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from anndata import AnnData


def assert_same(found: AnnData, expected: AnnData) -> None:
    pd.testing.assert_frame_equal(found.obs, expected.obs)
    assert found.var_names.tolist() == expected.var_names.tolist()
    np.testing.assert_array_equal(found.X, expected.X)
    for key in ("spatial", "X_splicer", "X_splicer_chunks", "X_umap"):
        np.testing.assert_array_equal(found.obsm[key], expected.obsm[key])
        assert found.obsm[key].dtype == expected.obsm[key].dtype
    assert chunk_slices(found) == chunk_slices(expected)
    assert list(found.uns["kinds_colors"]) == list(expected.uns["kinds_colors"])
    assert list(found.uns["spatialdata_attrs"]["region"]) == ["slide/0", "slide/1"]


@pytest.mark.parametrize(("write", "name"), [(write_h5ad, "t.h5ad"), (write_zarr, "t.zarr")])
def test_all_of_the_table_comes_back(
    clustered: AnnData, tmp_path: Path, write: Callable[..., None], name: str
) -> None:
    before = clustered.copy()
    write(clustered, tmp_path / name)
    assert_same(clustered, before)
    assert_same(read_table(tmp_path / name), clustered)
    with pytest.raises(WouldOverwrite):
        write(clustered, tmp_path / name)
    write(clustered[:10], tmp_path / name, overwrite=True)
    assert read_table(tmp_path / name).n_obs == 10


def test_scanpy_and_anndata_open_it(clustered: AnnData, tmp_path: Path) -> None:
    write_h5ad(clustered, tmp_path / "t.h5ad")
    write_zarr(clustered, tmp_path / "t.zarr")
    assert_same(scanpy.read_h5ad(tmp_path / "t.h5ad"), clustered)
    assert_same(anndata.read_zarr(tmp_path / "t.zarr"), clustered)
    frame = scanpy.get.obs_df(scanpy.read_h5ad(tmp_path / "t.h5ad"), ["kinds", "CD3"])
    assert frame["CD3"].tolist() == clustered[:, "CD3"].X[:, 0].tolist()


@pytest.mark.parametrize(
    ("write", "read"), [(write_csv, pd.read_csv), (write_parquet, pd.read_parquet)]
)
def test_flat_files_have_a_row_per_cell(
    clustered: AnnData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[..., None],
    read: Callable[..., pd.DataFrame],
) -> None:
    monkeypatch.setattr(tables, "_ROWS", 17)
    write(clustered, tmp_path / "cells")
    back = read(tmp_path / "cells")
    assert len(back) == clustered.n_obs
    assert list(back.columns[:6]) == ["image", "id", "x", "y", "area", "touches_border"]
    assert list(back.columns[6:8]) == ["kinds", "fine.kinds"]
    assert back["image"].tolist() == clustered.obs["region"].tolist()
    assert back["id"].tolist() == clustered.obs["instance_id"].tolist()
    assert back["kinds"].astype(str).tolist() == clustered.obs["kinds"].tolist()
    np.testing.assert_allclose(back["umap_2"], clustered.obsm["X_umap"][:, 1], rtol=1e-6)
    np.testing.assert_allclose(back["intensity_CD3"], clustered[:, "CD3"].X[:, 0], rtol=1e-6)
    np.testing.assert_allclose(back["splicer_4"], clustered.obsm["X_splicer"][:, 4], rtol=1e-6)


def test_every_map_of_rows_says_what_it_is_of(clustered: AnnData, tmp_path: Path) -> None:
    layout = np.random.default_rng(1).normal(size=(clustered.n_obs, 2)).astype(np.float32)
    add_map(clustered, layout, ProjectionSettings(source="chunk:a/b"))
    write_csv(clustered, tmp_path / "cells.csv")
    back = pd.read_csv(tmp_path / "cells.csv")
    places = [name for name in back.columns if name.startswith("umap")]
    assert places == ["umap_1", "umap_2", "umap_a-b_1", "umap_a-b_2"]
    np.testing.assert_allclose(back[places[2:]], layout, rtol=1e-6)
    np.testing.assert_allclose(back[places[:2]], clustered.obsm["X_umap"], rtol=1e-6)


def test_a_missing_intensity_is_an_empty_field(clustered: AnnData, tmp_path: Path) -> None:
    clustered.X[2, 0] = np.nan
    write_csv(clustered, tmp_path / "cells.csv")
    column = f"intensity_{clustered.var_names[0]}"
    assert pd.read_csv(tmp_path / "cells.csv")[column].isna().tolist()[:4] == [
        False, False, True, False]  # fmt: skip


@pytest.mark.parametrize(
    ("write", "read", "name"),
    [(write_csv, pd.read_csv, "t.csv"), (write_parquet, pd.read_parquet, "t.parquet")],
)
def test_a_column_that_begins_with_many_missing_words_is_written(
    clustered: AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write, read, name
) -> None:
    monkeypatch.setattr(tables, "_ROWS", 10)
    words: list[str | None] = [None] * clustered.n_obs
    words[-1] = "tumour"
    clustered.obs["type"] = pd.Categorical(words)
    clustered.obs["note"] = pd.Series(words, index=clustered.obs_names, dtype=object)
    clustered.obs["batch"] = pd.Categorical([3] * clustered.n_obs)
    write(clustered, tmp_path / name)
    back = read(tmp_path / name)
    for column in ("type", "note"):
        assert back[column].isna().sum() == clustered.n_obs - 1
        assert back[column].iloc[-1] == "tumour"
    assert (back["batch"] == 3).all()


def test_columns_that_the_table_lacks_are_left_out(clustered: AnnData) -> None:
    del clustered.obsm["X_umap"], clustered.obsm["X_splicer"]
    columns = flat_rows(clustered).columns
    assert not [name for name in columns if name.startswith(("umap", "splicer"))]
    assert flat_rows(clustered[:0]).shape == (0, len(columns))


def test_a_limit_on_file_size_is_told_like_a_full_disk(clustered: AnnData, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        for write in (write_h5ad, write_zarr, write_csv, write_parquet):
            with pytest.raises(CannotWrite, match="no room left"):
                write(clustered, tmp_path / "cells")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
