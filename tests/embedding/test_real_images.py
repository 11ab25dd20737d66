from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage.measure import regionprops_table

from napari_splicer.analysis.clustering import add_clustering, cluster_cells
from napari_splicer.config import ClusteringSettings, RunConfig
from napari_splicer.embedding.embed import embed_cells
from napari_splicer.export.cluster_image import write_cluster_image
from napari_splicer.images.masks import MaskedImage
from napari_splicer.images.open import open_image, open_mask

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_data


@pytest.mark.parametrize("folder", ["cytomapper_pancreas_imc", "imc_steinbock_mock"])
def test_real_cells_are_measured_grouped_and_drawn(
    data_folder: Path, tmp_path: Path, folder: str
) -> None:
    images = sorted((data_folder / folder).glob("*.ome.tif"))[:3]
    fields = [
        MaskedImage(open_image(path), open_mask(str(path).replace(".ome.tif", "_mask.tif")))
        for path in images
    ]
    table = [*embed_cells(fields, None, RunConfig())][-1].result
    for field in fields:
        pixels = np.moveaxis(field.image.data.compute(), 0, -1)
        labels = field.cells.data.compute().astype(np.int64)
        means = regionprops_table(labels, pixels, properties=["label", "intensity_mean"])
        expected = np.stack([means[f"intensity_mean-{c}"] for c in range(table.n_vars)], axis=1)
        here = table[table.obs["region"] == field.name]
        assert here.obs["instance_id"].tolist() == means["label"].tolist()
        np.testing.assert_allclose(here.X, expected, rtol=1e-4, atol=1e-6)
    settings = ClusteringSettings(source="intensity", method="kmeans", clusters=4)
    add_clustering(table, cluster_cells(table, settings))
    for number, field in enumerate(fields):
        path = tmp_path / f"{number}.ome.tif"
        assert write_cluster_image(field, table, settings.name, path) == ()
        drawn = open_mask(path).data.compute()
        assert ((drawn > 0) == (field.cells.data.compute() > 0)).all()
