"""What an export will write, and what is refused before its first file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from napari_splicer import pipeline
from napari_splicer.config import ExportSettings, RunConfig
from napari_splicer.errors import CannotWrite, InvalidSettings, NoCells, WouldOverwrite
from napari_splicer.export.plan import plan_export
from napari_splicer.images.masks import MaskedImage

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

Fields = list[MaskedImage]


def asking(*formats: str, overwrite: bool = False) -> RunConfig:
    return RunConfig(export=ExportSettings(formats=formats, overwrite=overwrite))


def renamed(field: MaskedImage, name: str) -> MaskedImage:
    return replace(field, image=replace(field.image, name=name))


def refused(
    kind: type[Exception], words: str, table: AnnData, fields: Fields, config: RunConfig, to: Path
) -> None:
    """Check that an export ends before it begins."""
    before = sorted(to.rglob("*"))
    with pytest.raises(kind, match=words):
        next(pipeline.export(table, fields, config, to))
    assert sorted(to.rglob("*")) == before


def test_the_run_file_comes_first_and_images_have_a_file_per_clustering(
    clustered: AnnData, clustered_fields: Fields, tmp_path: Path
) -> None:
    config = asking("parquet", "ome-tiff", "ome-zarr", "csv")
    tasks = plan_export(clustered, clustered_fields, config, tmp_path / "out")
    assert [task.path.name for task in tasks] == [
        "run.toml",
        "cells.parquet",
        *(f"slide-{i}.{name}.ome.tif" for i in range(2) for name in ("kinds", "fine.kinds")),
        *(f"slide-{i}.{name}.ome.zarr" for i in range(2) for name in ("kinds", "fine.kinds")),
        "cells.csv",
    ]
    assert not (tmp_path / "out").exists(), "a plan writes nothing"
    for task in tasks:
        assert task.write() == ()
        assert task.path.exists()


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("h5ad", "cells.h5ad"),
        ("zarr", "cells.zarr"),
        ("csv", "run.toml"),
        ("ome-tiff", "slide-1.fine.kinds.ome.tif"),
        ("ome-tiff", "slide-0.kinds.ome.tif.legend.csv"),
    ],
)
def test_no_file_is_written_if_one_of_them_is_there(
    clustered: AnnData, clustered_fields: Fields, tmp_path: Path, form: str, name: str
) -> None:
    (tmp_path / name).write_text("mine", encoding="utf-8")
    refused(WouldOverwrite, name, clustered, clustered_fields, asking(form), tmp_path)
    allowed = asking(form, overwrite=True)
    assert plan_export(clustered, clustered_fields, allowed, tmp_path)


def test_cluster_images_need_groups(
    clustered: AnnData, clustered_fields: Fields, tmp_path: Path
) -> None:
    bare = clustered.copy()
    bare.uns["splicer"]["clusterings"] = {}
    config = asking("csv", "ome-tiff")
    refused(InvalidSettings, "no clusters to draw", bare, clustered_fields, config, tmp_path)
    assert plan_export(bare, clustered_fields, asking("csv"), tmp_path)


def test_cluster_images_need_a_mask_and_cells_of_every_image(
    clustered: AnnData, clustered_fields: Fields, tmp_path: Path
) -> None:
    first, second = clustered_fields
    config = asking("h5ad", "ome-tiff")
    bare = [first, replace(second, cells=None)]
    refused(NoCells, "slide/1 has no cell mask", clustered, bare, config, tmp_path)
    other = [first, renamed(second, "liver")]
    refused(NoCells, "no cell of the image liver", clustered, other, config, tmp_path)
    assert plan_export(clustered, other, asking("h5ad"), tmp_path), "a table needs no image"


def test_tiles_are_drawn_without_a_mask(
    clustered: AnnData, clustered_fields: Fields, tmp_path: Path
) -> None:
    clustered.uns["splicer"]["sites"] = "grid"
    bare = [replace(field, cells=None) for field in clustered_fields]
    tasks = plan_export(clustered, bare, asking("ome-tiff"), tmp_path)
    assert plan_export(clustered, bare, asking("csv"), tmp_path)[1].path.name == "tiles.csv"
    drawn = [task.path.name for task in tasks[1:] if "embedding" not in task.path.name]
    assert len(drawn) == 2 * 2
    assert len(tasks) == 1 + 2 * 2 + 2 * 2


def test_the_map_of_tiles_needs_no_clusters(
    clustered: AnnData, clustered_fields: Fields, tmp_path: Path
) -> None:
    bare = clustered.copy()
    bare.uns["splicer"] |= {"clusterings": {}, "sites": "grid"}
    tasks = plan_export(bare, clustered_fields, asking("ome-tiff"), tmp_path)
    assert [task.path.name for task in tasks[1:]] == [
        f"slide-{i}.{kind}.ome.tif" for i in range(2) for kind in ("embedding", "embedding-colours")
    ]
    del bare.obsm["X_splicer"]
    config = asking("ome-tiff")
    refused(InvalidSettings, "no clusters to draw", bare, clustered_fields, config, tmp_path)


def test_names_that_become_one_file_are_refused(
    clustered: AnnData, clustered_fields: Fields, tmp_path: Path
) -> None:
    table = clustered.copy()
    table.obs["region"] = table.obs["region"].cat.rename_categories(["Slide/1", "slide 1"])
    fields = [renamed(f, n) for f, n in zip(clustered_fields, ["Slide/1", "slide 1"], strict=True)]
    config = asking("ome-tiff", overwrite=True)
    refused(InvalidSettings, r"Slide-1\.fine\.kinds\.ome\.tif", table, fields, config, tmp_path)


def test_a_file_in_the_place_of_the_folder_is_named(
    clustered: AnnData, clustered_fields: Fields, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(CannotWrite, match="file is a file"):
        plan_export(clustered, clustered_fields, asking("csv"), tmp_path / "file" / "export")
