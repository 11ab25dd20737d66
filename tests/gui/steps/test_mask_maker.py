"""The fold that makes a mask, in a viewer without a window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from napari_splicer.gui.jobs import runner_for
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.mask_layers import LARGEST, PREVIEW, box_in_sight
from napari_splicer.gui.steps.mask_maker import MaskMaker

PATIENCE = 60_000  # ms


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def maker(viewer, tmp_path, qtbot) -> MaskMaker:
    link = link_for(viewer)
    link.session.settings = link.session.settings.with_values({"output": str(tmp_path / "run")})
    made = MaskMaker(link, runner_for(viewer))
    qtbot.addWidget(made)
    return made


def add_image(viewer, tissue, *, names=None, scale=(0.5, 0.5), unit="um", name="field"):
    return viewer.add_image(
        np.asarray(tissue.image.data),
        metadata={"channels": list(names or tissue.image.channels)},
        name=name,
        scale=(1, *scale),
        translate=(0, 7, 9),
        units=("pixel", unit, unit),
        axis_labels=("c", "y", "x"),
    )


def shown(maker):
    return maker._link.own_layer(PREVIEW)


def test_the_fold_is_open_while_an_image_has_no_mask(maker, viewer, tissue) -> None:
    assert not maker.fold.isExpanded()
    add_image(viewer, tissue)
    assert maker.fold.isExpanded()
    assert maker.word.isVisibleTo(maker)
    viewer.add_labels(np.asarray(tissue.cells.data), name="cells")
    assert not maker.fold.isExpanded()
    assert not maker.word.isVisibleTo(maker)


def test_the_channel_is_guessed_and_lengths_are_in_micrometres(maker, viewer, tissue) -> None:
    add_image(viewer, tissue)
    assert maker.channel_box.currentText() == "DNA"
    assert maker.diameter.text() == "8.0 µm"
    assert maker.expansion.text() == "2.0 µm"
    assert maker.make.isEnabled()
    assert "Cellpose, StarDist and Mesmer" in maker.word.text()


def test_without_a_guess_the_buttons_say_what_is_missing(maker, viewer, tissue) -> None:
    add_image(viewer, tissue, names=[f"marker {i}" for i in range(12)], unit="pixel")
    assert maker.channel_box.currentIndex() == -1
    assert not maker.make.isEnabled()
    assert not maker.preview.isEnabled()
    assert maker.make.toolTip() == "Choose the channel that stains nuclei."
    assert maker.diameter.text() == "16.0 px"
    maker.channel_box.setCurrentIndex(3)
    maker.channel_box.activated.emit(3)
    assert maker.make.isEnabled()
    assert maker._session.segmentation.channels == ("marker 3",)


def test_what_was_chosen_stays_with_images_of_its_kind(maker, viewer, tissue) -> None:
    add_image(viewer, tissue)
    maker.diameter.setValue(6.5)
    maker.channel_box.activated.emit(maker.channel_box.findText("CD3"))
    link = maker._link
    other = add_image(viewer, tissue, name="other")
    link.use_image(next(c for c in link.images() if other in c.layers))
    assert maker.diameter.value() == 6.5
    assert maker.channel_box.currentText() == "CD3"
    strange = add_image(viewer, tissue, names=[*"abcdefghijkl"], unit="pixel", name="strange")
    link.use_image(next(c for c in link.images() if strange in c.layers))
    assert maker.diameter.text() == "16.0 px"
    assert maker.channel_box.currentIndex() == -1


def test_a_preview_lies_over_the_image_and_follows_the_settings(
    maker, viewer, tissue, qtbot
) -> None:
    add_image(viewer, tissue)
    maker.diameter.setValue(6)
    maker.preview.click()
    qtbot.waitUntil(lambda: shown(maker) is not None, timeout=PATIENCE)
    layer = shown(maker)
    np.testing.assert_array_equal(layer.scale, (0.5, 0.5))
    np.testing.assert_array_equal(layer.translate, (7, 9))
    count = int(maker.said.text().split()[0])
    assert 40 < count < 90
    assert maker._link.masks() == ()
    maker.sensitivity.setValue(0.5)
    qtbot.waitUntil(
        lambda: maker.said.text()[0].isdigit() and not maker.said.text().startswith(f"{count} "),
        timeout=PATIENCE,
    )
    assert shown(maker).data.astype(bool).sum() < layer.data.astype(bool).sum()
    maker.preview.click()
    assert shown(maker) is None
    assert maker.said.text() == ""


def test_a_preview_that_finds_fault_says_so(maker, viewer, tissue, qtbot) -> None:
    add_image(viewer, tissue)
    maker.diameter.setValue(500)
    maker.preview.click()
    qtbot.waitUntil(lambda: "1,000 pixels wide" in maker.said.text(), timeout=PATIENCE)
    assert shown(maker) is None


def test_the_preview_goes_with_its_image(maker, viewer, tissue, qtbot) -> None:
    image = add_image(viewer, tissue)
    maker.preview.click()
    qtbot.waitUntil(lambda: shown(maker) is not None, timeout=PATIENCE)
    viewer.layers.remove(image)
    assert shown(maker) is None
    assert not maker.preview.isChecked()


def test_a_closed_dock_leaves_no_preview_and_follows_no_view(viewer, tissue, qtbot) -> None:
    link = link_for(viewer)
    maker = MaskMaker(link, runner_for(viewer))
    add_image(viewer, tissue)
    maker.preview.click()
    qtbot.waitUntil(lambda: shown(maker) is not None, timeout=PATIENCE)
    maker.deleteLater()
    QApplication.sendPostedEvents(maker, QEvent.Type.DeferredDelete)
    assert link.own_layer(PREVIEW) is None
    camera = getattr(viewer, "scene", viewer).camera
    camera.zoom *= 2  # what still listened would fail


def test_a_mask_is_made_shown_and_chosen(maker, viewer, tissue, tmp_path, qtbot) -> None:
    add_image(viewer, tissue)
    maker.diameter.setValue(6)
    maker.preview.click()
    qtbot.waitUntil(lambda: shown(maker) is not None, timeout=PATIENCE)
    session = maker._session
    maker.make.click()
    assert not maker.make.isEnabled()
    assert "Wait until" in maker.make.toolTip()
    qtbot.waitUntil(lambda: session.cells is not None and session.job is None, timeout=PATIENCE)
    assert shown(maker) is None
    layer = viewer.layers["field cells"]
    assert maker._link.mask_layer is layer
    assert layer.visible
    assert layer.contour == 1
    path = tmp_path / "run" / "masks" / "field-cells.ome.zarr"
    assert session.cells.source == layer.metadata["splicer"]["path"] == str(path)
    np.testing.assert_array_equal(layer.translate, (7, 9))
    assert 40 < len(session.cells.cells()) < 90
    assert not maker.fold.isExpanded()
    qtbot.waitUntil(lambda: not maker._runner.busy, timeout=PATIENCE)


@pytest.mark.parametrize("levels", [1, 2])
def test_of_a_large_image_the_middle_of_what_is_in_sight_is_shown(
    viewer, maker, levels: int
) -> None:
    data = [np.zeros((1, 4096 // 4**i, 2048 // 4**i), np.uint8) for i in range(levels)]
    layer = viewer.add_image(data if levels > 1 else data[0], multiscale=levels > 1, name="slide")
    link = link_for(viewer)
    middle = (2048 - LARGEST // 2, 2048 + LARGEST // 2, 640, 1408)
    np.testing.assert_allclose(box_in_sight(link), middle, atol=4)
    factor = 4 ** (levels - 1)
    layer._data_level = levels - 1
    layer.corner_pixels = np.array([[0, 400, 800], [0, 799, 1599]]) // factor
    y0, y1, x0, x1 = box_in_sight(link)
    assert (y1 - y0, x1 - x0) <= (401, LARGEST)
    assert abs((y0 + y1) / 2 - 600) <= 4
    assert abs((x0 + x1) / 2 - 1200) <= 4
