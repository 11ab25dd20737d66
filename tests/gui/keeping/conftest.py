"""A window whose work is saved soon after every change."""

from __future__ import annotations

import numpy as np
import pytest
from kept_work import give_table, is_saved, wait
from napari.components import ViewerModel

from napari_splicer.gui import keeper
from napari_splicer.gui.keeper import keeper_for


@pytest.fixture(autouse=True)
def soon(monkeypatch) -> None:
    monkeypatch.setattr(keeper, "WAIT", 0.05)
    monkeypatch.setattr(keeper, "_PATIENCE", 0)


@pytest.fixture
def viewer(tissue):
    made = ViewerModel()
    made.add_image(np.asarray(tissue.image.data[:2]), name="field")
    made.add_labels(np.asarray(tissue.cells.data), name="cells")
    return made


@pytest.fixture
def kept(viewer, qtbot):
    return keeper_for(viewer)


@pytest.fixture
def grouped(kept, table, tissue, qtbot):
    """A window with a table, saved."""
    give_table(kept.session, table, tissue)
    wait(qtbot, lambda: is_saved(kept))
    return kept
