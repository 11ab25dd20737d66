from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_splicer import synthetic_tissue
from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import Component, RunConfig
from napari_splicer.model.bundle import Bundle
from napari_splicer.model.objectives import build_network
from napari_splicer.patches.normalization import fit_normalization

if TYPE_CHECKING:
    from napari_splicer.images.masks import MaskedImage

COMPONENTS = (
    Component(name="t/cell", channels=("CD8", "GZMB"), width=6),
    Component(name="tumour", channels=("PanCK",), width=10),
)


@pytest.fixture(scope="package")
def config() -> RunConfig:
    return RunConfig(components=COMPONENTS).with_values(
        {
            "device": "cpu",
            "precision": "fp32",
            "patches.size": 16,
            "model.width": 4,
            "model.embedding": 16,
            "model.hidden": 16,
            "embedding.batch": 50,
        }
    )


@pytest.fixture(scope="package")
def fields() -> list[MaskedImage]:
    return [
        synthetic_tissue(size=160, seed=0, name="first").field,
        synthetic_tissue(size=128, seed=1, name="second").field,
    ]


@pytest.fixture(scope="package")
def bundle(fields: list[MaskedImage], config: RunConfig) -> Bundle:
    """An untrained model: what is tested is how it is applied."""
    parts = Decomposition(COMPONENTS)
    channels = parts.channels
    network = build_network(config.model, parts, channels, 16, seed=0).eval()
    normalization = fit_normalization(fields, channels, config.normalization, seed=0)
    trained = config.with_values({"patches.size_um": 8.0, "threads": 1})
    return Bundle(network, parts, channels, normalization, trained, pixel_size=(0.5, 0.5))
