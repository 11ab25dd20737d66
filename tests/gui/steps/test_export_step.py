"""What the Export page shows is what will be written, also after an image or a project came."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from qtpy.QtWidgets import QScrollArea

from napari_splicer.gui.jobs import JobRunner
from napari_splicer.gui.steps.export_step import ExportStep


@pytest.fixture
def step(session, qtbot) -> ExportStep:
    made = ExportStep(JobRunner(session))
    qtbot.addWidget(made)
    return made


def test_ticks_are_what_will_be_written_whoever_decided_it(step, session) -> None:
    wanted = {"export.formats": ["zarr", "parquet"], "export.overwrite": True}
    session.settings = session.settings.with_values(wanted)
    ticked = [name for name, tick in step.ticks.items() if tick.isChecked()]
    assert ticked == ["zarr", "parquet"]
    assert step.overwrite.isChecked()
    step.ticks["zarr"].click()
    assert session.settings.export.formats == ("parquet",)
    assert session.settings.export.overwrite


def test_another_image_does_not_go_over_the_files_of_the_one_before(step, session) -> None:
    usual = step.folder.text()
    image = session.image
    step.folder.setText("/mine")
    session.image = image.with_pixel_size(2.0)
    assert step.folder.text() == "/mine"
    session.image = None  # as when its layers go
    session.image = replace(image, name="slide 2")
    assert Path(step.folder.text()) == Path(usual).with_name("slide-2")


@pytest.mark.parametrize("size", [9, 11.25])
def test_what_was_written_is_seen_whole_whatever_files_are_called(session, qtbot, size) -> None:
    area, step = QScrollArea(), ExportStep(JobRunner(session))
    area.setWidget(step)
    area.setWidgetResizable(True)
    area.resize(360, 420)
    step.setStyleSheet(f"font-size: {size}pt")
    qtbot.addWidget(area)
    with qtbot.waitExposed(area):
        area.show()
    name = "Slide07_CD45panTcellpanel_region03_regAB"
    assert len(name) == 40
    folder = Path("/data/lymphoma") / name
    ends = (".h5ad", ".splicer_cluster.ome.tif", ".splicer_cluster.ome.tif.legend.csv")
    session.exported = tuple(folder / f"{name}{end}" for end in ends)

    result, view = step.result, area.viewport()
    qtbot.waitUntil(lambda: result.height() >= result.heightForWidth(result.width()))
    assert result.minimumSizeHint().width() <= result.width()
    assert result.text().replace("\N{ZERO WIDTH SPACE}", "").startswith(f"Written to {folder}:")
    for button in (step._open, step._copy):
        corner = button.rect().bottomRight()
        qtbot.waitUntil(
            lambda button=button, corner=corner: view.rect().contains(button.mapTo(view, corner))
        )
