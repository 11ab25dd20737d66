"""Saving by itself and closing, without napari's window."""

from __future__ import annotations

import errno
import os
import threading

import numpy as np
import pytest
from kept_work import give_table, is_saved, wait
from napari.components import ViewerModel
from qtpy.QtWidgets import QFileDialog

from napari_splicer.analysis.maps import add_map
from napari_splicer.config import Component, ProjectionSettings
from napari_splicer.embedding.table import read_table
from napari_splicer.errors import CannotWrite
from napari_splicer.gui import editing, keeper
from napari_splicer.gui.keeper import keeper_for
from napari_splicer.gui.project import folder
from napari_splicer.gui.project.recent import note_recent, recent_projects
from napari_splicer.gui.project.record import read_record
from napari_splicer.gui.widgets.project_line import ProjectLine


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


def test_a_map_that_was_made_is_saved_a_moment_later(grouped, qtbot) -> None:
    session = grouped.session
    layout = np.zeros((session.table.n_obs, 2), np.float32)
    key = add_map(session.table, layout, ProjectionSettings(source="intensity"))
    session.map_made.emit()
    wait(qtbot, lambda: is_saved(grouped))
    (kept,) = (grouped.project.path / "tables").iterdir()
    assert key in read_table(kept).obsm


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
