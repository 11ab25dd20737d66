"""Working in napari's window, closing it, and going on in another."""

from __future__ import annotations

import shutil
from pathlib import PurePath

import npe2
import numpy as np
import pytest
from opening import show_image_file, show_mask_file
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from napari_splicer.config import Component
from napari_splicer.errors import WouldOverwrite
from napari_splicer.gui import editing, keeper
from napari_splicer.gui.explorer_widget import ExplorerWidget
from napari_splicer.gui.jobs import runner_for
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.project.in_use import InUse
from napari_splicer.gui.project.recent import note_recent
from napari_splicer.gui.project.record import RECORD, read_record
from napari_splicer.gui.reader import get_reader
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.widgets.project_offer import ProjectOffer

pytestmark = pytest.mark.gui
PATIENCE = 120_000  # ms


@pytest.fixture(autouse=True)
def soon(monkeypatch) -> None:
    monkeypatch.setattr(keeper, "WAIT", 0.2)


@pytest.fixture
def worked(open_window, images, small_settings, tmp_path, qtbot):
    """A window in which cells were grouped by mean intensity, and a group was named."""
    viewer, dock = open_window()
    link, session = link_for(viewer), dock.session
    show_image_file(link, str(images / "field.ome.tif"))
    show_mask_file(link, str(images / "field_mask.tif"))
    session.components = (Component(name="immune", channels=("CD45", "CD3")),)
    values = {**small_settings, "output": str(tmp_path / "run")}
    session.settings = session.settings.with_values(values)
    qtbot.waitUntil(lambda: session.facts is not None, timeout=PATIENCE)
    dock.pages["embed"].embed_plainly()
    runner = runner_for(viewer)
    qtbot.waitUntil(lambda: not runner.busy and bool(session.groups), timeout=PATIENCE)
    session.select(session.cells_of(0))
    editing.rename(session, 0, "tumour")
    return viewer, dock


def closed(viewer, dock, qtbot):
    """Wait until the work is saved, close the window; return what it held, and its project."""
    session, kept = dock.session, dock.keeper
    qtbot.waitUntil(lambda: "saved" in dock.project.state.text(), timeout=PATIENCE)
    session.opacity = 0.35  # less than a moment before
    held = {
        "groups": session.groups,
        "selection": session.selection.tolist(),
        "undo": session.history.next_undo,
        "steps": {name: s.status for name, s in resolve(session.snapshot()).steps.items()},
        "layers": [layer.name for layer in viewer.layers],
        "opacity": 0.35,
    }
    folder = kept.project.path
    viewer.close()
    return held, folder


def holds(viewer, dock):
    session = dock.session
    return {
        "groups": session.groups,
        "selection": session.selection.tolist(),
        "undo": session.history.next_undo,
        "steps": {name: s.status for name, s in resolve(session.snapshot()).steps.items()},
        "layers": [layer.name for layer in viewer.layers],
        "opacity": session.opacity,
    }


def test_work_goes_on_in_one_click(worked, open_window, qtbot) -> None:
    held, folder = closed(*worked, qtbot)
    assert folder.name == "field.splicer"
    viewer, dock = open_window()
    offer = dock.findChild(ProjectOffer)
    qtbot.waitUntil(offer.isVisible, timeout=PATIENCE)
    assert offer.button.text() == "Go on with field"
    offer.button.click()
    assert dock.project.state.text() == "opening …"
    qtbot.waitUntil(lambda: holds(viewer, dock) == held, timeout=PATIENCE)
    assert not offer.isVisible()
    assert dock.step == "cluster"
    assert viewer.window._qt_window.findChild(ExplorerWidget).isVisible()
    assert dock.project.button.text().startswith("field")
    assert dock.session.history.undo()
    assert "tumour" not in [group.name for group in dock.session.groups]
    qtbot.waitUntil(lambda: dock.keeper._timer.isActive(), timeout=PATIENCE)
    dock.keeper.finish()
    assert read_record(folder).work.undone


def test_moved_files_are_asked_for_in_the_dock(
    worked, open_window, images, qtbot, monkeypatch
) -> None:
    held, folder = closed(*worked, qtbot)
    moved = images.with_name("archive")
    shutil.move(images, moved)
    viewer, dock = open_window()
    dock.project.open(folder)
    qtbot.waitUntil(dock.files_form.isVisible, timeout=PATIENCE)
    form = dock.files_form
    assert [form.list.item(i).text() for i in range(form.list.count())] == [
        "field.ome.tif: not found",
        "field_mask.tif: not found",
    ]
    assert len(viewer.layers) == 0
    form.cancel.click()
    assert not form.isVisible()
    dock.project.open(folder)
    qtbot.waitUntil(form.isVisible, timeout=PATIENCE)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    form.folder.click()
    assert "None of these files" in form.words.text()
    chosen = str(moved / "field.ome.tif")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (chosen, ""))
    form.file.click()
    qtbot.waitUntil(lambda: holds(viewer, dock) == held, timeout=PATIENCE)
    assert not form.isVisible()
    dock.keeper.finish()
    assert {PurePath(origin.path).parent for origin in read_record(folder).origins} == {moved}


def test_a_long_name_of_a_project_cuts_no_words_short(worked, open_window, qtbot, images) -> None:
    _, folder = closed(*worked, qtbot)
    long = folder.rename(folder.with_name(f"{'Point2314_pt2002_' * 4}.splicer"))
    note_recent(long)
    (images / "field.ome.tif").unlink()
    _, dock = open_window()
    offer, form = dock.findChild(ProjectOffer), dock.files_form
    qtbot.waitUntil(offer.isVisible, timeout=PATIENCE)
    qtbot.wait(200)
    assert offer.button.width() >= offer.button.sizeHint().width()
    assert offer.when.height() >= offer.when.heightForWidth(offer.when.width())
    offer.button.click()
    qtbot.waitUntil(form.isVisible, timeout=PATIENCE)
    qtbot.wait(200)
    assert form.title.width() >= form.title.sizeHint().width()
    assert form.words.height() >= form.words.heightForWidth(form.words.width())


def test_another_project_is_opened_without_a_question_where_all_is_saved(
    worked, tmp_path, qtbot, monkeypatch
) -> None:
    _, dock = worked
    qtbot.waitUntil(lambda: dock.keeper.saved is not None, timeout=PATIENCE)
    dock.keeper.finish()
    here, other = dock.keeper.project.path, tmp_path / "other.splicer"
    shutil.copytree(here, other)
    editing.rename(dock.session, 0, "named a moment before")
    monkeypatch.setattr(QMessageBox, "question", lambda *_: pytest.fail("asked"))
    dock.project.open(other)
    qtbot.waitUntil(lambda: not dock.keeper.opener.busy, timeout=PATIENCE)
    assert "tumour" in [group.name for group in dock.session.groups]
    dock.project.open(here)
    qtbot.waitUntil(lambda: not dock.keeper.opener.busy, timeout=PATIENCE)
    assert "named a moment before" in [group.name for group in dock.session.groups]


def test_what_would_be_lost_is_asked_about_before_another_project_is_opened(
    worked, tmp_path, qtbot, monkeypatch
) -> None:
    viewer, dock = worked
    qtbot.waitUntil(lambda: dock.keeper.saved is not None, timeout=PATIENCE)
    dock.keeper.finish()
    other = shutil.copytree(dock.keeper.project.path, tmp_path / "other.splicer")
    viewer.add_points(np.zeros((1, 2)), name="my marks")
    asked = []

    def answer(*words: object) -> QMessageBox.StandardButton:
        asked.append(words[2])
        return answers.pop()

    answers = [QMessageBox.StandardButton.Open, QMessageBox.StandardButton.Cancel]
    monkeypatch.setattr(QMessageBox, "question", answer)
    dock.project.open(other)
    assert asked[0].endswith("in no file and no project: my marks.")
    assert not dock.keeper.opener.busy
    assert "my marks" in viewer.layers
    dock.project.open(other)
    qtbot.waitUntil(lambda: not dock.keeper.opener.busy, timeout=PATIENCE)
    assert len(asked) == 2


def test_a_mask_drawn_before_there_is_a_project_is_asked_about(
    open_window, images, worked, qtbot, monkeypatch
) -> None:
    _, folder = closed(*worked, qtbot)
    viewer, dock = open_window()
    show_image_file(link_for(viewer), str(images / "field.ome.tif"))
    assert dock.project._lost() == ""
    viewer.add_labels(np.ones((160, 160), np.uint8), name="drawn")
    asked = []
    monkeypatch.setattr(QMessageBox, "question", lambda *words: asked.append(words[2]))
    dock.project.open(folder)
    assert asked[0].endswith(": drawn.")
    assert not dock.keeper.opener.busy


def test_nothing_is_asked_of_a_folder_that_is_no_project(
    worked, tmp_path, qtbot, monkeypatch
) -> None:
    _, dock = worked
    qtbot.waitUntil(lambda: dock.keeper.saved is not None, timeout=PATIENCE)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: pytest.fail("asked"))
    dock.project.open(tmp_path)
    qtbot.waitUntil(lambda: not dock.keeper.opener.busy, timeout=PATIENCE)
    assert "is no SpliCER project" in dock.session.notice.text


def test_a_project_dropped_on_the_dock_is_opened(worked, open_window, qtbot, tmp_path) -> None:
    held, folder = closed(*worked, qtbot)
    _, dock = open_window()
    qtbot.waitUntil(dock.isVisible, timeout=PATIENCE)
    copy, keys = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    left, place = Qt.MouseButton.LeftButton, QPoint(20, 20)
    for path, is_project in ((tmp_path, False), (folder, True)):
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        enter = QDragEnterEvent(place, copy, data, left, keys)
        enter.ignore()
        QApplication.sendEvent(dock, enter)
        assert dock.drop.hint.isVisible() == is_project  # napari takes the rest
    QApplication.sendEvent(dock, QDropEvent(QPointF(place), copy, data, left, keys))
    assert not dock.drop.hint.isVisible()
    qtbot.waitUntil(lambda: dock.session.groups == held["groups"], timeout=PATIENCE)


def test_a_record_that_napari_opens_opens_the_project(worked, make_napari_viewer, qtbot) -> None:
    held, folder = closed(*worked, qtbot)
    viewer = make_napari_viewer(show=True)
    assert viewer.open(str(folder / RECORD), plugin="napari-splicer") == []
    link = link_for(viewer)
    qtbot.waitUntil(lambda: link.session.groups == held["groups"], timeout=PATIENCE)


def test_no_other_file_or_folder_is_taken_from_napari(tmp_path) -> None:
    assert get_reader(str(tmp_path)) is None
    assert get_reader(str(tmp_path / "other.json")) is None
    assert get_reader([str(tmp_path / RECORD)]) is None
    assert get_reader(str(tmp_path / RECORD)) is not None
    npe2.PluginManager.instance().discover()
    (tmp_path / RECORD).touch()
    readers = npe2.PluginManager.instance().iter_compatible_readers
    assert "napari-splicer" in {r.plugin_name for r in readers([str(tmp_path / RECORD)])}
    assert "napari-splicer" not in {r.plugin_name for r in readers([str(tmp_path)])}


def test_the_menu_says_what_can_be_done(worked, qtbot) -> None:
    _, dock = worked
    qtbot.waitUntil(lambda: dock.keeper.saved is not None, timeout=PATIENCE)
    dock.project.fill_menu()
    actions = {action.text(): action for action in dock.project.menu.actions() if action.text()}
    assert list(actions) == [
        "Open project …",
        "Recent projects",
        "Save now",
        "Save as …",
        "Keep images that lie in no file, too",
        "Show its folder",
    ]
    assert not actions["Keep images that lie in no file, too"].isEnabled()
    assert all(action.toolTip() for action in actions.values())
    (recent,) = actions["Recent projects"].menu().actions()
    assert recent.text().startswith("field  (today")


def test_a_window_that_can_not_be_saved_asks_before_it_closes(worked, qtbot, monkeypatch) -> None:
    viewer, dock = worked
    qtbot.waitUntil(lambda: dock.keeper.saved is not None, timeout=PATIENCE)
    dock.keeper.finish()
    path = dock.keeper.project.path / RECORD
    path.write_text(path.read_text().replace('"saves": ', '"saves": 9'))
    dock.session.opacity = 0.1
    asked = []

    def answer(*words: object) -> QMessageBox.StandardButton:
        asked.append(words[2])
        return answers.pop(0)

    answers = [QMessageBox.StandardButton.Cancel, QMessageBox.StandardButton.Close]
    monkeypatch.setattr(QMessageBox, "question", answer)
    window = dock.window()
    assert not window.close()
    assert window.isVisible()
    assert "saved from another window" in asked[0]
    viewer.close()
    assert len(asked) == 2


def test_a_window_that_is_gone_leaves_its_project_to_others(worked, qtbot) -> None:
    viewer, dock = worked
    qtbot.waitUntil(lambda: dock.keeper.saved is not None, timeout=PATIENCE)
    kept, session = dock.keeper, dock.session
    kept.finish()
    folder = kept.project.path
    with pytest.raises(WouldOverwrite, match="open in another window"):
        InUse().take(folder)
    gone = []
    viewer.window._qt_window.destroyed.connect(lambda: gone.append(True))
    viewer.close()
    qtbot.waitUntil(lambda: bool(gone))
    saves = read_record(folder).saves
    session.opacity = 0.123  # a worker that ends late changes the session, too
    kept.save()
    qtbot.wait(500)
    assert read_record(folder).saves == saves
    other = InUse()
    other.take(folder)
    other.keep_only()
