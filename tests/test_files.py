from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from napari_splicer.errors import CannotWrite, WouldOverwrite
from napari_splicer.files import check_writable, file_name, write_text, written


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole_under_its_name(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folders" / "note.txt"
    with written(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
        assert temporary.suffix == ".txt"
    assert target.read_text() == "half"
    assert names(target.parent) == ["note.txt"]


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    write_text(tmp_path / "note.txt", "first")
    with pytest.raises(WouldOverwrite, match=r"note\.txt exists already"):
        write_text(tmp_path / "note.txt", "second")
    assert (tmp_path / "note.txt").read_text() == "first"
    write_text(tmp_path / "note.txt", "µm", overwrite=True)
    assert (tmp_path / "note.txt").read_text(encoding="utf-8") == "µm"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_fails_leaves_everything_as_it_was(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "note.txt"
    write_text(target, "old")
    with pytest.raises(error), written(target, overwrite=True) as temporary:  # noqa: PT012
        temporary.write_text("new")
        raise error
    assert target.read_text() == "old"
    assert names(tmp_path) == ["note.txt"]


def test_folders_are_replaced_as_one(tmp_path: Path) -> None:
    target = tmp_path / "cells.zarr"
    for content in ("old", "new"):
        with written(target, overwrite=True) as temporary:
            (temporary / "deep").mkdir(parents=True)
            (temporary / ".zgroup").write_text("{}")
            (temporary / "deep" / content).write_text(content)
    assert names(target / "deep") == ["new"]
    assert names(tmp_path) == ["cells.zarr"]


def test_a_folder_of_other_things_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(CannotWrite, match="folder with other things"):
        write_text(tmp_path / "thesis", "", overwrite=True)
    assert names(tmp_path / "thesis") == ["chapter.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_named_and_nothing_left_behind(tmp_path: Path) -> None:
    with (  # noqa: PT012
        pytest.raises(CannotWrite, match=r"no room left to write .*cells\.csv.*Free some space"),
        written(tmp_path / "cells.csv") as temporary,
    ):
        temporary.write_text("what fitted")
        with Path("/dev/full").open("w") as full:
            full.write("what did not")
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", [OSError, RuntimeError])
def test_a_full_disk_is_recognised_in_the_words_of_hdf5(
    tmp_path: Path, kind: type[Exception]
) -> None:
    words = "file write failed: file descriptor = 15, errno = 28, error message = 'No space left'"
    with pytest.raises(CannotWrite, match="no room left"), written(tmp_path / "cells.h5ad"):
        raise kind(words)
    with pytest.raises(RuntimeError, match="of another kind"), written(tmp_path / "cells.h5ad"):
        raise RuntimeError("of another kind")


def test_a_full_disk_is_recognised_while_a_folder_is_copied(tmp_path: Path) -> None:
    failed = [("a", "b", "[Errno 28] No space left on device")]
    with pytest.raises(CannotWrite, match="no room left"), written(tmp_path / "cells.zarr"):
        raise shutil.Error(failed)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_changed_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    for write in (lambda: write_text(tmp_path / "note.txt", ""), lambda: check_writable(tmp_path)):
        with pytest.raises(CannotWrite, match="you may not change the folder"):
            write()


def test_a_folder_is_asked_before_the_work(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folders", room=1)
    assert names(tmp_path) == []
    with pytest.raises(CannotWrite, match=r"too little room for the results .* MB are needed"):
        check_writable(tmp_path / "new", room=2**62)
    write_text(tmp_path / "file", "")
    with pytest.raises(CannotWrite, match=r"run can't be used for results: .*file is a file"):
        check_writable(tmp_path / "file" / "run")


def test_a_drive_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    # Where there are no drives, something of every path is there.
    monkeypatch.setattr("napari_splicer.files.os.access", lambda *_: False)
    with pytest.raises(CannotWrite, match="no such drive or folder"):
        check_writable(Path("Z:/run"))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_file_that_another_program_holds_is_not_put_down_to_its_folder(
    tmp_path: Path, number: int
) -> None:
    write_text(tmp_path / "cells.csv", "old")
    with (
        pytest.raises(CannotWrite, match=r"cells.csv can't be replaced: it is open in another"),
        written(tmp_path / "cells.csv", overwrite=True),
    ):
        raise PermissionError(number, os.strerror(number))
    assert (tmp_path / "cells.csv").read_text() == "old"
    with (
        pytest.raises(CannotWrite, match="you may not change the folder"),
        written(tmp_path / "more.csv", overwrite=True),
    ):
        raise PermissionError(number, os.strerror(number))


def test_room_is_made_sure_of_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with written(tmp_path / "cells.h5ad", room=10_000) as temporary:
        assert not temporary.exists()
        temporary.write_text("small")
    assert (tmp_path / "cells.h5ad").read_text() == "small"
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=9_999))
    with (
        pytest.raises(CannotWrite, match="no room left"),
        written(tmp_path / "more.h5ad", room=10_000),
    ):
        pytest.fail("was let in")
    assert names(tmp_path) == ["cells.h5ad"]


def test_other_trouble_is_told_in_the_systems_words(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "")
    with pytest.raises(CannotWrite, match=r"can't be written: (File exists|Not a directory)"):
        write_text(tmp_path / "file" / "note.txt", "")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Slide 3: tumour/edge", "Slide-3-tumour-edge"),
        ("../../etc/passwd", "etc-passwd"),
        ("CD3+ Zellen für α", "CD3+-Zellen-für-α"),
        ("...", "image"),
        ("a" * 500, "a" * 200),
    ],
)
def test_names_become_file_names(text: str, name: str) -> None:
    assert file_name(text) == name
