"""Shared fixtures: where the real data are, one torch thread, a display for GUI tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of the real images; the test skips by name where there is none."""
    folder = os.environ.get("NAPARI_SPLICER_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("real data not found: set NAPARI_SPLICER_DATA to their folder")
    return Path(folder)
