from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_splicer import pipeline, synthetic_tissue
from napari_splicer.analysis.clustering import add_clustering, cluster_cells
from napari_splicer.analysis.projection import add_projection
from napari_splicer.config import ClusteringSettings, ProjectionSettings, RunConfig
from napari_splicer.embedding.table import note_representation

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_splicer.images.masks import MaskedImage


@pytest.fixture(scope="session")
def clustered_fields() -> list[MaskedImage]:
    return [synthetic_tissue(size=160, seed=i, name=f"slide/{i}").field for i in range(2)]


@pytest.fixture
def clustered(clustered_fields: list[MaskedImage]) -> AnnData:
    """A table of two images with representation, a map, and two clusterings."""
    table: AnnData = pipeline.run(pipeline.embed(clustered_fields, None, RunConfig()))
    z = np.random.default_rng(0).normal(size=(table.n_obs, 5)).astype(np.float32)
    table.obsm.update(X_splicer=z, X_splicer_chunks=z)
    note_representation(table, 5, {"a/b": slice(0, 2), "c": slice(2, 5)})
    for name, count in (("kinds", 4), ("fine.kinds", 7)):
        settings = ClusteringSettings(name=name, source="intensity", method="kmeans")
        settings = settings.model_copy(update={"clusters": count})
        add_clustering(table, cluster_cells(table, settings))
    add_projection(table, z[:, :2].astype(np.float32), ProjectionSettings())
    return table
