"""The whole journey by mouse, in a real napari window."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from qtpy.QtCore import Qt, QThreadPool
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPushButton,
    QScrollBar,
    QToolButton,
)
from superqt import QCollapsible

from napari_splicer.gui import composing
from napari_splicer.gui.explorer_widget import ExplorerWidget
from napari_splicer.gui.jobs import runner_for
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.painting import GROUPS
from napari_splicer.gui.readiness import STEPS
from napari_splicer.gui.snapshot import Notice
from napari_splicer.gui.widgets.narrow_box import NarrowBox

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


def dock(viewer):
    _, widget = viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER")
    return widget


def add_tissue(viewer, tissue) -> None:
    for name, pixels in zip(tissue.image.channels, np.asarray(tissue.image.data), strict=True):
        viewer.add_image(pixels, name=name, scale=(0.5, 0.5), units=("um", "um"))
    viewer.add_labels(np.asarray(tissue.cells.data), name="cells", scale=(0.5, 0.5))


@pytest.fixture
def widget(viewer, tissue, small_settings, tmp_path):
    """The dock beside an open tissue, set to train a tiny network."""
    made = dock(viewer)
    add_tissue(viewer, tissue)
    made.session.settings = made.session.settings.with_values(
        {**small_settings, "output": str(tmp_path / "run")}
    )
    return made


def press(widget, qtbot, words: str) -> None:
    """Click the visible button that says so."""
    (button,) = [
        b for b in widget.findChildren(QPushButton) if b.text() == words and b.isVisibleTo(widget)
    ]
    assert button.isEnabled(), button.toolTip()
    qtbot.mouseClick(button, LEFT)


def open_step(widget, qtbot, name: str) -> None:
    qtbot.mouseClick(widget.headers[name], LEFT)
    assert widget.step == name


def test_an_empty_viewer_is_told_what_to_do(viewer, qtbot) -> None:
    widget = dock(viewer)
    assert widget.step == "image"
    assert "Open an image" in widget.advice.text()
    press(widget, qtbot, "Open the synthetic sample")
    qtbot.waitUntil(lambda: widget.session.facts is not None, timeout=30_000)
    assert len(widget.session.image.channels) == 12
    assert widget.session.facts.cells > 1000


def test_the_dock_is_as_wide_as_usual_however_long_its_sentences(make_napari_viewer, qtbot) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1400, 900)
    widget = dock(viewer)
    qtbot.wait(100)
    assert 350 <= widget.width() <= 370


def test_from_image_to_table_by_mouse(viewer, widget, tmp_path, qtbot) -> None:
    session = widget.session
    qtbot.waitUntil(lambda: bool(session.components), timeout=30_000)
    qtbot.waitUntil(lambda: "✓" in widget.headers["components"].text_shown)
    assert widget.headers["image"].text_shown == "①  Image ✓ 12 ch"

    press(widget, qtbot, "Go on")
    assert widget.step == "model"
    press(widget, qtbot, "Train")
    qtbot.waitUntil(lambda: bool(session.groups) and session.job is None, timeout=120_000)
    assert widget.step == "cluster"
    qtbot.waitUntil(lambda: link_for(viewer).own_layer(GROUPS) is not None)
    assert len(viewer.layers) == 14
    assert session.notice is None or session.notice.kind == "warning"
    assert all("✓" in widget.headers[name].text_shown for name in STEPS[:5])

    open_step(widget, qtbot, "export")
    widget.pages["export"].folder.setText(str(tmp_path / "out"))
    press(widget, qtbot, "Export")
    qtbot.waitUntil(lambda: bool(session.exported), timeout=60_000)
    assert (tmp_path / "out" / "cells.h5ad").is_file()
    qtbot.waitUntil(lambda: "All done" in widget.advice.text())


def test_reopening_the_dock_loses_nothing(viewer, widget, qtbot) -> None:
    qtbot.waitUntil(lambda: bool(widget.session.components), timeout=30_000)
    components, session = widget.session.components, widget.session
    viewer.window.remove_dock_widget("all")
    widget.deleteLater()
    qtbot.wait(50)
    session.components = components[:1]
    again = dock(viewer)
    assert again.session is session
    assert again.session.components == components[:1]
    assert again.headers["components"].text_shown == "②  Components ✓ 1"


def test_cancel_keeps_the_model_and_offers_to_go_on(widget, qtbot) -> None:
    session = widget.session
    session.settings = session.settings.with_values({"training.steps": 100_000})
    qtbot.waitUntil(lambda: bool(session.components), timeout=30_000)
    open_step(widget, qtbot, "model")
    qtbot.waitUntil(lambda: widget.pages["model"].train_panel.button.isEnabled())
    press(widget, qtbot, "Train")
    qtbot.waitUntil(lambda: len(session.metrics) > 2, timeout=60_000)
    assert "%" in widget.headers["model"].text_shown
    press(widget, qtbot, "Cancel")
    qtbot.waitUntil(lambda: session.job is None, timeout=60_000)
    assert session.bundle is not None
    assert "kept" in widget.notice.words.text()
    assert session.table is None
    resume = widget.pages["model"].train_panel.resume_button
    qtbot.waitUntil(lambda: resume.isVisibleTo(widget), timeout=30_000)


def test_closing_the_window_mid_training_keeps_the_checkpoint(
    make_napari_viewer, tissue, small_settings, tmp_path, qtbot
) -> None:
    viewer = make_napari_viewer()
    widget = dock(viewer)
    add_tissue(viewer, tissue)
    session, runner = widget.session, runner_for(viewer)
    session.settings = session.settings.with_values(
        {**small_settings, "output": str(tmp_path), "training.steps": 100_000}
    )
    qtbot.waitUntil(lambda: bool(session.components), timeout=30_000)
    open_step(widget, qtbot, "model")
    qtbot.waitUntil(lambda: widget.pages["model"].train_panel.button.isEnabled())
    press(widget, qtbot, "Train")
    qtbot.waitUntil(lambda: len(session.metrics) > 2, timeout=60_000)
    viewer.close()
    qtbot.waitUntil(lambda: not runner.busy, timeout=60_000)
    assert QThreadPool.globalInstance().waitForDone(10_000)
    assert list((tmp_path / "checkpoint").iterdir())


def test_a_mask_of_another_size_is_told_at_the_bottom(viewer, qtbot) -> None:
    widget = dock(viewer)
    viewer.add_image(np.random.default_rng(0).random((3, 40, 50)), name="field")
    wrong = viewer.add_labels(np.ones((30, 30), int), name="elsewhere")
    link_for(viewer).use_mask(wrong)
    qtbot.waitUntil(lambda: "40 × 50" in widget.advice.text())
    assert "30 × 30" in widget.advice.text()


def test_the_explorer_opens_under_the_image(viewer, qtbot) -> None:
    widget = dock(viewer)
    widget.pages["cluster"].explorer.click()
    area = Qt.DockWidgetArea.BottomDockWidgetArea
    window = widget.window()
    (explorer,) = window.findChildren(ExplorerWidget)
    qtbot.waitUntil(lambda: window.dockWidgetArea(explorer.parent()) == area)
    widget.open_explorer()
    assert window.findChildren(ExplorerWidget) == [explorer]


def test_the_explorer_from_the_menu_opens_there_too_and_stays_where_it_is_moved(
    make_napari_viewer, qtbot
) -> None:
    viewer = make_napari_viewer(show=True)
    dock, _ = viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER Explorer")
    window = dock.window()
    below, left = Qt.DockWidgetArea.BottomDockWidgetArea, Qt.DockWidgetArea.LeftDockWidgetArea
    qtbot.waitUntil(lambda: window.dockWidgetArea(dock) == below)
    window.addDockWidget(left, dock)
    dock.hide()
    dock.show()
    qtbot.wait(200)
    assert window.dockWidgetArea(dock) == left


def test_notices_can_be_dismissed(viewer, qtbot) -> None:
    widget = dock(viewer)
    widget.session.notice = Notice("warning", "Few cells.")
    assert "Few cells." in widget.notice.words.text()
    widget.notice._dismiss()
    assert not widget.notice.isVisibleTo(widget)


def test_undo_is_of_what_the_open_step_is_about(viewer, widget, table, qtbot) -> None:
    session = widget.session
    qtbot.waitUntil(lambda: bool(session.components), timeout=30_000)
    own = session.components
    session.table = table
    session.select([9, 2])
    composing.remove(session, 0)
    undo = QKeySequence.StandardKey.Undo
    for name in ("embed", "cluster", "export"):
        widget.open_step(name)
        qtbot.keySequence(widget, undo)
        assert session.selection.size == 0
        assert session.components == own[1:]
        session.history.redo()
    for name in ("image", "components", "model"):
        widget.open_step(name)
        qtbot.keySequence(widget, undo)
        assert session.components == own
        assert session.selection.size == 2
        assert "Taken back: Remove component" in widget.notice.words.text()
        session.set_up.redo()


def test_components_that_are_removed_by_mouse_come_back_by_the_key(
    make_napari_viewer, tissue, qtbot
) -> None:
    viewer = make_napari_viewer(show=True)
    made = dock(viewer)
    add_tissue(viewer, tissue)
    session, rows = made.session, made.pages["components"].rows
    qtbot.waitUntil(lambda: len(session.components) > 2, timeout=30_000)
    own = session.components
    made.open_step("components")
    made.window().activateWindow()
    qtbot.waitUntil(made.window().isActiveWindow)
    for _ in range(2):
        QApplication.processEvents()
        qtbot.mouseClick(rows.rows[0].findChildren(QToolButton)[2], LEFT)
    assert session.components == own[2:]
    for _ in range(2):
        QApplication.processEvents()
        qtbot.keySequence(QApplication.focusWidget(), QKeySequence.StandardKey.Undo)
    assert session.components == own


def test_themes_reach_the_plots(viewer, qtbot) -> None:
    widget = dock(viewer)
    curves = widget.pages["model"].train_panel.monitor.loss
    dark = curves.backgroundBrush().color().lightnessF()
    viewer.theme = "light"
    qtbot.waitUntil(lambda: curves.backgroundBrush().color().lightnessF() > dark + 0.3)


def test_every_control_says_what_it_is_for(viewer, widget, qtbot) -> None:
    """In words, several of them; so a button that can't be pressed says why."""
    qtbot.waitUntil(lambda: bool(widget.session.components), timeout=30_000)
    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QAbstractSlider)
    said = {}
    for name in STEPS:
        open_step(widget, qtbot, name)
        page = widget.pages[name]
        for fold in page.findChildren(QCollapsible):
            fold.expand(animate=False)
        qtbot.wait(20)
        for control in (each for kind in kinds for each in page.findChildren(kind)):
            part = isinstance(control, QScrollBar) or isinstance(control.parent(), kinds)
            if control.isVisibleTo(page) and not part:
                said[control] = control.tip if isinstance(control, NarrowBox) else control.toolTip()
    assert len(said) > 60
    silent = {control: tip for control, tip in said.items() if len(tip.split()) < 4}
    assert not silent


def test_nothing_sticks_out_of_a_narrow_dock(viewer, widget, qtbot) -> None:
    qtbot.waitUntil(lambda: bool(widget.session.components), timeout=30_000)
    widget.session.components = tuple(
        part.model_copy(update={"name": f"a component with a very long name, number {i}"})
        for i, part in enumerate(widget.session.components)
    )
    widget.resize(360, 700)
    for name in STEPS:
        open_step(widget, qtbot, name)
        qtbot.wait(20)
        page = widget.pages[name]
        for fold in page.findChildren(QCollapsible):
            fold.expand(animate=False)
        qtbot.wait(20)
        assert page.minimumSizeHint().width() <= 352, name


def test_opening_the_dock_loads_no_torch() -> None:
    code = (
        "import sys; import napari_splicer.gui.main_widget; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'umap', 'sklearn')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
