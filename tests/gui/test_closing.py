"""Closing napari's window, as a person does, in the middle of work."""

from __future__ import annotations

import ctypes
import shutil
import sys
import time
from ctypes.util import find_library

import pytest
from napari._qt.dialogs.confirm_close_dialog import ConfirmCloseDialog
from opening import show_image_file, show_mask_file
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QLabel, QMessageBox

from napari_splicer import pipeline
from napari_splicer.analysis.clustering import clusterings
from napari_splicer.errors import CannotWrite, WouldOverwrite
from napari_splicer.gui import closing, commands, file_opener
from napari_splicer.gui.jobs import runner_for
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.project.contents import read_project
from napari_splicer.gui.project.in_use import InUse
from napari_splicer.gui.project.record import read_record
from napari_splicer.gui.segmenting import segment
from napari_splicer.gui.widgets.project_offer import ProjectOffer

pytestmark = [
    pytest.mark.gui,
    pytest.mark.skipif(
        sys.platform != "linux" or find_library("X11") is None, reason="closes by X11"
    ),
]
PATIENCE = 90_000  # ms


@pytest.fixture
def opened(open_window, images, small_settings, tmp_path, qtbot):
    """A window with an image and its mask, whose components are as they were suggested."""
    viewer, dock = open_window()
    link, session = link_for(viewer), dock.session
    values = {**small_settings, "output": str(tmp_path / "run"), "training.steps": 100_000}
    session.settings = session.settings.with_values(values)
    show_image_file(link, str(images / "field.ome.tif"))
    show_mask_file(link, str(images / "field_mask.tif"))
    qtbot.waitUntil(lambda: session.facts is not None, timeout=PATIENCE)
    qtbot.waitUntil(lambda: bool(session.components), timeout=PATIENCE)
    return viewer, dock


@pytest.fixture
def training(opened, qtbot):
    """The same, which trains, and was never saved."""
    viewer, dock = opened
    session = dock.session
    assert session.components == session.suggested
    assert dock.keeper.project is None
    dock.open_step("model")
    dock.pages["model"].train_panel.train()
    qtbot.waitUntil(lambda: len(session.metrics) > 2, timeout=PATIENCE)
    return viewer, dock


@pytest.fixture
def grouped(opened, qtbot):
    """The same with groups by mean intensity."""
    viewer, dock = opened
    dock.pages["embed"].embed_plainly()
    runner = runner_for(viewer)
    qtbot.waitUntil(lambda: not runner.busy and bool(dock.session.groups), timeout=PATIENCE)
    return viewer, dock


class _Message(ctypes.Structure):
    """XClientMessageEvent, as Xlib.h has it, with the padding of XEvent."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("padding", ctypes.c_long * 24),
    )


def close_by_its_frame(window) -> None:
    """Tell a window what a window manager tells it when its cross is clicked.

    Only of such an event does napari ask; Qt has no other way to make one.
    """
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
    x11.XInternAtom.restype = ctypes.c_ulong
    x11.XSendEvent.argtypes = (
        ctypes.c_void_p,
        ctypes.c_ulong,
        ctypes.c_int,
        ctypes.c_long,
        ctypes.c_void_p,
    )
    x11.XCloseDisplay.argtypes = (ctypes.c_void_p,)
    display, target = x11.XOpenDisplay(None), int(window.winId())
    data = (ctypes.c_long * 5)(x11.XInternAtom(display, b"WM_DELETE_WINDOW", 0))
    protocols = x11.XInternAtom(display, b"WM_PROTOCOLS", 0)
    message = _Message(33, 0, 1, display, target, protocols, 32, data)  # 33: ClientMessage
    x11.XSendEvent(display, target, 0, 0, ctypes.byref(message))
    x11.XCloseDisplay(display)  # which sends what waits


def close(viewer, button: str, qtbot, meanwhile=lambda: None, asks="SpliCER: train") -> None:
    """Close the window by its frame, twice; press a button of whatever napari asks then."""
    asked = []

    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, ConfirmCloseDialog):
            asked.extend(label.text() for label in dialog.findChildren(QLabel))
            close_by_its_frame(viewer.window._qt_window)
            meanwhile()
            getattr(dialog, button).click()

    timer = QTimer(interval=50)
    timer.timeout.connect(answer)
    timer.start()
    for _ in range(2):  # the second comes while the first has the work saved
        close_by_its_frame(viewer.window._qt_window)
    qtbot.waitUntil(lambda: bool(asked), timeout=PATIENCE)
    qtbot.wait(200)
    timer.stop()
    assert asks in asked[0]
    assert len(asked) == (2 if asks and button == "close_btn" else 1)


def gone(viewer, dock, qtbot) -> None:
    """Wait until a window that was closed is gone, and what ran in it has ended."""
    runner, kept = runner_for(viewer), dock.keeper
    qtbot.waitUntil(lambda: kept._ended and not runner.busy, timeout=PATIENCE)
    del viewer.window._qt_window  # napari's fixture would close it once more


def test_a_first_training_that_is_closed_goes_on_in_the_next_window(
    training, open_window, qtbot
) -> None:
    viewer, dock = training
    components, steps = dock.session.components, len(dock.session.metrics)
    close(viewer, "close_btn", qtbot)
    gone(viewer, dock, qtbot)
    _, dock = open_window()
    offer = dock.findChild(ProjectOffer)
    qtbot.waitUntil(offer.isVisible, timeout=PATIENCE)
    offer.button.click()
    qtbot.waitUntil(lambda: dock.session.components == components, timeout=PATIENCE)
    qtbot.waitUntil(lambda: not dock.keeper.opener.busy, timeout=PATIENCE)
    assert len(dock.session.metrics) >= steps
    panel = dock.pages["model"].train_panel
    dock.open_step("model")
    qtbot.waitUntil(panel.resume_button.isVisible, timeout=PATIENCE)
    assert panel.resume_button.isEnabled()
    assert "Stopped after" in panel.stopped.text()


def test_a_window_that_stays_after_all_keeps_its_project(training, qtbot) -> None:
    viewer, dock = training
    close(viewer, "cancel_btn", qtbot)
    assert viewer.window._qt_window.isVisible()
    assert runner_for(viewer).busy
    with pytest.raises(WouldOverwrite):
        InUse().take(dock.keeper.project.path)
    runner_for(viewer).cancel()
    qtbot.waitUntil(lambda: not runner_for(viewer).busy, timeout=PATIENCE)
    qtbot.waitUntil(lambda: dock.session.bundle is not None, timeout=PATIENCE)
    dock.keeper.finish()
    assert read_record(dock.keeper.project.path).work.bundle is not None


def test_what_comes_while_napari_asks_is_kept_too(training, qtbot) -> None:
    viewer, dock = training
    session = dock.session
    close(viewer, "close_btn", qtbot, lambda: setattr(session, "opacity", 0.42))
    gone(viewer, dock, qtbot)
    project = dock.keeper.project.path
    assert read_record(project).work.opacity == 0.42
    InUse().take(project)  # a window that is gone keeps it from no other


def hold(monkeypatch, stage: str) -> None:
    """Have a stage wait after its first word until it is asked to stop."""
    verb = getattr(pipeline, stage)

    def slowly(*what: object, cancel, **more: object):
        for event in verb(*what, cancel=cancel, **more):
            yield event
            while not cancel.requested:
                time.sleep(0.01)

    monkeypatch.setattr(pipeline, stage, slowly)


@pytest.mark.parametrize("stage", ["embed", "cluster", "export", "segment"])
def test_what_runs_is_stopped_and_leaves_what_was_there(
    grouped, qtbot, monkeypatch, tmp_path, stage
) -> None:
    viewer, dock = grouped
    session, runner = dock.session, runner_for(viewer)
    groups = session.groups
    hold(monkeypatch, stage)
    begin = {
        "embed": lambda: commands.embed(session, with_model=False),
        "cluster": lambda: commands.cluster(session),
        "export": lambda: commands.export(session, tmp_path / "export"),
        "segment": lambda: segment(session),
    }
    runner.start(begin[stage]())
    qtbot.waitUntil(lambda: session.job is not None, timeout=PATIENCE)
    close(viewer, "close_btn", qtbot, asks=f"SpliCER: {stage}")
    gone(viewer, dock, qtbot)
    record = read_record(dock.keeper.project.path)
    table = read_project(dock.keeper.project.path).tables[-1]
    assert list(clusterings(table)) == [record.fields[-1].clustering]
    assert session.groups == groups
    left = [path for path in tmp_path.rglob(".*") if path.name not in (".in-use", ".zgroup")]
    assert [path for path in left if not path.name.startswith(".z")] == []
    InUse().take(dock.keeper.project.path)


@pytest.mark.parametrize("what", ["image", "project"])
def test_a_window_is_closed_while_something_is_opened(
    grouped, open_window, images, qtbot, monkeypatch, what
) -> None:
    viewer, dock = grouped
    monkeypatch.setattr(file_opener, "_LONGEST", 1e-9)
    dock.keeper.finish()
    folder, link = dock.keeper.project.path, link_for(viewer)
    if what == "image":
        count = len(viewer.layers)
        link.opener.open_image(str(images / "field.ome.tif"))
        qtbot.waitUntil(lambda: len(viewer.layers) > count, timeout=PATIENCE)
    else:
        folder = shutil.copytree(folder, folder.with_name("other.splicer"))
        dock.project.open(folder)
        qtbot.waitUntil(lambda: dock.keeper.opener.putting, timeout=PATIENCE)
    assert link.opener.busy
    saves = read_record(folder).saves
    close(viewer, "close_btn", qtbot, asks="")
    gone(viewer, dock, qtbot)
    assert not link.opener.busy
    assert what == "image" or read_record(folder).saves == saves
    assert read_project(folder).tables[-1] is not None
    InUse().take(folder)


@pytest.mark.parametrize("answer", ["Retry", "Close", None])
def test_a_save_that_fails_when_the_window_hides_is_told(
    training, qtbot, monkeypatch, answer
) -> None:
    viewer, dock = training
    monkeypatch.setattr(closing, "PATIENCE", 500)
    kept, told = dock.keeper, []
    finish = kept.finish

    def full() -> None:
        raise CannotWrite("There is no room left on the disk.")

    def tell() -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox) and not told:
            told.append(box.text())
            kept.finish = finish
            if answer is not None:
                box.button(getattr(QMessageBox.StandardButton, answer)).click()

    def fill() -> None:
        dock.session.opacity = 0.42
        kept.finish = full

    timer = QTimer(interval=50)
    timer.timeout.connect(tell)
    timer.start()
    close(viewer, "close_btn", qtbot, fill)
    gone(viewer, dock, qtbot)
    timer.stop()
    assert "no room left on the disk" in told[0]
    assert str(kept.project.path) in told[0]
    assert (read_record(kept.project.path).work.opacity == 0.42) == (answer == "Retry")
