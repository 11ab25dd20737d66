"""A small synthetic tissue on disk, with a run file that trains for a few steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import tifffile

from napari_splicer.config import (
    ClusteringSettings,
    Component,
    ImageInput,
    ModelSettings,
    PatchSettings,
    Region,
    RunConfig,
    TrainingSettings,
)
from napari_splicer.samples import synthetic_tissue

if TYPE_CHECKING:
    from pathlib import Path

SMALL = RunConfig(
    device="cpu",
    threads=1,
    output="results",
    inputs=(ImageInput(image="tissue.ome.tif", mask="cells.tif"),),
    components=(
        Component(name="immune", channels=("CD8", "GZMB")),
        Component(name="around", channels=("PanCK", "CD8"), region=Region(kind="surroundings")),
    ),
    patches=PatchSettings(size=16),
    model=ModelSettings(width=8, embedding=16, hidden=16),
    training=TrainingSettings(steps=3, batch=16, checkpoint_every=1, cache_gb=0.1),
    clusterings=(ClusteringSettings(name="groups", source="combined"),),
)


@pytest.fixture(scope="session")
def tissue_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with ``tissue.ome.tif``, ``cells.tif`` and ``run.toml``."""
    folder = tmp_path_factory.mktemp("tissue")
    field = synthetic_tissue(size=192).field
    image = field.image
    tifffile.imwrite(
        folder / "tissue.ome.tif",
        image.data.compute(),
        metadata={
            "axes": "CYX",
            "Channel": {"Name": list(image.channels)},
            "PhysicalSizeX": 0.5,
            "PhysicalSizeY": 0.5,
        },
    )
    assert field.cells is not None
    tifffile.imwrite(folder / "cells.tif", field.cells.data.compute().astype("uint32"))
    (folder / "run.toml").write_text(SMALL.to_toml(), encoding="utf-8")
    return folder
