"""What tests of losses are fed with, and a tiny model in a folder."""

from __future__ import annotations

import pytest
from loss_batch import chunks_and_targets

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import Component, ModelSettings, RunConfig
from napari_splicer.model.bundle import Bundle, save_bundle
from napari_splicer.model.objectives import build_network
from napari_splicer.patches.normalization import Normalization


@pytest.fixture
def batch():
    return chunks_and_targets()


@pytest.fixture
def views(batch):
    e, pairs = batch
    return e[:, :5], pairs[0].target_BK


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    parts = (Component(name="T", channels=("CD3",)),)
    config = RunConfig(components=parts, model=ModelSettings(width=4, embedding=8, hidden=8))
    network = build_network(config.model, Decomposition(parts), ("CD3",), 32, seed=0).eval()
    bundle = Bundle(
        network=network,
        decomposition=Decomposition(parts),
        channels=("CD3",),
        normalization=Normalization(("CD3",), (0.0,), (3.5,), 5.0),
        config=config,
    )
    return save_bundle(bundle, tmp_path_factory.mktemp("one") / "model")
