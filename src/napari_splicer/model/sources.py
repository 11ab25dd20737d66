"""Where a model comes from: a folder, a zip file, an address, or a name of the Hugging Face hub."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urldefrag

from napari_splicer.errors import InvalidModel, InvalidSettings
from napari_splicer.events import Cancel, Finished, Started
from napari_splicer.model.archive import unpack_bundle
from napari_splicer.model.bundle import load_bundle
from napari_splicer.model.downloads import cache_folder, download
from napari_splicer.model.hub import download_from_hub
from napari_splicer.model.record import RECORD, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from napari_splicer.events import Event
    from napari_splicer.model.bundle import Bundle

_HUB = re.compile(r"(?P<name>[\w.-]+/[\w.-]+?)(@(?P<revision>[\w./-]+))?")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True)
class Found:
    """A model that lies on this computer.

    Attributes
    ----------
    folder : Path
        What :func:`~napari_splicer.model.bundle.load_bundle` takes.
    source : str
        Where it came from, so that the same one is found again: files with their whole path, models
        of the hub with their commit.
    """

    folder: Path
    source: str


def find_model(source: str | Path, *, cancel: Cancel | None = None) -> Iterator[Event]:
    """Find a model, and download it where it is not on this computer yet.

    Parameters
    ----------
    source : str or Path
        A bundle's folder, or one of the files in it; a zip file of it; the ``https`` address of
        such a file, which may end in ``#sha256=…``; or a name of the Hugging Face hub,
        ``owner/name`` or ``hf://owner/name@revision``. What exists as a file or folder is never
        looked for elsewhere.
    cancel : Cancel, optional
        Stops a download; nothing of it is kept.

    Yields
    ------
    Event
        The last one's result is :class:`Found`, None if it was stopped.

    Raises
    ------
    InvalidModel
        If there is no such model; CannotDownload if it can't be fetched.
    CannotWrite
        If the disk is full.
    """
    cancel = cancel or Cancel()
    words = str(source).strip()
    path = Path(words).expanduser()
    if path.exists():
        yield Finished("open", Found(on_disk(path), str(path.resolve())))
        return
    if re.match(r"https?://", words):
        found = yield from _of_address(words, cancel)
    elif match := _on_the_hub(words):
        found = yield from _of_hub(match["name"], match["revision"], cancel)
    else:
        raise InvalidModel(
            f"There is no model at {words}.",
            "Name its folder or zip file, an address that begins with https://, or a model of the "
            "Hugging Face hub (owner/name).",
        )
    message = "" if found is not None else "The download was stopped; nothing of it is kept."
    yield Finished("open", found, cancelled=found is None, message=message)


def load_model(source: str | Path) -> Bundle:
    """Load a model from wherever :func:`find_model` finds one.

    Raises
    ------
    InvalidModel, CannotWrite
        As :func:`find_model` and :func:`~napari_splicer.model.bundle.load_bundle`.
    """
    *_, last = find_model(source)
    if not isinstance(last, Finished):
        raise TypeError("a stage must end with Finished")
    return load_bundle(last.result.folder)


def _on_the_hub(words: str) -> re.Match[str] | None:
    """Return what a name of the hub says; a path of which the folder is here is a mistyped one."""
    name = words.removeprefix("hf://")
    mistyped = name == words and Path(words).parent.is_dir()
    return None if mistyped else _HUB.fullmatch(name)


def on_disk(path: Path) -> Path:
    """Return the folder of the bundle that ``path`` is, holds, or is a part of."""
    if path.is_dir():
        return path
    if path.name in (RECORD, WEIGHTS):
        return path.parent
    return _unpacked(path)


def _unpacked(path: Path) -> Path:
    """Return the folder in the cache that holds what a zip file does, unpacked when first used."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidModel(f"{path} can't be read ({error.strerror}).", "Copy it again.") from error
    folder = cache_folder() / "unpacked" / digest
    return folder if folder.exists() else unpack_bundle(path, folder)


def _of_address(words: str, cancel: Cancel) -> Generator[Event, None, Found | None]:
    address, fragment = urldefrag(words)
    checksum = parse_qs(fragment).get("sha256", [None])[0]
    if fragment and (checksum is None or not _SHA256.fullmatch(checksum)):
        raise InvalidSettings(
            f"'#{fragment}' at the end of the address is no checksum.",
            "Write #sha256= and 64 digits (0-9, a-f), or leave it out.",
        )
    yield Started("open", unit="kB", message=f"Looking for {address}")
    file = yield from download(address, checksum and checksum.lower(), _fetched(), cancel)
    if file is None:
        return None
    try:
        return Found(_unpacked(file), words)
    except InvalidModel as error:
        file.unlink(missing_ok=True)  # or the next try would find it, whatever the server has then
        raise InvalidModel(error.message.replace(str(file), address), error.advice) from error


def _of_hub(
    name: str, revision: str | None, cancel: Cancel
) -> Generator[Event, None, Found | None]:
    yield Started("open", unit="kB", message=f"Looking for {name} on the Hugging Face hub")
    folder = yield from download_from_hub(name, revision, cache_folder() / "hub", cancel)
    return None if folder is None else Found(folder, f"hf://{name}@{folder.name}")


def _fetched() -> Path:
    return cache_folder() / "fetched"
