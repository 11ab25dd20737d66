"""The journey by mouse on a published field of view (imaging mass cytometry of the pancreas)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from napari_splicer.gui.layers import link_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.gui, pytest.mark.real_data]


@pytest.fixture
def folder(data_folder: Path) -> Path:
    return data_folder / "cytomapper_pancreas_imc"


def test_names_come_from_the_file_even_through_napari(folder, make_napari_viewer) -> None:
    viewer = make_napari_viewer()
    viewer.open(folder / "E34.ome.tif", plugin="napari")
    image = link_for(viewer).session.image
    assert image.channels == ("H3", "CD99", "PIN", "CD8a", "CDH")
    assert image.pixel_size == (1.0, 1.0)


def test_from_files_to_a_table(folder, make_napari_viewer, small_settings, tmp_path, qtbot) -> None:
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER")
    session, link = widget.session, link_for(viewer)
    session.settings = session.settings.with_values({**small_settings, "output": str(tmp_path)})
    link.open_image(str(folder / "E34.ome.tif"))
    link.open_mask(str(folder / "E34_mask.tif"))
    assert session.image.channels == ("H3", "CD99", "PIN", "CD8a", "CDH")
    assert session.cells.shape == session.image.shape
    qtbot.waitUntil(lambda: bool(session.components), timeout=30_000)
    widget.open_step("model")
    train = widget.pages["model"].train_panel.button
    qtbot.waitUntil(train.isEnabled)
    train.click()
    qtbot.waitUntil(lambda: bool(session.groups) and session.job is None, timeout=120_000)
    widget.open_step("export")
    qtbot.waitUntil(widget.pages["export"].button.isEnabled)
    widget.pages["export"].export()
    qtbot.waitUntil(lambda: bool(session.exported), timeout=60_000)
    published = pd.read_csv(folder / "E34_labels.csv")
    assert len(session.ids()) == session.facts.cells >= len(published)
