from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from opening import show_image_file
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog
from superqt import QCollapsible

from napari_splicer.gui.facts import examining
from napari_splicer.gui.jobs import runner_for
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.panels import rename_channel, take_panel
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.steps import image_facts
from napari_splicer.gui.steps.components_step import ComponentsStep
from napari_splicer.gui.steps.image_step import ImageStep
from napari_splicer.gui.widgets.notice_line import NoticeLine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def step(viewer, qtbot) -> ImageStep:
    made = ImageStep(link_for(viewer), runner_for(viewer))
    qtbot.addWidget(made)
    return made


def add_tissue(viewer, tissue) -> None:
    pixels = np.asarray(tissue.image.data)
    viewer.add_image(pixels, metadata={"channels": list(tissue.image.channels)}, name="field")
    viewer.add_labels(np.asarray(tissue.cells.data), name="cells")


def test_without_layers_it_says_what_to_open(step) -> None:
    assert step._pages.currentIndex() == 0


def test_every_fold_says_what_is_in_it(step) -> None:
    folds = step.findChildren(QCollapsible)
    assert {fold.text(): bool(fold.toggleButton().toolTip()) for fold in folds} == {
        "Make a mask of nuclei": True,
        "More masks (tumour, vessels, …)": True,
    }


def test_counting_cells_can_be_stopped_and_asked_for_again(
    step, viewer, tissue, qtbot, monkeypatch
) -> None:
    go_on, session, facts = threading.Event(), step.session, step.facts

    def waiting(*arguments):
        while not go_on.wait(0.01):
            yield 0.1
        return (yield from examining(*arguments))

    monkeypatch.setattr(image_facts, "examining", waiting)
    components = ComponentsStep(session)
    qtbot.addWidget(components)
    components.show_readiness(resolve(session.snapshot()))
    assert components.suggest_button.toolTip().startswith("Choose an image first")
    with qtbot.waitExposed(step):
        step.show()
    add_tissue(viewer, tissue)
    qtbot.waitUntil(facts.work.isVisible)
    assert facts.words.text().endswith("counting cells …")
    components.show_readiness(resolve(session.snapshot()))
    assert "step ① Image" in components.suggest_button.toolTip()
    facts.work.cancel.click()
    assert "cells are not counted" in facts.words.text()
    assert "counting" not in facts.words.text()
    assert not facts.work.isVisible()
    go_on.set()
    qtbot.waitUntil(lambda: not facts.work.errand.busy)
    assert session.facts is None
    facts.again.click()
    qtbot.waitUntil(lambda: session.facts is not None)
    assert facts.words.text().endswith(f"{len(tissue.cells.cells()):,} cells")
    assert not facts.again.isVisible()


def test_a_guess_is_shown_with_its_facts(step, viewer, tissue, qtbot) -> None:
    add_tissue(viewer, tissue)
    assert step._pages.currentIndex() == 1
    assert step.image_box.currentText() == "field"
    assert step.mask_box.currentText() == "cells"
    cells = len(tissue.cells.cells())
    qtbot.waitUntil(lambda: f"{cells:,} cells" in step.facts.words.text())
    assert step.facts.words.text().startswith("12 channels, 160 × 160 px")
    assert "touch the image's border" in step.facts.remarks.text()
    assert "pixel size is unknown" in step.facts.remarks.text()


@pytest.mark.parametrize("planes", [0, 2])
def test_a_mask_that_lies_elsewhere_is_said_to_and_laid_on_the_image(
    step, viewer, tissue, qtbot, planes
) -> None:
    add_tissue(viewer, tissue)
    image, cells = viewer.layers["field"], np.asarray(tissue.cells.data)
    assert step.elsewhere.isHidden()
    image.scale, image.translate, image.rotate = (1, 0.5, 0.5), (0, 10, 20), (0, 0, 30)
    image.units = ("pixel", "um", "um")
    qtbot.waitUntil(lambda: not step.elsewhere.isHidden())
    assert "The mask cells has the image's size" in step.elsewhere.words.text()
    if planes:
        viewer.layers.remove("cells")
        viewer.add_labels(np.stack([cells] * planes), name="planes", scale=(3, 1, 1))
        assert not step.elsewhere.isHidden()
    mask = step._link.mask_layer
    step.elsewhere.button.click()
    qtbot.waitUntil(lambda: step.elsewhere.isHidden())
    for place in ((0, 0), (160, 0), (40, 160)):
        np.testing.assert_allclose(
            mask.data_to_world((*(0,) * (mask.ndim - 2), *place))[-2:],
            image.data_to_world((0, *place))[-2:],
        )
    if planes:
        assert mask.scale[0] == 3
    mask.translate = (*mask.translate[:-1], 500)
    qtbot.waitUntil(lambda: not step.elsewhere.isHidden())


def test_channels_without_signal_are_named(step, viewer, qtbot) -> None:
    pixels = np.zeros((2, 16, 16), np.uint8)
    pixels[0, 3, 3] = 1
    viewer.add_image(pixels, metadata={"channels": ["dot", "dark"]})
    qtbot.waitUntil(lambda: "Without any signal: dark." in step.facts.remarks.text())


def test_renaming_a_channel_reaches_image_and_components(step, viewer, session, qtbot) -> None:
    add_tissue(viewer, session.snapshot().fields()[0])
    own = step.session
    own.components = session.components
    row = own.image.channels.index("CD45")
    step.names.table.item(row, 0).setText("PTPRC")
    assert own.image.channels[row] == "PTPRC"
    assert own.components[0].channels[0] == "PTPRC"


def test_a_panel_file_names_the_channels(step, viewer, tissue, tmp_path, qtbot) -> None:
    add_tissue(viewer, tissue)
    names = [f"marker {i}" for i in range(12)]
    panel = tmp_path / "markers.csv"
    panel.write_text("marker_name\n" + "\n".join(names) + "\n")
    take_panel(step.session, panel)
    assert step.session.image.channels == tuple(names)
    assert step.names.table.item(3, 0).text() == "marker 3"


def test_a_panel_of_another_image_is_doubted_and_can_be_undone(
    step, viewer, tissue, tmp_path, qtbot
) -> None:
    add_tissue(viewer, tissue)
    own, line = step.session, NoticeLine(step.session)
    qtbot.addWidget(line)
    before = own.image.channels
    panel = tmp_path / "markers.csv"
    panel.write_text("marker_name\n" + "\n".join(before[:-1]) + "\nKi-67\n")
    take_panel(own, panel)
    assert own.notice.kind == "info"
    assert line.undo.isHidden()
    own.set_up.undo()

    panel.write_text("marker_name\n" + "\n".join(f"B{i}A" for i in range(12)) + "\n")
    take_panel(own, panel)
    assert own.notice.kind == "warning"
    assert "another image?" in own.notice.text
    assert not line.undo.isHidden()
    line.undo.click()
    assert own.image.channels == before
    assert own.notice.text == "Taken back: Take names from markers.csv."
    assert line.undo.isHidden()
    own.set_up.redo()
    assert own.image.channels[0] == "B0A"


def test_the_offer_to_undo_a_panel_ends_with_the_next_step(
    step, viewer, tissue, tmp_path, qtbot
) -> None:
    add_tissue(viewer, tissue)
    own, line = step.session, NoticeLine(step.session)
    qtbot.addWidget(line)
    panel = tmp_path / "markers.csv"
    panel.write_text("marker_name\n" + "\n".join(f"B{i}A" for i in range(12)) + "\n")
    take_panel(own, panel)
    rename_channel(own, 0, "DAPI")
    assert "another image?" in own.notice.text
    assert line.undo.isHidden(), "it would undo something else"


def test_a_panel_that_does_not_fit_changes_nothing(step, viewer, tissue, tmp_path, qtbot) -> None:
    add_tissue(viewer, tissue)
    panel = tmp_path / "markers.csv"
    panel.write_text("marker_name\nonly one\n")
    take_panel(step.session, panel)
    assert step.session.image.channels == tissue.image.channels


def test_a_file_that_is_no_image_is_told_at_the_bottom(step, tmp_path, qtbot) -> None:
    wrong = tmp_path / "notes.txt"
    wrong.write_text("no image")
    step._link.opener.open_image(str(wrong))
    qtbot.waitUntil(lambda: not step._link.opener.busy)
    assert "notes.txt" in step.session.notice.text
    assert step.session.notice.kind == "error"


def test_image_and_mask_are_opened_with_names_and_place(step, viewer, tmp_path, qtbot) -> None:
    pixels = np.random.default_rng(0).integers(0, 99, (4, 40, 30), dtype=np.uint16)
    labels = np.zeros((40, 30), np.uint16)
    labels[5:9, 5:9] = 3
    labels[0:2, 0:2] = 4
    tifffile.imwrite(
        tmp_path / "field.ome.tif",
        pixels,
        metadata={
            "axes": "CYX",
            "Channel": {"Name": ["DNA", "CD3", "CD8", "CD20"]},
            "PhysicalSizeX": 0.5,
            "PhysicalSizeY": 0.5,
        },
    )
    tifffile.imwrite(tmp_path / "cells.tif", labels)
    step._link.opener.open_image(str(tmp_path / "field.ome.tif"))
    step._link.opener.open_mask(str(tmp_path / "cells.tif"))
    qtbot.waitUntil(lambda: not step._link.opener.busy)
    session = step.session
    assert session.image.channels == ("DNA", "CD3", "CD8", "CD20")
    assert session.image.pixel_size == (0.5, 0.5)
    assert sum(layer.visible for layer in viewer.layers[:4]) == 3
    assert not viewer.layers[-1].visible
    np.testing.assert_array_equal(viewer.layers[-1].scale, (0.5, 0.5))
    qtbot.waitUntil(lambda: step.facts.words.text().endswith("2 cells"))
    assert step.facts.remarks.text() == "• 1 cell touches the image's border."


def test_another_layer_can_be_chosen(step, viewer, tissue, qtbot) -> None:
    add_tissue(viewer, tissue)
    viewer.add_image(np.random.default_rng(0).random((2, 30, 30)), name="other")
    viewer.add_labels(np.ones((30, 30), int), name="region")
    step.image_box.setCurrentIndex(step.image_box.findText("other"))
    step.image_box.activated.emit(step.image_box.currentIndex())
    assert step.session.image.name == "other"
    step.mask_box.setCurrentIndex(step.mask_box.findText("region"))
    step.mask_box.activated.emit(step.mask_box.currentIndex())
    assert step.session.cells.name == "region"


def test_further_masks_are_ticked(step, viewer, tissue, qtbot) -> None:
    add_tissue(viewer, tissue)
    viewer.add_labels(np.ones(tissue.cells.shape, int), name="tumour")
    assert step.regions.list.count() == 1
    step.regions.list.item(0).setCheckState(Qt.CheckState.Checked)
    assert list(step.session.regions) == ["tumour"]


def test_a_message_about_a_file_goes_when_the_next_one_opens(step, tmp_path, qtbot) -> None:
    tifffile.imwrite(tmp_path / "field.tif", np.eye(40, dtype=np.uint8))
    opener = step._link.opener
    opener.open_image(str(tmp_path / "lost.tif"))
    qtbot.waitUntil(lambda: not opener.busy)
    assert "lost.tif" in step.session.notice.text
    opener.open_image(str(tmp_path / "field.tif"))
    qtbot.waitUntil(lambda: not opener.busy)
    assert step.session.notice is None


def test_facts_of_an_image_that_is_gone_are_not_taken(step, viewer, tissue, qtbot) -> None:
    add_tissue(viewer, tissue)
    viewer.layers.clear()
    qtbot.waitUntil(lambda: not step.facts.work.errand.busy)
    assert step.session.facts is None


@pytest.mark.parametrize("name", ["", "   ", "CD3"])
def test_a_channel_name_that_is_empty_or_taken_is_refused(step, viewer, tissue, name) -> None:
    add_tissue(viewer, tissue)
    row = step.session.image.channels.index("CD45")
    step.names.table.item(row, 0).setText(name)
    assert step.session.image.channels == tissue.image.channels
    assert step.names.table.item(row, 0).text() == "CD45"
    assert step.session.notice.kind == "error"


def panel_with_groups(folder, names) -> Path:
    """Five markers are in "first", the others in "second"; the last one is dropped."""
    path = folder / "panel.csv"
    rows = [
        f"{name},{int(i < len(names) - 1)},{'first' if i < 5 else 'second'}"
        for i, name in enumerate(names)
    ]
    path.write_text("\n".join(["name,keep,group", *rows]) + "\n")
    return path


def test_a_panels_groups_follow_its_names_and_go_with_the_image(
    step, viewer, tissue, tmp_path, qtbot
) -> None:
    add_tissue(viewer, tissue)
    session, channels = step.session, tissue.image.channels
    take_panel(step.session, panel_with_groups(tmp_path, channels))
    assert session.panel_groups == {"first": channels[:5], "second": channels[5:11]}
    step.names.table.item(0, 0).setText("nuclei")
    assert session.panel_groups["first"] == ("nuclei", *channels[1:5])
    viewer.add_image(np.random.default_rng(0).random((2, 30, 30)), name="other")
    step.image_box.activated.emit(step.image_box.findText("other"))
    assert session.image.name == "other"
    assert session.panel_groups == {}


def test_groups_replace_what_was_suggested_but_nothing_of_a_persons_own(
    step, viewer, tissue, session, tmp_path, qtbot
) -> None:
    add_tissue(viewer, tissue)
    own, panel = step.session, panel_with_groups(tmp_path, tissue.image.channels)
    own.components = session.components
    take_panel(step.session, panel)
    assert own.components == session.components
    own.suggested = own.components
    take_panel(step.session, panel)
    assert own.components == ()


def test_the_panels_groups_become_components(step, viewer, tissue, tmp_path, qtbot) -> None:
    components = ComponentsStep(step.session)
    qtbot.addWidget(components)
    add_tissue(viewer, tissue)
    session = step.session
    qtbot.waitUntil(lambda: bool(session.components), timeout=30_000)
    assert "panel" not in components.reason.text()
    take_panel(step.session, panel_with_groups(tmp_path, tissue.image.channels))
    qtbot.waitUntil(lambda: bool(session.components), timeout=30_000)
    assert [c.name for c in session.components] == ["first", "second", "surroundings"]
    assert "groups of your panel file" in components.suggest_button.menu().actions()[0].text()
    assert components.reason.text().endswith("Taken from its group column.")


def test_file_dialogs_begin_beside_the_image(step, viewer, tissue, tmp_path, monkeypatch) -> None:
    begun: list[str] = []
    for ask in ("getOpenFileName", "getOpenFileNames"):
        monkeypatch.setattr(
            QFileDialog, ask, lambda _, __, folder, *___: (begun.append(folder), "")[::-1]
        )
    add_tissue(viewer, tissue)
    step._ask_for_mask()
    path = tmp_path / "slide.tif"
    tifffile.imwrite(path, np.asarray(tissue.image.data), photometric="minisblack")
    viewer.layers.clear()
    show_image_file(step._link, str(path))
    step._ask_for_mask()
    step._ask_for_image()
    step.names._ask_for_panel()
    assert begun == ["", *[str(tmp_path)] * 3]


@pytest.mark.parametrize("beside", ["slide_mask.tif", "masks/slide.tif", None])
def test_an_image_comes_with_the_mask_beside_it(
    step, viewer, tissue, tmp_path, monkeypatch, qtbot, beside
) -> None:
    path = tmp_path / "slide.tif"
    tifffile.imwrite(path, np.asarray(tissue.image.data), photometric="minisblack")
    if beside is not None:
        (tmp_path / beside).parent.mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / beside, np.asarray(tissue.cells.data))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(path)], ""))
    step._ask_for_image()
    qtbot.waitUntil(lambda: not step._link.opener.busy)
    session = step.session
    assert session.image.shape == tissue.image.shape
    assert (session.cells is not None) == (beside is not None)
    assert (session.notice is not None) == (beside is not None)
    if beside is not None:
        assert len(session.cells.cells()) == len(tissue.cells.cells())
        assert "is its cell mask now" in session.notice.text


def test_a_mask_of_another_size_beside_an_image_is_left_there(
    step, viewer, tissue, tmp_path, monkeypatch, qtbot
) -> None:
    path = tmp_path / "slide.tif"
    tifffile.imwrite(path, np.asarray(tissue.image.data), photometric="minisblack")
    tifffile.imwrite(tmp_path / "slide_mask.tif", np.asarray(tissue.cells.data)[:-8])
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(path)], ""))
    step._ask_for_image()
    qtbot.waitUntil(lambda: not step._link.opener.busy)
    assert step.session.image is not None
    assert step.session.cells is None
    assert step.session.notice is None


def test_a_mask_follows_its_layers_name(step, viewer, tissue) -> None:
    add_tissue(viewer, tissue)
    viewer.layers["cells"].name = "Mesmer"
    assert step.mask_box.currentText() == "Mesmer"


def test_a_mask_that_was_opened_as_an_image_is_offered_as_a_mask(step, viewer, tissue) -> None:
    viewer.add_image(np.asarray(tissue.image.data), name="field")
    labels = np.asarray(tissue.cells.data).astype(np.uint16)
    viewer.add_image(labels, name="whole cells", scale=(1, 1), translate=(0, 0))
    assert step.mask_box.currentText() == "none yet"
    assert "whole cells looks like a mask of cells" in step.disguised.text()
    assert not step.disguised.isHidden()
    step.mask_box.setCurrentIndex(1)
    assert step.mask_box.currentText() == "whole cells (opened as an image)"
    step.mask_box.activated.emit(1)
    assert [type(layer).__name__ for layer in viewer.layers] == ["Image", "Labels"]
    assert step.mask_box.currentText() == "whole cells"
    assert step.session.cells.name == "whole cells"
    assert len(step.session.cells.cells()) == len(tissue.cells.cells())
    assert step.disguised.isHidden()
    assert step.session.notice is None


def test_a_channel_of_the_image_that_holds_cells_can_become_its_mask(step, viewer, tissue) -> None:
    for name, plane in zip(tissue.image.channels[:3], np.asarray(tissue.image.data), strict=False):
        viewer.add_image(plane, name=name)
    viewer.add_image(np.asarray(tissue.cells.data).astype(np.uint16), name="cell_mask")
    assert len(step.session.image.channels) == 4
    step.mask_box.activated.emit(1)
    assert step.session.image.channels == tissue.image.channels[:3]
    assert step.session.cells.name == "cell_mask"
    assert (
        step.session.notice.text == "cell_mask is the cell mask now, and the image has 3 channels."
    )


@pytest.mark.parametrize("kind", ["picture", "counts", "binary", "floats", "other size"])
def test_what_is_no_mask_is_not_offered_as_one(step, viewer, tissue, kind: str) -> None:
    viewer.add_image(np.asarray(tissue.image.data), name="field")
    rng = np.random.default_rng(0)
    labels = np.asarray(tissue.cells.data).astype(np.uint16)
    picture = np.asarray(tissue.image.data)[3]
    odd = {
        "picture": picture.astype(np.uint16),
        "counts": rng.poisson(0.2, labels.shape).astype(np.uint8),
        "binary": ((labels > 0) * 255).astype(np.uint8),
        "floats": labels.astype(np.float32),
        "other size": labels[:-10],
    }
    viewer.add_image(odd[kind], name="mask")
    assert [step.mask_box.itemText(i) for i in range(step.mask_box.count())] == ["none yet"]


def test_an_image_in_one_layer_can_be_shown_in_colour(step, viewer, tissue, table, qtbot) -> None:
    viewer.add_image(np.asarray(tissue.image.data), name="field")
    assert not step.apart.isHidden()
    step.session.table = table
    assert not step.apart.button.isEnabled()
    assert "before a model is there" in step.apart.button.toolTip()
    step.session.table = None
    step.apart.button.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == len(tissue.image.channels), timeout=30_000)
    qtbot.waitUntil(lambda: step.apart.isHidden(), timeout=30_000)
    assert step.session.image.name == "field"
