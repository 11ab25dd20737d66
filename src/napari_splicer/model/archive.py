"""A trained model as one zip file, to be passed on: written, and unpacked as untrusted input."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from napari_splicer.errors import InvalidModel
from napari_splicer.files import check_writable, written
from napari_splicer.model.record import LARGEST_RECORD, RECORD, WEIGHTS, inspect_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 4 * 2**30
"""Bytes of weights beyond which a file is taken for something else than a model."""

_FILES = (RECORD, WEIGHTS)
_ENCRYPTED = 0x1


def pack_bundle(folder: str | Path, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a bundle as one zip file; the same bundle always gives the same bytes.

    Parameters
    ----------
    folder : str or Path
        Of the bundle; other files in it are left out.
    path : str or Path
        Of the zip file.
    overwrite : bool
        Replace a file that is there.

    Raises
    ------
    InvalidModel
        If ``folder`` is no bundle.
    WouldOverwrite, CannotWrite
        If the file exists, or the disk is full.
    """
    folder, path = Path(folder), Path(path)
    inspect_bundle(folder)
    with written(path, overwrite=overwrite) as new, zipfile.ZipFile(new, "w") as archive:
        for name in _FILES:
            entry = zipfile.ZipInfo(f"{path.stem}/{name}")  # of no date, so of the same bytes
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.file_size = (folder / name).stat().st_size
            with (folder / name).open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target)
    return path


def unpack_bundle(path: str | Path, folder: str | Path) -> Path:
    """Unpack the two files of a bundle into a new folder, under their own names and nothing else.

    Raises
    ------
    InvalidModel
        If the file is no zip file, damaged or encrypted, or holds no bundle, several, far too much,
        or files that would lie outside its folder.
    WouldOverwrite, CannotWrite
        If the folder exists, or the disk is too full.
    """
    path, folder = Path(path), Path(folder)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _entries(archive, path)
            check_writable(folder, room=sum(entry.file_size for entry in entries))
            with written(folder) as temporary:
                temporary.mkdir()
                for entry, name in zip(entries, _FILES, strict=True):
                    # What zipfile reads ends with the size that was checked, and its checksum.
                    with archive.open(entry) as source, (temporary / name).open("wb") as target:
                        shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise InvalidModel(
            f"{path} is not a zip file, or it is damaged.", "Copy or download it again."
        ) from error
    return folder


def _entries(archive: zipfile.ZipFile, path: Path) -> tuple[zipfile.ZipInfo, ...]:
    """Return the entries of the bundle's files, in the order of their names here."""
    for entry in archive.infolist():
        place = PurePosixPath(entry.filename.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or ":" in entry.filename:
            raise InvalidModel(
                f"{path} holds a file that would lie outside of it: {entry.filename}.",
                "No model has that: do not use a file from where this one came from.",
            )
    records = list(_named(archive, RECORD))
    if len(records) != 1:
        raise InvalidModel(
            f"{path} holds {'no' if not records else 'more than one'} SpliCER model.",
            f"A model's zip file has one {RECORD} and one {WEIGHTS}, in the same folder.",
        )
    folder = PurePosixPath(records[0].filename).parent
    weights = [e for e in _named(archive, WEIGHTS) if PurePosixPath(e.filename).parent == folder]
    if len(weights) != 1:
        raise InvalidModel(f"{path} has no {WEIGHTS} beside its {RECORD}.", "Copy it again.")
    found = (records[0], weights[0])
    for entry, most in zip(found, (LARGEST_RECORD, LARGEST), strict=True):
        if entry.file_size > most:
            raise InvalidModel(
                f"{entry.filename} in {path} would take {entry.file_size / 1e6:,.0f} MB, far more "
                "than any model's.",
                "Choose another model.",
            )
        if entry.flag_bits & _ENCRYPTED:
            raise InvalidModel(f"{path} needs a password.", "Ask for one without.")
    return found


def _named(archive: zipfile.ZipFile, name: str) -> Iterator[zipfile.ZipInfo]:
    for entry in archive.infolist():
        if not entry.is_dir() and PurePosixPath(entry.filename).name == name:
            yield entry
