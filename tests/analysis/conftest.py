from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_splicer.config import PatchSettings, RunConfig
from napari_splicer.embedding.table import note_representation, record

if TYPE_CHECKING:
    from collections.abc import Callable


def make_table(groups: np.ndarray, *, markers: int = 6, width: int = 8, seed: int = 0) -> AnnData:
    """Cells of known groups, each with its own bright marker and its own corner of the chunks."""
    rng = np.random.default_rng(seed)
    n = len(groups)
    intensities = rng.gamma(2.0, 5.0, (n, markers))
    intensities[np.arange(n), groups % markers] += 100
    z = rng.normal(size=(n, width))
    z[np.arange(n), groups % width] += 6
    table = AnnData(
        X=intensities.astype(np.float32),
        obs=pd.DataFrame(
            {
                "instance_id": np.arange(1, n + 1),
                "region": pd.Categorical(np.where(np.arange(n) % 3, "a", "b")),
            },
            index=pd.Index([f"cell_{i}" for i in range(n)]),
        ),
        var=pd.DataFrame(index=pd.Index([f"m{i}" for i in range(markers)])),
    )
    z = z.astype(np.float32)
    table.obsm.update(X_splicer=z, X_splicer_chunks=z)
    chunks = {"left": slice(0, width // 2), "right": slice(width // 2, width)}
    note_representation(table, width, chunks)
    return table


@pytest.fixture
def groups() -> np.ndarray:
    return np.repeat([0, 1, 2, 3], [120, 90, 60, 30])


@pytest.fixture
def table(groups: np.ndarray) -> AnnData:
    return make_table(groups)


@pytest.fixture
def table_of() -> Callable[[np.ndarray], AnnData]:
    return make_table


@pytest.fixture
def note_patches() -> Callable[..., None]:
    def note(table: AnnData, patches: PatchSettings, pixel_um: float = np.nan) -> None:
        """Note in a table how patches of the images "left" and "right" were cut."""
        record(table)["config"] = RunConfig(patches=patches).model_dump_json()
        record(table)["pixel_sizes"] = {
            "region": np.array(["left", "right"]),
            "y_um": np.full(2, pixel_um),
            "x_um": np.full(2, pixel_um),
        }

    return note
