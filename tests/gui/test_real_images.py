"""The journey by mouse on published fields of view (imaging mass cytometry and MIBI)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anndata
import pandas as pd
import pytest
from opening import show_image_file, show_mask_file
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QToolButton

from napari_splicer.gui.layers import link_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_splicer.gui.main_widget import SplicerWidget

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
    show_image_file(link, str(folder / "E34.ome.tif"))
    show_mask_file(link, str(folder / "E34_mask.tif"))
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
    qtbot.waitUntil(lambda: bool(session.exported), timeout=120_000)
    published = pd.read_csv(folder / "E34_labels.csv")
    assert len(session.ids()) == session.facts.cells >= len(published)


GROUPS = {
    "epithelium": ("ECAD", "PanKRT", "CK7", "ER", "HER2"),
    "immune": ("CD3", "CD20", "CD45", "CD68", "CD8"),
    "stroma": ("COLI", "SMA", "VIM", "FAP"),
    "nucleus": ("HH3", "Ki67"),
    "around": ("CD45", "PanKRT", "SMA", "VIM"),
}
LEFT = Qt.MouseButton.LeftButton


def test_two_fields_one_after_the_other_with_one_model(
    data_folder, make_napari_viewer, small_settings, tmp_path, qtbot
) -> None:
    """MIBI of breast tissue: 41 channels, four groups of markers, and what is around the cell."""
    paths = sorted((data_folder / "mibi_dcis_risom_dev").glob("*.ome.tif"))[:2]
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER")
    session, link, pages = widget.session, link_for(viewer), widget.pages
    session.settings = session.settings.with_values({**small_settings, "output": str(tmp_path)})

    def press(step: str, button: QPushButton, done: Callable[[], bool]) -> None:
        widget.open_step(step)
        qtbot.waitUntil(button.isEnabled, timeout=60_000)
        qtbot.mouseClick(button, LEFT)
        qtbot.waitUntil(lambda: done() and session.job is None, timeout=240_000)

    def open_field(path: Path) -> None:
        show_image_file(link, str(path))
        show_mask_file(link, str(path).replace(".ome.tif", "_mask.tif"))
        qtbot.waitUntil(lambda: session.facts is not None, timeout=60_000)

    def export() -> None:
        press("export", pages["export"].button, lambda: bool(session.exported))

    open_field(paths[0])
    describe_components(widget, qtbot)
    train = pages["model"].train_panel.button
    press("model", train, lambda: bool(session.groups))
    export()
    first, bundle = session.table, session.bundle
    for path in paths[1:]:
        open_field(path)
        assert session.table is None
        press("embed", pages["embed"].button, lambda: bool(session.groups))
        assert session.bundle is bundle
        export()
    first_again = next(c for c in link.images() if paths[0].name.startswith(c.title.split(" ·")[0]))
    link.show_image(first_again)
    assert session.table is first
    tables = [anndata.read_h5ad(path) for path in sorted(tmp_path.glob("export/*/cells.h5ad"))]
    assert [str(t.obs["region"].iloc[0]) for t in tables] == [p.name[:-8] for p in paths]
    for table in tables:
        assert set(table.uns["splicer"]["chunks"]["component"]) == set(GROUPS)
        assert len(table) == table.obs["instance_id"].nunique() > 100


def describe_components(widget: SplicerWidget, qtbot: QtBot) -> None:
    """Remove what was suggested, and make the components of ``GROUPS`` in the editor."""
    session, step = widget.session, widget.pages["components"]
    qtbot.waitUntil(lambda: bool(session.components), timeout=60_000)
    widget.open_step("components")
    while session.components:
        remove = step.rows.rows[0].findChildren(QToolButton)[2]
        qtbot.mouseClick(remove, LEFT)
    for name, channels in GROUPS.items():
        step.add()
        for channel in channels:
            step._editor.picker.tick(channel)
        step._editor.name.setText(name)
        step._editor.name.editingFinished.emit()
    region = step._editor.region
    region.setCurrentIndex(region.findText("around this cell"))
    region.activated.emit(region.currentIndex())
    assert [c.name for c in session.components] == list(GROUPS)
    assert session.components[-1].region.kind == "surroundings"
