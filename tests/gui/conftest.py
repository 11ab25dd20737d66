"""Fixtures of the napari roof: a small tissue, sessions at several points of the journey."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import tifffile
from anndata import AnnData

from napari_splicer.config import Component, Region
from napari_splicer.gui import recent_models, remembered
from napari_splicer.gui.project import recent
from napari_splicer.gui.session import Session
from napari_splicer.gui.snapshot import Facts
from napari_splicer.gui.torch_guard import load_torch
from napari_splicer.model import downloads, sources
from napari_splicer.samples import synthetic_tissue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari import Viewer

    from napari_splicer.gui.main_widget import SplicerWidget
    from napari_splicer.images.masks import MaskedImage

SMALL = {
    "patches.size": 16,
    "training.steps": 4,
    "training.batch": 16,
    "model.width": 4,
    "model.embedding": 16,
    "model.hidden": 16,
    "threads": 1,
}
COMPONENTS = (
    Component(name="immune", channels=("CD45", "CD3", "CD8")),
    Component(name="around", channels=("PanCK",), region=Region(kind="surroundings")),
)


@pytest.fixture(scope="session", autouse=True)
def torch_loaded() -> None:
    """Load torch as the plugin does, before a test trains without a worker beside a window.

    What is there by then stays: collecting garbage, which napari's fixture does several times a
    test, would go through all loaded modules each time (0.3 s).
    """
    load_torch()
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def tissue() -> MaskedImage:
    """About 60 cells in 160 × 160 pixels."""
    return synthetic_tissue(size=160).field


@pytest.fixture
def small_settings() -> dict[str, int]:
    """Settings, by dotted key, of a network that trains within a second."""
    return dict(SMALL)


@pytest.fixture
def table() -> AnnData:
    """Six cells in two groups; their order is not that of their ids."""
    groups = pd.Categorical(["1", "2", "1", "1", "2", "1"])
    obs = pd.DataFrame({"instance_id": [9, 2, 7, 4, 30, 1], "first": groups})
    obs["area"], obs["y"], obs["x"] = 50, [5.0, 5, 5, 25, 25, 25], [5.0, 25, 45, 5, 25, 45]
    obs.index = obs["instance_id"].astype(str)
    made = AnnData(np.arange(12, dtype=np.float32).reshape(6, 2), obs=obs)
    made.var_names = ["CD3", "PanCK"]
    made.uns["first_colors"] = ["#ff0000", "#00ff00"]
    settings = {"source": "combined", "method": "leiden", "resolution": 1.0, "clusters": 8}
    made.uns["splicer"] = {"clusterings": {"first": settings}}
    return made


@pytest.fixture
def session(tissue: MaskedImage, tmp_path: Path) -> Session:
    """A session with image, mask and components, ready to train a tiny network."""
    made = Session(image=tissue.image, cells=tissue.cells, components=COMPONENTS)
    made.settings = made.settings.with_values({**SMALL, "output": str(tmp_path / "run")})
    made.facts = Facts(cells=len(tissue.cells.cells()))
    return made


@pytest.fixture
def images(tissue: MaskedImage, tmp_path: Path) -> Path:
    """A folder with a field of four channels and its cell mask, as files."""
    folder = tmp_path / "images"
    folder.mkdir()
    names = ("CD45", "CD3", "CD8", "PanCK")
    tifffile.imwrite(
        folder / "field.ome.tif",
        tissue.image.select(names).data.compute(),
        ome=True,
        metadata={"axes": "CYX", "Channel": {"Name": names}},
    )
    tifffile.imwrite(folder / "field_mask.tif", np.asarray(tissue.cells.data))
    return folder


@pytest.fixture
def open_window(
    make_napari_viewer: Callable[..., Viewer],
) -> Callable[[], tuple[Viewer, SplicerWidget]]:
    """Open a napari window with the SpliCER dock."""

    def opened() -> tuple[Viewer, SplicerWidget]:
        viewer = make_napari_viewer(show=True)
        _, dock = viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER")
        return viewer, dock

    return opened


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, recent projects and models, settings and a cache of the test's own."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setattr("pathlib.Path.home", lambda: folder)
    monkeypatch.setattr(recent, "list_file", lambda: folder / "recent-projects.json")
    monkeypatch.setattr(recent_models, "list_file", lambda: folder / "recent-models.json")
    for module in (downloads, sources):
        monkeypatch.setattr(module, "cache_folder", lambda: folder / "models")
    monkeypatch.setattr(remembered, "settings_file", lambda: folder / "window.json")
    return folder


@pytest.fixture(autouse=True, scope="module")
def collections_are_small() -> None:
    """Leave what earlier files have loaded out of the collections that follow each test.

    That is millions of objects, and to look at them all takes longer than most tests.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_widget_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test after which one of this plugin's top-level widgets is still there.

    Its errands end first, as they do when napari closes: none goes on into the next test.
    """
    yield
    if not {"qtbot", "make_napari_viewer"} & set(request.fixturenames):
        return
    from qtpy.QtCore import QEvent
    from qtpy.QtWidgets import QApplication
    from superqt.utils import WorkerBase

    WorkerBase.await_workers(60_000)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()
    gc.collect()
    left = [
        widget
        for widget in QApplication.topLevelWidgets()
        if type(widget).__module__.startswith("napari_splicer")
    ]
    assert left == []
