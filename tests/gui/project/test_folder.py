"""What lies in a project's folder, and what becomes of it when a save does not end well."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from napari_splicer.embedding.table import read_table
from napari_splicer.errors import CannotWrite, UnreadableFile, WouldOverwrite
from napari_splicer.gui import editing
from napari_splicer.gui.project import arrays, folder, tables
from napari_splicer.gui.project.capture import capture
from napari_splicer.gui.project.contents import read_project
from napari_splicer.gui.project.folder import ProjectFolder
from napari_splicer.gui.project.record import RECORD, read_record


def files(path):
    return {p.relative_to(path).as_posix(): p.stat().st_ino for p in path.rglob("*") if p.is_file()}


def pieces(matrix):
    """Return which files on the disk hold the numbers of a matrix."""
    return {p.stat().st_ino for p in matrix.iterdir() if not p.name.startswith(".")}


def test_a_selection_writes_little(grouped, project) -> None:
    before = files(project)
    grouped.session.select(grouped.session.ids()[:5])
    grouped.save(project)
    after = files(project)
    new = {name for name in after if after[name] != before.get(name)}
    assert {name.split("/")[0] for name in new} == {"history", "run.toml", RECORD}


def test_a_thread_that_comes_late_brings_nothing_back(grouped, project) -> None:
    grouped.session.opacity = 0.2
    older = capture(grouped.link, grouped.provenance)
    grouped.session.opacity = 0.3
    saves = grouped.save(project).saves
    assert grouped.project.save(older).saves == saves
    assert read_record(project).work.opacity == 0.3
    assert grouped.save(project).saves == saves + 1


def test_another_name_of_a_group_leaves_the_matrices_as_files(grouped, project) -> None:
    (table,) = (project / "tables").iterdir()
    kept = pieces(table / "obsm" / "X_splicer")
    editing.rename(grouped.session, 0, "immune")
    grouped.save(project)
    (other,) = (project / "tables").iterdir()
    assert other.name != table.name
    assert pieces(other / "obsm" / "X_splicer") == kept
    assert "immune" in read_table(other).obs[grouped.session.clustering].cat.categories


def test_opening_and_saving_again_writes_no_table_and_no_model(project, open_again) -> None:
    before = files(project)
    again = open_again(project)
    again.save(project)
    large = ("tables", "models", "layers", "history")
    kept = {name: at for name, at in before.items() if name.startswith(large)}
    assert {n: at for n, at in files(project).items() if n.startswith(large)} == kept


def test_what_is_no_longer_needed_goes_and_a_persons_own_files_stay(grouped, project) -> None:
    note = project / "tables" / "notes.txt"
    note.write_text("mine")
    left = project / "tables" / ".0a1b2c3d-left-00112233.zarr"
    left.mkdir()
    grouped.session.select([])
    grouped.save(project)
    assert note.exists()
    assert not left.exists()
    assert len([p for p in (project / "tables").iterdir() if p.suffix == ".zarr"]) == 1


def test_a_folder_that_holds_something_else_is_refused(window, tmp_path) -> None:
    (tmp_path / "a.splicer").mkdir()
    (tmp_path / "a.splicer" / "thesis.txt").write_text("mine")
    with pytest.raises(WouldOverwrite, match=r"a\.splicer exists already"):
        window.save(tmp_path / "a.splicer")


def test_two_windows_do_not_overwrite_each_other(grouped, project, open_again) -> None:
    other = open_again(project)
    other.session.select(other.session.ids()[:3])
    other.save(project)
    with pytest.raises(WouldOverwrite, match="saved from another window"):
        grouped.save(project)
    grouped.save(project.with_name("mine.splicer"))
    assert len(open_again(project).session.selection) == 3


def test_a_project_that_was_deleted_is_written_whole_again(grouped, project, open_again) -> None:
    for path in sorted(project.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    grouped.save(project)
    assert open_again(project).session.groups == grouped.session.groups


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("module", "name"),
    [(folder, "write_text"), (arrays.np, "save"), (tables, "_link"), (folder, "run_text")],
)
def test_a_full_disk_leaves_what_was_saved(
    grouped, project, open_again, monkeypatch, module, name
) -> None:
    session = grouped.session
    before = session.groups
    editing.rename(session, 0, "immune")
    session.select(session.ids()[:7])
    there = set(files(project))
    with monkeypatch.context() as disk:
        disk.setattr(module, name, full)
        with pytest.raises(CannotWrite, match=r"no room left to write \S+\.splicer\.") as error:
            grouped.save(project)
    assert "What was saved before is kept" in str(error.value)
    assert set(files(project)) == there
    again = open_again(project)
    assert again.session.groups == before
    grouped.save(project)
    assert open_again(project).session.groups == session.groups


def test_a_first_save_that_failed_can_be_tried_again(window, tmp_path, monkeypatch) -> None:
    with monkeypatch.context() as disk:
        disk.setattr(folder, "run_text", full)
        with pytest.raises(CannotWrite):
            window.save(tmp_path / "a.splicer")
    window.save(tmp_path / "a.splicer")


KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from napari_splicer.gui.project import folder
from napari_splicer.gui.project.contents import read_project
from napari_splicer.gui.project.state import State
from napari_splicer.gui.project.tables import TableNow

path, moment = Path(sys.argv[1]), sys.argv[2]
contents = read_project(path)
table = contents.tables[0]
table.obs["area"] += 1

def die(*arguments, **settings):
    if moment != "record" or arguments[0].name == "splicer-project.json":
        os._exit(9)
    write(*arguments, **settings)

write = folder.write_text
if moment == "table":
    folder.write_changed = lambda table, path, *_: (path.mkdir(parents=True), die())
elif moment == "removal":
    folder.remove = die
else:
    folder.write_text = die
contents.folder.save(
    State(
        record=contents.record.model_copy(update={"origins": ()}).model_copy(
            update={"layers": (), "fields": (contents.record.fields[0].model_copy(
                update={"image": (), "mask": None}),)}
        ),
        config=contents.record.work.settings,
        selection=np.arange(3),
        tables=(TableNow.of(table),),
    )
)
"""


@pytest.mark.parametrize(("moment", "kept"), [("table", 0), ("record", 0), ("removal", 1)])
def test_killed_in_the_middle_of_a_save(grouped, project, moment, kept) -> None:
    area = grouped.session.table.obs["area"].sum()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, str(project), moment], check=False
    )
    assert done.returncode == 9
    contents = read_project(project)
    assert contents.remarks == ()
    table = contents.tables[0]
    assert table.obs["area"].sum() == area + kept * len(table)


def test_a_truncated_table_is_named_and_left_alone(grouped, project, open_again) -> None:
    (table,) = (project / "tables").iterdir()
    (table / "obs" / ".zattrs").unlink()
    (table / ".zmetadata").unlink()
    contents = read_project(project)
    assert contents.tables == (None,)
    assert table.name in contents.remarks[0]
    again = open_again(project)
    assert again.session.table is None
    assert again.session.bundle is not None
    assert table.name in again.session.notice.text
    again.save(project)
    assert table.exists()


def test_a_damaged_history_costs_only_what_could_be_undone(grouped, open_again, tmp_path) -> None:
    grouped.session.select(grouped.session.ids()[:4])
    path = tmp_path / "b.splicer"
    grouped.save(path)
    for file in (path / "history").iterdir():
        file.write_bytes(file.read_bytes()[:20])
    again = open_again(path)
    assert again.session.groups == grouped.session.groups
    assert again.session.history.next_undo is None
    assert "can be undone" in again.session.notice.text


def test_a_damaged_model_is_left_out(grouped, project, open_again) -> None:
    (weights,) = (project / "models").rglob("model.safetensors")
    weights.write_bytes(weights.read_bytes()[:100])
    again = open_again(project)
    assert again.session.bundle is None
    assert again.session.groups == grouped.session.groups
    assert "damaged" in again.session.notice.text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format_version": 99}, "newer version of napari-splicer"),
        ({"format": "something else"}, "of another program"),
        ({"fields": 3}, "is damaged"),
        ({"origins": []}, "layers that it does not describe"),
        ({"work": {"bundle": "../../secret"}}, "is damaged"),
    ],
)
def test_other_records_are_refused_in_words(window, tmp_path, change, told) -> None:
    path = tmp_path / "a.splicer"
    window.save(path)
    data = json.loads((path / RECORD).read_text())
    (path / RECORD).write_text(json.dumps(data | change))
    with pytest.raises(UnreadableFile, match=told):
        read_record(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "\\u0000", "[" * 100_000])
def test_a_truncated_record_is_told(tmp_path, text) -> None:
    (tmp_path / RECORD).write_text(text)
    with pytest.raises(UnreadableFile):
        read_record(tmp_path)


def test_a_folder_that_is_no_project_is_told(tmp_path) -> None:
    with pytest.raises(UnreadableFile, match="is no SpliCER project"):
        read_project(tmp_path)


def test_arrays_are_written_once_and_narrow(tmp_path) -> None:
    writer = arrays.ArrayWriter(tmp_path)
    ids = np.arange(1000, dtype=np.int64)
    names = {writer.put(ids), writer.put(ids.copy())}
    assert len(names) == 1
    (file,) = (tmp_path / "history").iterdir()
    assert file.stat().st_size < 3000
    np.testing.assert_array_equal(arrays.ArrayReader(tmp_path).integers(names.pop()), ids)


def test_a_new_folder_is_not_made_before_something_is_saved(tmp_path) -> None:
    ProjectFolder(tmp_path / "a.splicer")
    assert list(tmp_path.iterdir()) == []
