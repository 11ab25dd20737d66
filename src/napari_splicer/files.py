"""How anything is written: under a temporary name first, never over another file unasked."""

from __future__ import annotations

import errno
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from napari_splicer.errors import CannotWrite, WouldOverwrite

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_LONGEST_NAME = 200  # bytes: systems allow 255, and something is put before and behind
_FLUSHED_AT_ONCE = 16
PROJECT_RECORD = "splicer-project.json"
"""What tells a folder that a window's work is kept in; see :mod:`napari_splicer.gui.project`."""

_OWN_FOLDERS = (".zgroup", "zarr.json", "bundle.json")
"""What tells a folder that is one thing, and may be replaced as one, from any other."""


@contextmanager
def written(path: str | Path, *, overwrite: bool = False, room: int = 0) -> Iterator[Path]:
    """Give a temporary name in the same folder; what was written there gets its name at the end.

    Works for files and for folders (zarr). If writing fails, or is interrupted, the temporary
    name is removed and what had the name before is as it was.

    Parameters
    ----------
    path : str or Path
        Folders on the way to it are made.
    overwrite : bool
        Whether it may replace what is there.
    room : int
        Bytes that must be free. For what can't be trusted to end well on a full disk.

    Yields
    ------
    Path
        Does not exist yet; ends like ``path``.

    Raises
    ------
    WouldOverwrite
        Before anything is written, if ``path`` exists and ``overwrite`` is off.
    CannotWrite
        If the disk is full, or the folder can't be written to.

    Examples
    --------
    >>> folder = getfixture("tmp_path")
    >>> with written(folder / "note.txt") as temporary:
    ...     _ = temporary.write_text("three cells")
    >>> [path.name for path in folder.iterdir()]
    ['note.txt']
    """
    path = Path(path)
    check_free(path, overwrite=overwrite)
    temporary = path.with_name(f".{uuid4().hex[:8]}-{path.name}")
    try:
        with telling(path, "Nothing was kept of this file."):
            path.parent.mkdir(parents=True, exist_ok=True)
            if room:
                _try_room(temporary, room)
            yield temporary
            _flush(temporary)
            _rename(temporary, path)
    finally:
        remove(temporary)


def name_finished(unfinished: Path, path: Path, *, overwrite: bool = False) -> None:
    """Give what was written bit by bit as ``unfinished``, in the same folder, its name.

    Raises
    ------
    WouldOverwrite, CannotWrite
        As :func:`written`; ``unfinished`` is then as it was.
    """
    check_free(path, overwrite=overwrite)
    with telling(path, f"What was made lies in {unfinished}."):
        _flush(unfinished)
        _rename(unfinished, path)


@contextmanager
def telling(path: Path, kept: str) -> Iterator[None]:
    """Say in the user's words what goes wrong with files in the context.

    Parameters
    ----------
    path : Path
        What is being written.
    kept : str
        What is left of it then, in a sentence.

    Raises
    ------
    CannotWrite
        If the disk is full, or the folder can't be written to.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        told = _told(error, path, kept)
        if told is None:
            raise
        raise told from error


def write_text(path: str | Path, text: str, *, overwrite: bool = False) -> None:
    """Write ``text`` as UTF-8; see :func:`written`."""
    with written(path, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def check_free(path: Path, *, overwrite: bool = False) -> None:
    """Refuse a name that is taken.

    Raises
    ------
    WouldOverwrite
        If ``path`` exists and ``overwrite`` is off.
    CannotWrite
        If it is a folder that holds anything but a zarr array or a model: never replaced.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not overwrite:
        raise WouldOverwrite(
            f"{path.name} exists already in {path.absolute().parent}.",
            "Choose another name or folder, or allow overwriting.",
        )
    if path.is_dir() and not any((path / name).exists() for name in _OWN_FOLDERS):
        raise CannotWrite(
            f"{path} is a folder with other things in it.", "Choose another name for the file."
        )


def check_writable(folder: Path, *, room: int = 0) -> None:
    """Refuse a folder that can't be written to: asked before the work that is to be kept there.

    Nothing is written, and no folder is made.

    Parameters
    ----------
    folder : Path
        Need not be there yet.
    room : int
        Bytes that will be needed.

    Raises
    ------
    CannotWrite
        If a file stands in the way, or the disk is not there, too full, or not to be changed.
    """
    there = next((p for p in (folder, *folder.parents) if os.access(p, os.F_OK)), None)
    if there is None:
        raise CannotWrite(
            f"{folder} can't be used: there is no such drive or folder.",
            "Connect the drive, or choose another folder.",
        )
    if not there.is_dir():
        raise CannotWrite(
            f"{folder} can't be used for results: {there} is a file.", "Choose another folder."
        )
    if not os.access(there, os.W_OK | os.X_OK):
        raise _forbidden(folder, there)
    free = shutil.disk_usage(there).free
    if free < room:
        raise CannotWrite(
            f"There is too little room for the results in {folder}: {free / 1e6:,.0f} MB are free, "
            f"and about {room / 1e6:,.0f} MB are needed.",
            "Free some space, or choose a folder on another disk.",
        )


def _try_room(path: Path, room: int) -> None:
    """Take room for a file and give it back: what is left of a quota shows in no other way."""
    if shutil.disk_usage(path.parent).free < room:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("wb") as stream:
        try:
            os.posix_fallocate(stream.fileno(), 0, room)
        except OSError as error:
            if error.errno in _FULL:
                raise
    path.unlink()


def _forbidden(path: Path, folder: Path) -> CannotWrite:
    if path.exists() and os.access(folder, os.W_OK):
        return CannotWrite(
            f"{path} can't be replaced: it is open in another program, or protected.",
            "Close it there and try again, or choose another name.",
        )
    return CannotWrite(
        f"{path} can't be written: you may not change the folder {folder}.",
        "Choose another folder.",
    )


def file_name(text: str) -> str:
    """Turn the name of an image or clustering into a part of a file name valid on every system.

    Examples
    --------
    >>> file_name("Slide 3: tumour/edge")
    'Slide-3-tumour-edge'
    """
    plain = re.sub(r"[^\w.+-]+", "-", text).strip("-. ")
    return plain.encode()[:_LONGEST_NAME].decode(errors="ignore") or "image"


def remove(path: Path) -> None:
    """Remove a file or a folder with all it holds, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()


def _rename(temporary: Path, path: Path) -> None:
    if not path.is_dir():
        temporary.replace(path)
        _flush_folder(path.parent)
        return
    # A folder can't be replaced in one step: the old one steps aside until the new one is there.
    aside = temporary.with_name(f"{temporary.name}.old")
    path.replace(aside)
    try:
        temporary.replace(path)
    except OSError:
        aside.replace(path)
        raise
    _flush_folder(path.parent)
    remove(aside)


def _flush(path: Path) -> None:
    """Wait until a file, or every file of a folder, is on the disk."""
    files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    # A zarr of a slide is thousands of files. The disk flushes those that wait together at once:
    # 30 times as fast as one after the other.
    try:
        with ThreadPoolExecutor(_FLUSHED_AT_ONCE) as pool:
            list(pool.map(_flush_file, files))
    except RuntimeError:  # Python is ending, and begins no thread any more
        for file in files:
            _flush_file(file)


def _flush_file(file: Path) -> None:
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # folders can't be opened there, and renames need no flush
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _told(error: OSError | RuntimeError, path: Path, kept: str) -> CannotWrite | None:
    """Say what is wrong in the user's words; None if it has nothing to do with files.

    HDF5, and the copying of folders, have their own kinds of error, and tell the system's number
    only in their message.
    """
    found = re.search(r"(?:errno = |\[Errno )(\d+)", str(error))
    number = int(found.group(1)) if found else getattr(error, "errno", None)
    if number in _FULL:
        return CannotWrite(
            f"There is no room left to write {path}.",
            f"Free some space, or choose a folder on another disk. {kept}",
        )
    if number in _FORBIDDEN:
        return _forbidden(path, path.parent)
    if number is None and not isinstance(error, OSError):
        return None
    reason = os.strerror(number) if number is not None else str(error)
    return CannotWrite(f"{path} can't be written: {reason}.", "Choose another name or folder.")
