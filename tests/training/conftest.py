"""A small tissue, and settings that train on it in a second."""

from __future__ import annotations

import pytest

from napari_splicer.config import (
    AugmentationSettings,
    Component,
    ModelSettings,
    PatchSettings,
    Region,
    RunConfig,
    TrainingSettings,
)
from napari_splicer.samples import synthetic_tissue
from napari_splicer.training import speed
from napari_splicer.training.trainer import fit


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Keep what is measured out of the user's own files; return the file."""
    place = tmp_path_factory.mktemp("cache") / "splicer" / "precision.json"
    monkeypatch.setattr(speed, "_place", lambda: place)
    monkeypatch.setattr(speed, "_known", {})
    return place


@pytest.fixture(scope="session")
def field():
    return synthetic_tissue(size=192, seed=1).field


@pytest.fixture(scope="session")
def quick(field):
    first, second, third = field.image.channels[:3]
    return RunConfig(
        seed=5,
        threads=1,
        precision="fp32",
        components=(
            Component(name="nuclei", channels=(first, second)),
            Component(name="around", channels=(third,), region=Region(kind="surroundings")),
        ),
        patches=PatchSettings(size=16),
        augmentation=AugmentationSettings(blur=0.2),
        model=ModelSettings(width=4, embedding=8, hidden=8),
        training=TrainingSettings(steps=6, batch=16, checkpoint_every=3),
    )


@pytest.fixture(scope="package")
def events(field, quick):
    return list(fit([field], quick))


@pytest.fixture(scope="package")
def bundle(events):
    return events[-1].result
