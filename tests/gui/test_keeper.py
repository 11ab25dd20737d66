"""Saving by itself, opening, and closing, without napari's window."""

from __future__ import annotations

import errno
import os
import threading

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QFileDialog

from napari_splicer.config import Component
from napari_splicer.errors import CannotWrite
from napari_splicer.events import Finished
from napari_splicer.gui import commands, editing, file_opener, keeper, project_opener
from napari_splicer.gui.jobs import runner_for
from napari_splicer.gui.keeper import keeper_for
from napari_splicer.gui.project import folder
from napari_splicer.gui.project.in_use import InUse
from napari_splicer.gui.project.opening import Wanted
from napari_splicer.gui.project.recent import note_recent, recent_projects
from napari_splicer.gui.project.record import RECORD, read_record
from napari_splicer.gui.widgets.project_line import ProjectLine


@pytest.fixture(autouse=True)
def soon(monkeypatch) -> None:
    monkeypatch.setattr(keeper, "WAIT", 0.05)
    monkeypatch.setattr(keeper, "_PATIENCE", 0)


@pytest.fixture
def viewer(tissue):
    made = ViewerModel()
    made.add_image(np.asarray(tissue.image.data[:2]), name="field")
    made.add_labels(np.asarray(tissue.cells.data), name="cells")
    return made


@pytest.fixture
def kept(viewer, qtbot):
    return keeper_for(viewer)


@pytest.fixture
def grouped(kept, table, tissue, qtbot):
    """A window with a table, saved."""
    give_table(kept.session, table, tissue)
    wait(qtbot, lambda: is_saved(kept))
    return kept


def give_table(session, table, tissue) -> None:
    table.obs_names.name = None
    table.obs["region"] = pd.Categorical(["field"] * 6)
    table.obs["instance_id"] = tissue.cells.cells()["id"].iloc[:6].to_numpy()
    run = commands.embed(session)
    commands.begin(session, run)
    commands.apply(session, run, [Finished("embed", result=table)])


def wait(qtbot, ready) -> None:
    qtbot.waitUntil(ready, timeout=60_000)  # the first save loads what writes tables


def is_saved(kept) -> bool:
    return kept.saved is not None and not kept.saving and not kept._timer.isActive()


def test_nothing_is_written_before_there_is_something_worth_keeping(kept, qtbot, home) -> None:
    component = Component(name="a", channels=("channel 1",))
    kept.session.suggested = kept.session.components = (component,)
    qtbot.wait(200)
    assert kept.project is None
    assert list(home.iterdir()) == []
    kept.session.components = (*kept.session.components, component)
    wait(qtbot, lambda: is_saved(kept))
    assert kept.project.path == home / "splicer-run" / "field.splicer"
    assert [r.path for r in recent_projects()] == [kept.project.path]


def test_every_edit_is_saved_a_moment_later(grouped, qtbot) -> None:
    saves = read_record(grouped.project.path).saves
    editing.rename(grouped.session, 0, "immune")
    wait(qtbot, lambda: is_saved(grouped))
    record = read_record(grouped.project.path)
    assert record.saves > saves
    assert record.work.done[-1].words.startswith("Rename")


def test_another_work_on_an_image_of_that_name_has_a_folder_of_its_own(
    grouped, qtbot, table, tissue
) -> None:
    other = ViewerModel()
    other.add_image(np.asarray(tissue.image.data[:2]), name="field")
    other.add_labels(np.asarray(tissue.cells.data), name="cells")
    second = keeper_for(other)
    give_table(second.session, table.copy(), tissue)
    wait(qtbot, lambda: is_saved(second))
    assert second.project.path.name == "field-2.splicer"


def test_a_save_does_not_hold_up_the_window(grouped, qtbot, monkeypatch) -> None:
    go_on = threading.Event()
    write = folder.write_text
    monkeypatch.setattr(folder, "write_text", lambda *a, **k: (go_on.wait(20), write(*a, **k)))
    grouped.session.opacity = 0.3
    wait(qtbot, lambda: grouped.saving)
    grouped.session.select(grouped.session.ids()[:2])
    assert len(grouped.session.selection) == 2
    assert grouped.saving
    go_on.set()
    wait(qtbot, lambda: is_saved(grouped))
    assert len(read_record(grouped.project.path).work.done) == 1


def test_a_full_disk_is_said_once_and_forgotten_when_there_is_room(
    grouped, qtbot, monkeypatch
) -> None:
    told = []
    monkeypatch.setattr(keeper, "tell", told.append)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    session = grouped.session
    with monkeypatch.context() as disk:
        disk.setattr(folder, "write_text", full)
        for opacity in (0.1, 0.2):
            session.opacity = opacity
            wait(qtbot, lambda: not grouped.saving and not grouped._timer.isActive())
        assert len(told) == 1
        assert isinstance(told[0], CannotWrite)
        assert "no room left" in grouped.problem
        assert "not saved" in session.notice.text
        with pytest.raises(CannotWrite):
            grouped.finish()
    session.opacity = 0.3
    wait(qtbot, lambda: is_saved(grouped))
    assert grouped.problem == ""
    assert read_record(grouped.project.path).work.opacity == 0.3


def test_what_waits_is_saved_when_the_window_is_closed(grouped, viewer) -> None:
    grouped.session.opacity = 0.2
    viewer.layers[0].gamma = 0.5
    grouped.finish()
    record = read_record(grouped.project.path)
    assert record.work.opacity == 0.2
    grouped.finish()
    assert read_record(grouped.project.path).saves == record.saves, "there was nothing new"


def test_a_viewer_that_is_emptied_to_be_closed_is_saved_whole(grouped, viewer, qtbot) -> None:
    grouped.session.opacity = 0.2
    viewer.layers["cells"].opacity = 0.9
    viewer.layers.clear()
    grouped.finish()
    qtbot.wait(200)
    record = read_record(grouped.project.path)
    assert record.work.opacity == 0.2
    assert [layer.name for layer in record.layers] == ["cells"]
    assert record.layers[0].look.opacity == 0.9
    assert record.fields[-1].table is not None


def test_a_saved_window_is_opened_in_another(grouped, qtbot) -> None:
    grouped.session.select(grouped.session.ids()[:2])
    grouped.finish()
    grouped.in_use.keep_only()  # as when it is closed
    viewer = ViewerModel()
    other = keeper_for(viewer)
    other.opener.open(Wanted(grouped.project.path / RECORD))
    assert other.opener.busy
    wait(qtbot, lambda: not other.opener.busy)
    assert other.session.groups == grouped.session.groups
    assert [layer.name for layer in viewer.layers if layer.name == "cells"] == ["cells"]
    assert [r.path for r in recent_projects()] == [grouped.project.path]


def test_a_project_that_another_window_has_open_stays_there(grouped, qtbot, monkeypatch) -> None:
    monkeypatch.setattr(project_opener, "tell", lambda error: None)
    viewer = ViewerModel()
    viewer.add_image(np.zeros((9, 9)), name="DAPI")
    other = keeper_for(viewer)
    other.opener.open(Wanted(grouped.project.path))
    wait(qtbot, lambda: not other.opener.busy)
    assert "field.splicer is open in another window. Close it" in other.session.notice.text
    assert [layer.name for layer in viewer.layers] == ["DAPI"]
    grouped.opener.open(Wanted(grouped.project.path))  # its own it may
    wait(qtbot, lambda: not grouped.opener.busy)
    assert grouped.session.groups


def test_no_project_is_opened_while_something_runs(grouped, qtbot, monkeypatch) -> None:
    monkeypatch.setattr(type(runner_for(grouped._link.viewer)), "busy", True)
    grouped.opener.open(Wanted(grouped.project.path))
    assert not grouped.opener.busy
    assert "when the work that runs is done" in grouped.session.notice.text


def test_what_is_no_project_is_told_and_changes_nothing(grouped, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(project_opener, "tell", lambda error: None)
    groups = grouped.session.groups
    grouped.opener.open(Wanted(tmp_path))
    wait(qtbot, lambda: not grouped.opener.busy)
    assert "is no SpliCER project" in grouped.session.notice.text
    assert grouped.session.groups == groups


def test_save_as_goes_on_there(grouped, qtbot, tmp_path) -> None:
    before = grouped.project.path
    grouped.save_as(tmp_path / "mine")
    wait(qtbot, lambda: is_saved(grouped))
    assert grouped.project.path == tmp_path / "mine.splicer"
    assert read_record(before).id != read_record(grouped.project.path).id


def test_no_dialog_asks_whether_to_replace_a_project(grouped, qtbot, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_, **more: asked.append(more) or ("", "")
    )
    line = ProjectLine(grouped)
    qtbot.addWidget(line)
    line.fill_menu()
    next(action for action in line.menu.actions() if "Save as" in action.text()).trigger()
    assert asked == [{"options": QFileDialog.Option.DontConfirmOverwrite}]


def test_save_as_leaves_the_project_alone_where_nothing_can_be_made(grouped, tmp_path) -> None:
    before = grouped.project
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="is a file"):
        grouped.save_as(tmp_path / "file" / "mine")
    assert grouped.project is before


def test_the_list_of_recent_projects_survives_nonsense(home, tmp_path) -> None:
    assert recent_projects() == ()
    (home / "recent-projects.json").write_text("{nonsense")
    note_recent(tmp_path / "gone.splicer")
    assert recent_projects() == ()


def fails(monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(keeper, "tell", lambda error: None)
    monkeypatch.setattr(folder, "write_text", full)


@pytest.fixture
def elsewhere(table, tissue, tmp_path, qtbot):
    """The project of another window, which holds nothing but an image and a table."""
    viewer = ViewerModel()
    viewer.add_image(np.asarray(tissue.image.data[:2]), name="other")
    viewer.add_labels(np.asarray(tissue.cells.data), name="other cells")
    other = keeper_for(viewer)
    other.keep_images = True
    give_table(other.session, table.copy(), tissue)
    other.save_as(tmp_path / "other.splicer")
    wait(qtbot, lambda: is_saved(other))
    other.in_use.keep_only()  # as if it was closed
    return other.project.path


def test_work_that_can_not_be_saved_does_not_give_way(
    grouped, elsewhere, qtbot, monkeypatch
) -> None:
    groups = grouped.session.groups
    grouped.session.opacity = 0.1
    fails(monkeypatch)
    grouped.opener.open(Wanted(elsewhere))
    assert not grouped.opener.busy
    assert "other.splicer is not opened" in grouped.session.notice.text
    assert grouped.session.groups == groups


def test_a_project_that_fails_half_way_is_not_saved_over_the_one_before(
    grouped, elsewhere, qtbot, monkeypatch
) -> None:
    before, told = grouped.project.path, []
    saves = read_record(before).saves, read_record(elsewhere).saves

    def fail(*_: object) -> None:
        raise RuntimeError("a layer can't be made")

    monkeypatch.setattr(project_opener, "restore", fail)
    monkeypatch.setattr(project_opener, "tell", told.append)
    grouped.opener.open(Wanted(elsewhere))
    wait(qtbot, lambda: not grouped.opener.busy)
    assert told
    grouped.session.opacity = 0.1
    qtbot.wait(300)
    grouped.finish()
    assert (read_record(before).saves, read_record(elsewhere).saves) == saves
    InUse().take(elsewhere)  # no window keeps it from others


@pytest.fixture
def go_on(monkeypatch):
    """Have a project wait when its first layer is in the window, until this is set."""
    wanted, restored = threading.Event(), project_opener.restore

    def slowly(*what: object):
        shares = restored(*what)
        yield next(shares)
        try:
            while not wanted.is_set():
                yield 0.5
        except file_opener.Cancelled as cancelled:
            shares.throw(cancelled)
        return (yield from shares)

    monkeypatch.setattr(project_opener, "restore", slowly)
    return wanted


def names(viewer):
    return [layer.name for layer in viewer.layers]


def test_a_project_comes_while_the_window_lives(grouped, viewer, elsewhere, qtbot, go_on):
    before = list(viewer.layers)
    grouped.opener.open(Wanted(elsewhere))
    assert list(viewer.layers) == before  # it is read in a thread
    wait(qtbot, lambda: names(viewer) == ["other"])
    assert grouped.project is None
    assert grouped.session.image is None
    go_on.set()
    wait(qtbot, lambda: not grouped.opener.busy)
    assert names(viewer)[:2] == ["other", "other cells"]
    assert grouped.project.path == elsewhere
    assert grouped.session.image.name == "other"


@pytest.mark.parametrize("half_there", [False, True])
def test_a_project_that_is_cancelled_leaves_what_was_there_or_nothing(
    grouped, viewer, elsewhere, qtbot, half_there, go_on
) -> None:
    before, layers = grouped.project.path, list(viewer.layers)
    grouped.session.opacity = 0.21  # is saved before
    grouped.opener.open(Wanted(elsewhere))
    if half_there:
        wait(qtbot, lambda: names(viewer) == ["other"])
    saves = read_record(before).saves, read_record(elsewhere).saves
    grouped._link.opener.cancel()
    go_on.set()
    assert not grouped.opener.busy
    qtbot.wait(300)
    assert list(viewer.layers) == ([] if half_there else layers)
    assert grouped.project is None if half_there else grouped.project.path == before
    assert (grouped.session.table is None) == half_there
    if half_there:
        assert "go on with field by the menu" in grouped.session.notice.text
    InUse().take(elsewhere)  # no window keeps it from others
    grouped.session.opacity = 0.1
    grouped.finish()
    assert read_record(elsewhere).saves == saves[1]
    assert read_record(before).saves == saves[0] + (not half_there)
    grouped.opener.open(Wanted(before))
    wait(qtbot, lambda: not grouped.opener.busy)
    assert grouped.session.opacity == (0.21 if half_there else 0.1)
    assert grouped.session.groups


def test_a_window_that_is_emptied_while_a_project_comes_stays_empty(
    grouped, viewer, elsewhere, qtbot, go_on
) -> None:
    grouped.opener.open(Wanted(elsewhere))
    wait(qtbot, lambda: names(viewer) == ["other"])
    viewer.layers.clear()
    go_on.set()
    wait(qtbot, lambda: not grouped.opener.busy)
    assert not viewer.layers
    assert grouped.project is None
    InUse().take(elsewhere)


def test_a_project_is_opened_as_it_is_when_its_window_has_saved_it_meanwhile(
    grouped, qtbot, monkeypatch
) -> None:
    grouped.session.opacity = 0.1
    grouped.opener.open(Wanted(grouped.project.path))
    grouped.session.opacity = 0.2  # while it is being read
    wait(qtbot, lambda: not grouped.opener.busy and grouped.session.opacity == 0.2)
    qtbot.wait(200)
    grouped.session.opacity = 0.3
    wait(qtbot, lambda: is_saved(grouped))
    assert grouped.problem == ""
    assert read_record(grouped.project.path).work.opacity == 0.3


def test_a_project_without_some_of_its_layers_goes_on_under_another_name(
    grouped, elsewhere, qtbot, monkeypatch
) -> None:
    saves = read_record(elsewhere).saves
    restored = project_opener.restore

    def in_part(*what: object):
        yield from restored(*what)
        return False

    monkeypatch.setattr(project_opener, "restore", in_part)
    grouped.opener.open(Wanted(elsewhere))
    wait(qtbot, lambda: not grouped.opener.busy)
    assert grouped.project is None
    grouped.session.opacity = 0.15
    wait(qtbot, lambda: grouped.project is not None and is_saved(grouped))
    assert grouped.project.path != elsewhere
    assert read_record(elsewhere).saves == saves


def test_a_save_that_waits_does_not_come_after_the_last_one(grouped, qtbot, monkeypatch) -> None:
    go_on = threading.Event()
    write = folder.write_text
    monkeypatch.setattr(folder, "write_text", lambda *a, **k: (go_on.wait(20), write(*a, **k)))
    for opacity in (0.1, 0.2):
        grouped.session.opacity = opacity
        grouped.save()
    grouped.session.opacity = 0.3
    threading.Timer(0.3, go_on.set).start()
    grouped.finish()
    qtbot.wait(500)
    assert read_record(grouped.project.path).work.opacity == 0.3
    assert not grouped.saving
    assert grouped._took < 30


def test_whatever_goes_wrong_is_said_to_be_not_saved(grouped, qtbot, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(keeper, "tell", lambda error: None)
    monkeypatch.setattr(keeper, "capture", fail)
    grouped.session.opacity = 0.1
    wait(qtbot, lambda: bool(grouped.problem))
    assert "ZeroDivisionError" in grouped.problem
    with pytest.raises(CannotWrite, match="ZeroDivisionError"):
        grouped.finish()


def test_what_comes_into_an_emptied_window_is_not_saved_over_what_was_there(
    grouped, viewer, tissue, qtbot
) -> None:
    before = grouped.project.path
    layers = [layer.name for layer in read_record(before).layers]
    for layer in list(viewer.layers):
        viewer.layers.remove(layer)
    qtbot.wait(300)
    assert [layer.name for layer in read_record(before).layers] == layers
    viewer.add_image(np.asarray(tissue.image.data[:2]), name="next")
    viewer.add_labels(np.asarray(tissue.cells.data), name="next cells")
    wait(qtbot, lambda: is_saved(grouped))
    assert grouped.project.path != before
    assert [layer.name for layer in read_record(before).layers] == layers
    assert read_record(before).fields[-1].table is not None


def test_a_slow_save_lets_the_next_change_wait_half_a_minute_at_most(grouped, monkeypatch) -> None:
    monkeypatch.setattr(keeper, "_PATIENCE", 5)
    grouped._took = 600.0
    grouped.session.opacity = 0.1
    assert grouped._timer.interval() == 30_000
    grouped._timer.stop()
