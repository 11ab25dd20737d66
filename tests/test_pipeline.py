"""The verbs together, on a small synthetic tissue: from pixels to files and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import anndata
import numpy as np
import pandas as pd
import pytest

from napari_splicer import pipeline, synthetic_tissue
from napari_splicer.config import Component, ImageInput, Region, RunConfig
from napari_splicer.errors import InvalidSettings, UnreadableFile, WouldOverwrite
from napari_splicer.events import Cancel, Finished, Progress, Started, Warned
from napari_splicer.images.open import open_mask

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle

CONFIG = RunConfig(
    seed=3,
    device="cpu",
    threads=1,
    components=(
        Component(name="nucleus", channels=("DNA", "Ki67")),
        Component(name="granules", channels=("GZMB",), region=Region(kind="cell")),
        Component(name="around", channels=("PanCK", "CD3"), region=Region(kind="surroundings")),
    ),
).with_values({"training.steps": 4, "training.batch": 16, "model.width": 8, "model.embedding": 24})


@pytest.fixture(scope="module")
def field() -> MaskedImage:
    return synthetic_tissue(size=224, seed=1, name="small").field


@pytest.fixture(scope="module")
def bundle(field: MaskedImage) -> Bundle:
    return pipeline.run(pipeline.train([field], CONFIG))


@pytest.fixture(scope="module")
def table(field: MaskedImage, bundle: Bundle) -> AnnData:
    return pipeline.run(pipeline.embed([field], bundle, CONFIG))


@pytest.fixture(scope="module")
def clustered(table: AnnData) -> AnnData:
    return pipeline.run(pipeline.cluster(table, CONFIG))


def test_every_cell_of_the_mask_is_in_the_table(field: MaskedImage, table: AnnData) -> None:
    assert field.cells is not None
    assert sorted(table.obs["instance_id"]) == field.cells.cells()["id"].tolist()
    assert table.obsm["X_splicer"].shape == (len(table), 32)
    assert table.obsm["X_splicer_chunks"].shape == (len(table), 24)
    assert np.isfinite(table.obsm["X_splicer"]).all()
    assert list(table.var_names) == list(field.image.channels)


def test_the_same_seed_gives_the_same_embedding(
    field: MaskedImage, bundle: Bundle, table: AnnData
) -> None:
    again = pipeline.run(pipeline.train([field], CONFIG))
    assert again.hash == bundle.hash
    repeated = pipeline.run(pipeline.embed([field], again, again.config))
    np.testing.assert_array_equal(repeated.obsm["X_splicer"], table.obsm["X_splicer"])


def test_another_seed_gives_another_embedding(field: MaskedImage, bundle: Bundle) -> None:
    other = pipeline.run(pipeline.train([field], CONFIG.with_values({"seed": 4})))
    assert other.hash != bundle.hash


def test_clustering_leaves_the_table_it_was_given_alone(table: AnnData, clustered: AnnData) -> None:
    assert "splicer_cluster" not in table.obs
    assert clustered.obs["splicer_cluster"].dtype == "category"
    assert clustered.obsm["X_umap"].shape == (len(table), 2)


def test_a_second_clustering_stands_beside_the_first(clustered: AnnData) -> None:
    second = CONFIG.with_values(
        {"clusterings": [{"name": "by_granules", "source": "chunk:granules", "method": "kmeans"}]}
    )
    both = pipeline.run(pipeline.cluster(clustered, second))
    assert {"splicer_cluster", "by_granules"} <= set(both.obs.columns)
    with pytest.raises(WouldOverwrite, match="by_granules"):
        pipeline.run(pipeline.cluster(both, second))


@pytest.mark.parametrize(
    "values",
    [
        {"projection.source": "chunk:nothing"},
        {"clusterings": [{"name": "new"}, {"name": "other", "source": "chunk:nothing"}]},
        {"clusterings": [{"name": "new", "source": ["chunk:granules", "chunk:nothing"]}]},
        {"clusterings": [{"name": "new"}, {"name": "splicer_cluster"}]},
    ],
)
def test_what_cannot_be_grouped_is_refused_before_anything_is(
    clustered: AnnData, values: dict[str, object]
) -> None:
    events = pipeline.cluster(clustered, CONFIG.with_values({"clusterings": [], **values}))
    with pytest.raises((InvalidSettings, WouldOverwrite)):
        next(events)


def test_cells_can_be_clustered_without_any_model(field: MaskedImage) -> None:
    table = pipeline.run(pipeline.embed([field], None, CONFIG))
    assert "X_splicer" not in table.obsm
    by_intensity = CONFIG.with_values(
        {"clusterings": [{"source": "intensity"}], "projection.source": "intensity"}
    )
    grouped = pipeline.run(pipeline.cluster(table, by_intensity))
    assert grouped.obs["splicer_cluster"].nunique() > 1
    events = list(pipeline.cluster(table, CONFIG))
    assert ["mean intensity alone" in e.message for e in events if isinstance(e, Warned)] == [True]
    both = events[-1].result
    assert list(both.obs["splicer_cluster"]) == list(grouped.obs["splicer_cluster"])
    assert both.uns["splicer"]["clusterings"]["splicer_cluster"]["source"] == "intensity"
    several = CONFIG.with_values({"clusterings.0.source": ["combined", "chunk:granules"]})
    with pytest.raises(InvalidSettings, match=r"no 'chunk:granules'.*one of: intensity"):
        next(pipeline.cluster(table, several))
    with pytest.raises(InvalidSettings, match="no 'representation'"):
        next(pipeline.cluster(table, CONFIG.with_values({"projection.source": "representation"})))


def test_every_format_is_written_and_can_be_read_again(
    field: MaskedImage, clustered: AnnData, tmp_path: Path
) -> None:
    config = CONFIG.with_values(
        {"export.formats": ["h5ad", "zarr", "csv", "parquet", "ome-tiff", "ome-zarr"]}
    )
    folder = tmp_path / "out"
    paths = pipeline.run(pipeline.export(clustered, [field], config, folder))
    assert all(path.exists() for path in paths)
    h5ad = anndata.read_h5ad(folder / "cells.h5ad")
    np.testing.assert_array_equal(h5ad.obsm["X_splicer"], clustered.obsm["X_splicer"])
    assert len(pd.read_csv(folder / "cells.csv")) == len(clustered)
    assert len(pd.read_parquet(folder / "cells.parquet")) == len(clustered)
    assert len(anndata.read_zarr(folder / "cells.zarr")) == len(clustered)
    assert sorted(paths) == sorted(folder.iterdir())
    tiff, zarr = (path for path in paths if path.name.endswith((".ome.tif", ".ome.zarr")))
    mask = field.cells
    assert mask is not None
    drawn = open_mask(tiff).read(0, 224, 0, 224)
    np.testing.assert_array_equal(drawn, open_mask(zarr).read(0, 224, 0, 224))
    ids = mask.read(0, 224, 0, 224)
    np.testing.assert_array_equal(drawn > 0, ids > 0)
    for code, name in enumerate(clustered.obs["splicer_cluster"].cat.categories, start=1):
        members = clustered.obs["instance_id"][clustered.obs["splicer_cluster"] == name]
        np.testing.assert_array_equal(drawn == code, np.isin(ids, members))


def test_nothing_is_written_when_one_file_is_there_already(
    field: MaskedImage, clustered: AnnData, tmp_path: Path
) -> None:
    (tmp_path / "cells.csv").write_text("mine")
    with pytest.raises(WouldOverwrite, match=r"cells\.csv"):
        pipeline.run(pipeline.export(clustered, [field], CONFIG, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["cells.csv"]
    assert (tmp_path / "cells.csv").read_text() == "mine"


def test_cluster_images_need_a_clustering(
    field: MaskedImage, table: AnnData, tmp_path: Path
) -> None:
    with pytest.raises(InvalidSettings, match="no clusters"):
        pipeline.run(pipeline.export(table, [field], CONFIG, tmp_path))


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_stopped_export_takes_back_what_replaced_nothing(
    field: MaskedImage, clustered: AnnData, tmp_path: Path, overwrite: bool
) -> None:
    cancel, config = Cancel(), CONFIG.with_values({"export.overwrite": overwrite})
    events = pipeline.export(clustered, [field], config, tmp_path, cancel=cancel)
    assert isinstance(next(events), Started)
    assert isinstance(next(events), Progress)
    cancel.request()
    last = next(events)
    assert isinstance(last, Finished)
    assert last.cancelled
    kept = ["run.toml"] if overwrite else []
    assert [path.name for path in tmp_path.iterdir()] == kept
    assert [path.name for path in last.result] == kept
    if not overwrite:  # and so nothing stands in the way of the next one
        assert pipeline.run(pipeline.export(clustered, [field], CONFIG, tmp_path))


def test_a_stopped_clustering_keeps_what_is_done(table: AnnData) -> None:
    cancel = Cancel()
    cancel.request()
    last = list(pipeline.cluster(table, CONFIG, cancel=cancel))[-1]
    assert isinstance(last, Finished)
    assert last.cancelled
    assert "splicer_cluster" not in last.result.obs


def test_inputs_without_an_image_or_with_one_name_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="names no image"):
        pipeline.open_inputs(RunConfig())
    np.save(tmp_path / "a.npy", np.ones((2, 8, 8), np.uint8))
    twice = RunConfig(inputs=(ImageInput(image="a.npy"), ImageInput(image="a.npy")))
    with pytest.raises(InvalidSettings, match="Two images"):
        pipeline.open_inputs(twice, tmp_path)
    with pytest.raises(UnreadableFile, match=r"missing\.tif"):
        pipeline.open_inputs(RunConfig(inputs=(ImageInput(image="missing.tif"),)), tmp_path)


def test_a_run_folder_names_its_files() -> None:
    folder = pipeline.RunFolder(Path("run"))
    assert {p.name for p in (folder.run_file, folder.model, folder.checkpoint)} == {
        "run.toml",
        "model",
        "checkpoint",
    }
    assert folder.table.parent == folder.exports.parent == folder.path
