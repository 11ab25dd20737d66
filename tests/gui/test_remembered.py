"""What a person set about the window is there at the next start, and harms nobody if damaged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from qtpy.QtCore import QCoreApplication, QEvent, Qt
from superqt import QCollapsible

from napari_splicer.gui import remembered
from napari_splicer.gui.docks import open_explorer
from napari_splicer.gui.map_choice import COMPONENTS, NUMBERS, MapChoice
from napari_splicer.gui.remembered import Remembered
from napari_splicer.gui.session import session_for

if TYPE_CHECKING:
    from pathlib import Path


def test_values_are_there_again_and_others_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "config" / "window.json"
    one, other = Remembered(path), Remembered(path)
    assert one.put("page", "Teach")
    assert not one.put("page", "Teach")
    assert other.put("sizes", [300, 200])
    one.write()
    other.write()
    again = Remembered(path)
    assert again.value("page", "") == "Teach"
    assert again.numbers("sizes", 2) == [300, 200]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"page": 3, "sizes": [1, "2"], "width": true}', "[" * 100_000]
)
def test_what_is_damaged_or_of_another_kind_counts_for_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "window.json"
    path.write_text(text)
    memory = Remembered(path)
    assert memory.value("page", "Groups") == "Groups"
    assert memory.value("width", 0) == 0
    assert memory.numbers("sizes", 2) == []
    memory.put("page", "Teach")
    memory.write()
    assert json.loads(path.read_text())["page"] == "Teach"


def test_a_place_that_cannot_be_written_to_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = Remembered(tmp_path / "file" / "window.json")
    memory.put("page", "Teach")
    memory.write()
    assert memory.value("page", "") == "Teach"


def open_docks(make_napari_viewer, table):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1400, 900)
    session_for(viewer).table = table.copy()
    _, splicer = viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER")
    explorer = open_explorer(viewer)
    return viewer, splicer, explorer


@pytest.mark.gui
def test_docks_open_as_they_were_left(make_napari_viewer, table, home, qtbot, monkeypatch) -> None:
    table.obsm["X_umap"] = table.X.copy()
    table.obs = table.obs.assign(region=pd.Categorical(["left"] * 6), y=1.0, x=1.0, area=9.0)
    viewer, splicer, explorer = open_docks(make_napari_viewer, table)
    qtbot.wait(100)
    splicer.open_step("cluster")
    splicer.pages["cluster"].opacity.setValue(35)
    (details,) = (
        fold
        for fold in splicer.pages["model"].findChildren(QCollapsible)
        if fold.text() == "Details for experts"
    )
    details.expand()
    explorer.pages.setCurrentWidget(explorer.teach)
    axes = explorer.map.axes.kind
    axes.setCurrentIndex(axes.findData(COMPONENTS))
    axes.activated.emit(axes.currentIndex())
    window = viewer.window._qt_window
    window.resizeDocks([splicer.parentWidget()], [450], Qt.Orientation.Horizontal)
    window.resizeDocks([explorer.parentWidget()], [380], Qt.Orientation.Vertical)
    qtbot.waitUntil(lambda: abs(explorer.height() - 360) < 40)
    sizes = splicer.width(), explorer.height()
    viewer.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    remembered.remembered().write()
    assert (home / "window.json").is_file()

    monkeypatch.setattr(remembered, "_KNOWN", {})  # as in another process
    viewer, splicer, explorer = open_docks(make_napari_viewer, table)
    assert splicer.step == "cluster"
    assert session_for(viewer).opacity == 0.35
    assert splicer.pages["cluster"].opacity.value() == 35
    assert [
        fold.text()
        for page in splicer.pages.values()
        for fold in page.findChildren(QCollapsible)
        if fold.isExpanded()
    ] == ["Details for experts"]
    assert explorer.pages.tabText(explorer.pages.currentIndex()) == "Teach"
    assert explorer.map.axes.kind.currentData() == COMPONENTS
    qtbot.waitUntil(lambda: abs(splicer.width() - sizes[0]) < 30, timeout=5000)
    qtbot.waitUntil(lambda: abs(explorer.height() - sizes[1]) < 30, timeout=5000)


@pytest.mark.gui
def test_the_map_of_a_project_goes_before_the_one_of_the_last_start(
    make_napari_viewer, home, table
) -> None:
    remembered.remembered().put("Explorer: axes of the map", "PCA")
    table.obs = table.obs.assign(region=pd.Categorical(["left"] * 6), y=1.0, x=1.0, area=9.0)
    viewer = make_napari_viewer()
    session = session_for(viewer)
    session.table, session.map_choice = table, MapChoice(NUMBERS)
    assert open_explorer(viewer).map.axes.kind.currentData() == NUMBERS
    assert session.map_choice.kind == NUMBERS


@pytest.mark.gui
def test_a_step_that_is_blocked_is_not_opened(make_napari_viewer, home) -> None:
    remembered.remembered().put("SpliCER: step", "cluster")
    _, splicer = make_napari_viewer().window.add_plugin_dock_widget("napari-splicer", "SpliCER")
    assert splicer.step == "image"
