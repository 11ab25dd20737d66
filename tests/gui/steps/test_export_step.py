"""What the Export page shows is what will be written, also after an image or a project came."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

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
