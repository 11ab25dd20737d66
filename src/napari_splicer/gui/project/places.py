"""Where the files of a project's layers lie now, and whether they are still what they were."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath
from typing import TYPE_CHECKING, Literal

from napari_splicer.errors import SplicerError
from napari_splicer.images.fingerprint import fingerprint
from napari_splicer.images.open import open_image, open_mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from napari_splicer.gui.project.record import Origin, ProjectRecord

_HEAD = 2**20  # bytes


@dataclass(frozen=True)
class Place:
    """Where the file of one origin is.

    Attributes
    ----------
    origin : int
        Index into the record's origins.
    path : Path
        Where it is; where it was, if it is missing.
    status : "same", "changed" or "missing"
        ``changed``: it holds other pixels than when the project was saved.
    fingerprint : str
        Of what lies there now.
    """

    origin: int
    path: Path
    status: Literal["same", "changed", "missing"]
    fingerprint: str = ""


def find_files(
    record: ProjectRecord, folder: Path, moved: Mapping[int, Path] | None = None
) -> tuple[Place, ...]:
    """Look for the files that the layers of a project were opened from; reads a little of each.

    Parameters
    ----------
    record : ProjectRecord
    folder : Path
        Of the project.
    moved : mapping of int to Path, optional
        Where a person says that the file of an origin lies now.
    """
    moved = moved or {}
    return tuple(
        _find(number, origin, folder, moved.get(number))
        for number, origin in enumerate(record.origins)
        if origin.kind == "file"
    )


def _find(number: int, origin: Origin, folder: Path, moved: Path | None) -> Place:
    """Prefer the place where it was, then the one beside the project; the same file before all."""
    places = [moved] if moved is not None else [Path(origin.path)]
    if moved is None and origin.beside:
        places.append(Path(os.path.normpath(folder / origin.beside)))
    found = [
        Place(number, path, "same" if _alike(now, origin.fingerprint) else "changed", now)
        for path, now in ((path, seen(origin, path)) for path in places if _exists(path))
    ]
    same = (place for place in found if place.status == "same")
    return next(same, found[0] if found else Place(number, places[0], "missing"))


def _exists(path: Path) -> bool:
    """Return whether there is a file or folder; none, too, where one may not look for it."""
    try:
        return path.exists()
    except OSError:
        return False


def _alike(now: str, before: str) -> bool:
    """Compare fingerprints; where one is unknown, nothing speaks against the file."""
    return not now or not before or now == before


def seen(origin: Origin, path: Path | None = None) -> str:
    """Return the fingerprint of an origin's file, at ``path`` or where it was; "" without one.

    Of images and masks that only another reader opens, of the beginning of the file and its size.
    """
    path = Path(origin.path) if path is None else path
    try:
        return fingerprint(open_mask(path) if origin.mask else open_image(path))
    except (SplicerError, OSError):
        return _of_bytes(path)


def _of_bytes(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        return hashlib.sha256(head + str(path.stat().st_size).encode()).hexdigest()[:16]
    except OSError:  # a folder, or it can't be read now: nothing can be said of it
        return ""


def look_in(folder: Path, missing: Iterable[Place]) -> dict[int, Path]:
    """Return which missing files lie in ``folder``, or in it as they lay in the folder before."""
    found: dict[int, Path] = {}
    for place in missing:
        path = next((path for path in _tails(folder, str(place.path)) if _exists(path)), None)
        if path is not None:
            found[place.origin] = path
    return found


def _tails(folder: Path, path: str) -> Iterator[Path]:
    """Yield ``folder`` with the name of a path, with its folder and name, and so on."""
    pure = PureWindowsPath(path) if "\\" in path else PurePath(path)
    parts = [part for part in pure.parts if part != pure.anchor]
    for count in range(1, len(parts) + 1):
        yield folder.joinpath(*parts[-count:])


def relative_to(path: str, folder: Path) -> str:
    """Return ``path`` from ``folder``; "" where there is no such way, as from disk to disk."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return ""
