"""From published images to groups of cells by the commands of the README."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anndata
import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_splicer.cli.app import call

if TYPE_CHECKING:
    from pathlib import Path

FAST = ("device=cpu", "threads=1", "training.steps=2", "model.width=8", "model.embedding=64")


def run_all(images: list[Path], masks: list[Path], folder: Path) -> anndata.AnnData:
    """Do ``init`` and ``run`` and return the table."""
    words = [*map(str, images), *(word for mask in masks for word in ("--mask", str(mask)))]
    file = str(folder / "run.toml")
    assert call(["init", *words, "--file", file, "--quiet"]) == 0
    changes = [word for change in FAST for word in ("--set", change)]
    assert call(["run", file, *changes, "--quiet"]) == 0
    return anndata.read_zarr(folder / "splicer-run" / "table.zarr")


def assert_cells_lie_where_the_table_says(table: anndata.AnnData, masks: list[Path]) -> None:
    """Look up every cell at its centroid: most are convex, so it is there or right beside."""
    for name, mask in zip(table.obs["region"].cat.categories, masks, strict=True):
        labels = tifffile.imread(mask)
        here = table[table.obs["region"] == name]
        assert set(here.obs["instance_id"]) == set(np.unique(labels)) - {0}
        x, y = np.round(here.obsm["spatial"]).astype(int).T
        assert (labels[y, x] == here.obs["instance_id"]).mean() > 0.95


@pytest.mark.real_data
def test_imaging_mass_cytometry(data_folder: Path, tmp_path: Path) -> None:
    folder = data_folder / "cytomapper_pancreas_imc"
    images = sorted(folder.glob("*.ome.tif"))
    masks = [folder / image.name.replace(".ome.tif", "_mask.tif") for image in images]
    table = run_all(images, masks, tmp_path)
    assert table.n_obs == 362
    assert list(table.var_names) == ["H3", "CD99", "PIN", "CD8a", "CDH"]
    assert_cells_lie_where_the_table_says(table, masks)
    flat = pd.read_csv(tmp_path / "splicer-run" / "export" / "cells.csv")
    assert flat["id"].tolist() == table.obs["instance_id"].tolist()
    for image, mask in zip(images, masks, strict=True):
        name = image.name.replace(".ome.tif", ".splicer_cluster.ome.tif")
        groups = tifffile.imread(tmp_path / "splicer-run" / "export" / name)
        np.testing.assert_array_equal(groups > 0, tifffile.imread(mask) > 0)


@pytest.mark.real_data
@pytest.mark.slow
def test_three_fields_of_multiplexed_ion_beam_imaging(data_folder: Path, tmp_path: Path) -> None:
    folder = data_folder / "mibi_dcis_risom_dev"
    images = sorted(folder.glob("*.ome.tif"))[:3]
    masks = [folder / image.name.replace(".ome.tif", "_mask.tif") for image in images]
    table = run_all(images, masks, tmp_path)
    assert table.n_vars == 41
    assert table.obs["region"].cat.categories.size == 3
    assert_cells_lie_where_the_table_says(table, masks)
