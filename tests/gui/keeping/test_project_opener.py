"""A project takes the place of what is in a window, without napari's window."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from kept_work import fails, give_table, is_saved, wait
from napari.components import ViewerModel

from napari_splicer.gui import file_opener, project_opener
from napari_splicer.gui.jobs import runner_for
from napari_splicer.gui.keeper import keeper_for
from napari_splicer.gui.project.folder import ProjectFolder
from napari_splicer.gui.project.in_use import InUse
from napari_splicer.gui.project.opening import Wanted
from napari_splicer.gui.project.recent import recent_projects
from napari_splicer.gui.project.record import RECORD, read_record


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


def test_what_gives_way_is_saved_in_a_thread(grouped, elsewhere, qtbot, monkeypatch) -> None:
    threads: list[threading.Thread] = []
    save = ProjectFolder.save

    def noted(folder, state):
        threads.append(threading.current_thread())
        return save(folder, state)

    monkeypatch.setattr(ProjectFolder, "save", noted)
    before = grouped.project.path
    grouped.session.opacity = 0.21
    grouped.opener.open(Wanted(elsewhere))
    wait(qtbot, lambda: not grouped.opener.busy)
    assert grouped.project.path == elsewhere
    assert read_record(before).work.opacity == 0.21
    assert threads
    assert threading.main_thread() not in threads


def test_work_that_can_not_be_saved_does_not_give_way(
    grouped, elsewhere, qtbot, monkeypatch
) -> None:
    groups = grouped.session.groups
    grouped.session.opacity = 0.1
    fails(monkeypatch)
    grouped.opener.open(Wanted(elsewhere))
    wait(qtbot, lambda: not grouped.opener.busy)
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
    wait(qtbot, lambda: names(viewer) == ["other"] if half_there else not grouped.saving)
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
