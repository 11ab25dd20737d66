from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_splicer import synthetic_tissue
from napari_splicer.analysis.clustering import add_clustering, cluster_cells
from napari_splicer.analysis.projection import add_projection
from napari_splicer.config import ClusteringSettings, ProjectionSettings
from napari_splicer.embedding.intensities import mean_intensities
from napari_splicer.embedding.table import add_representation, build_table
from napari_splicer.patches.sites import cell_sites

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_splicer.images.masks import MaskedImage


@pytest.fixture(scope="session")
def clustered_fields() -> list[MaskedImage]:
    return [synthetic_tissue(size=160, seed=i, name=f"slide/{i}").field for i in range(2)]


@pytest.fixture
def clustered(clustered_fields: list[MaskedImage]) -> AnnData:
    """A table of two images with representation, a map, and two clusterings."""
    fields = clustered_fields
    table = build_table(fields, cell_sites(fields), [mean_intensities(f) for f in fields], [0, 0])
    z = np.random.default_rng(0).normal(size=(table.n_obs, 5))
    add_representation(table, z, z, {"a/b": slice(0, 2), "c": slice(2, 5)})
    for name, count in (("kinds", 4), ("fine.kinds", 7)):
        settings = ClusteringSettings(name=name, source="intensity", method="kmeans")
        settings = settings.model_copy(update={"clusters": count})
        add_clustering(table, cluster_cells(table, settings))
    add_projection(table, z[:, :2].astype(np.float32), ProjectionSettings())
    return table
