from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from qtpy.QtWidgets import QFileDialog

from napari_splicer.config import load_run
from napari_splicer.gui import file_opener
from napari_splicer.gui.jobs import runner_for
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.run_files import open_run_file
from napari_splicer.gui.steps.image_step import ImageStep
from napari_splicer.images.open import open_image

if TYPE_CHECKING:
    from pathlib import Path

RUN = """
version = 1
output = "results"
[[inputs]]
image = "field.tif"
mask = "cells.tif"
regions = { tumour = "tumour.tif" }
name = "slide"
[[components]]
name = "immune"
channels = ["Channel 1", "Channel 2"]
weight = 2.0
[[components]]
name = "there"
channels = ["Channel 3"]
region = { kind = "inside", mask = "tumour" }
[model]
decorrelation = 0.5
"""


@pytest.fixture
def folder(tissue, tmp_path) -> Path:
    """A run file beside its image and masks."""
    tifffile.imwrite(
        tmp_path / "field.tif", np.asarray(tissue.image.data), metadata={"axes": "CYX"}
    )
    tifffile.imwrite(tmp_path / "cells.tif", np.asarray(tissue.cells.data, np.uint16))
    half = np.zeros(tissue.cells.shape, np.uint8)
    half[:80] = 1
    tifffile.imwrite(tmp_path / "tumour.tif", half)
    names = open_image(tmp_path / "field.tif").channels
    text = RUN
    for number in (1, 2, 3):
        text = text.replace(f"Channel {number}", names[number - 1])
    (tmp_path / "run.toml").write_text(text)
    return tmp_path


@pytest.fixture
def opened(qtbot):
    """Open a run file in a window, and wait until it is there, or was refused."""

    def opened(link, path) -> None:
        open_run_file(link, path)
        qtbot.waitUntil(lambda: not link.opener.busy, timeout=30_000)

    return opened


def test_a_run_file_fills_an_empty_window(folder, opened) -> None:
    viewer = ViewerModel()
    link = link_for(viewer)
    opened(link, folder / "run.toml")
    session, asked = link.session, load_run(folder / "run.toml")
    assert session.image.name == "slide"
    assert session.cells.source == str(folder / "cells.tif")
    assert link.mask_layer.name == "cells"
    assert list(session.regions) == ["tumour"]
    assert session.regions["tumour"].source == str(folder / "tumour.tif")
    assert session.components == asked.components
    assert session.settings.model == asked.model
    assert session.settings.output == str(folder / "results")
    assert session.snapshot().fields()
    assert "slide is opened, with components and settings of run.toml" in session.notice.text


def test_missing_files_are_named_and_nothing_is_changed(folder, opened) -> None:
    (folder / "tumour.tif").unlink()
    viewer = ViewerModel()
    link = link_for(viewer)
    before = link.session.settings
    opened(link, folder / "run.toml")
    assert "tumour.tif" in link.session.notice.text
    assert link.session.notice.kind == "error"
    assert not viewer.layers
    assert link.session.settings == before
    (folder / "run.toml").write_text("version = 1\n")
    opened(link, folder / "run.toml")
    assert "names no image" in link.session.notice.text


def test_several_images_are_opened_side_by_side_and_that_is_said(folder, opened) -> None:
    (folder / "field2.tif").write_bytes((folder / "field.tif").read_bytes())
    text = (folder / "run.toml").read_text()
    text += '[[inputs]]\nimage = "field2.tif"\n'
    (folder / "run.toml").write_text(text)
    viewer = ViewerModel()
    link = link_for(viewer)
    opened(link, folder / "run.toml")
    assert link.session.image.sheet.names == ("slide", "field2")
    assert "2 images are opened" in link.session.notice.text
    assert "side by side" in link.session.notice.text
    (field,) = link.session.snapshot().fields()  # the other has no mask of cells
    assert field.name == "slide"
    assert list(field.regions) == ["tumour"]


def test_it_can_be_chosen_where_an_image_is_asked_for(folder, qtbot, monkeypatch) -> None:
    viewer = ViewerModel()
    step = ImageStep(link_for(viewer), runner_for(viewer))
    qtbot.addWidget(step)
    path = str(folder / "run.toml")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (path, ""))
    step.run_file.click()
    qtbot.waitUntil(lambda: not step._link.opener.busy, timeout=30_000)
    assert step.session.image.name == "slide"
    assert step.drop._fits(folder / "run.toml")
    assert step.drop._fits(folder / "panel.csv")
    qtbot.waitUntil(lambda: step.session.facts is not None)


def test_its_layers_come_while_the_window_lives(folder, qtbot, monkeypatch) -> None:
    monkeypatch.setattr(file_opener, "_LONGEST", 1e-9)
    viewer = ViewerModel()
    link = link_for(viewer)
    open_run_file(link, folder / "run.toml")
    assert not viewer.layers
    seen = set()

    def look() -> None:
        seen.add((len(viewer.layers), link.session.components))

    link.opener.changed.connect(look)  # after every turn
    qtbot.waitUntil(lambda: not link.opener.busy, timeout=30_000)
    assert len(seen) > len(viewer.layers) // 2
    assert len({components for _, components in seen}) == 2  # those before, then all of its own
    assert [layer.name for layer in viewer.layers[-2:]] == ["cells", "tumour"]


def test_one_that_is_cancelled_changes_nothing(folder, qtbot, monkeypatch) -> None:
    monkeypatch.setattr(file_opener, "_LONGEST", 1e-9)
    viewer = ViewerModel()
    link = link_for(viewer)
    settings = link.session.settings
    open_run_file(link, folder / "run.toml")
    qtbot.waitUntil(lambda: len(viewer.layers) > 1, timeout=30_000)
    link.opener.cancel()
    assert not viewer.layers
    assert link.session.settings is settings
    assert link.session.components == ()
    assert link.session.image is None
