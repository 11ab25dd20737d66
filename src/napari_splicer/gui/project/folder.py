"""ProjectFolder: a project on the disk, and how a state of the window gets there."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from napari_splicer.errors import CannotWrite, WouldOverwrite
from napari_splicer.files import check_free, check_writable, file_name, remove, telling, write_text
from napari_splicer.gui.commands import run_folder
from napari_splicer.gui.project.arrays import ArrayWriter
from napari_splicer.gui.project.kept import FOLDERS
from napari_splicer.gui.project.pixels import write_pixels
from napari_splicer.gui.project.places import relative_to, seen
from napari_splicer.gui.project.record import (
    RECORD,
    SUFFIX,
    ProjectRecord,
    TableRecord,
    read_record,
    record_text,
)
from napari_splicer.gui.project.runs import run_text
from napari_splicer.gui.project.tables import Digests, most_alike, write_changed, write_table

if TYPE_CHECKING:
    from pathlib import Path

    from napari_splicer.gui.project.record import FieldRecord, Origin
    from napari_splicer.gui.project.state import Pixels, State
    from napari_splicer.gui.project.tables import TableNow
    from napari_splicer.gui.session import Session
    from napari_splicer.model.bundle import Bundle

RUN_FILE = "run.toml"

_OWN_NAMES = re.compile(
    r"\.[0-9a-f]{8}-.+|.+-[0-9a-f]{8}\.zarr|[0-9a-f]{32}\.(?:npy|json)|[0-9a-f]{16}"
)
"""Names that a save gives, or gave before it was interrupted: no person's file is removed."""


def free_folder(session: Session) -> Path:
    """Return where the work is saved unless a person says otherwise: in the results' folder."""
    name = "project" if session.image is None else file_name(session.image.name)
    parent = run_folder(session).path
    names = (name if number == 1 else f"{name}-{number}" for number in range(1, 10_000))
    return next(p for n in names if not (p := parent / f"{n}{SUFFIX}").exists())


def new_folder(path: Path) -> ProjectFolder:
    """Return a project that is still to be written, where a person wants it; with our suffix.

    Raises
    ------
    WouldOverwrite
        If there is something of that name.
    CannotWrite
        If nothing can be made there.
    """
    check_writable(path.parent)
    return ProjectFolder(path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX))


def holds_project(path: Path) -> bool:
    """Return whether a folder is a project, whatever state it is in."""
    return (path / RECORD).is_file()


class ProjectFolder:
    """One project's folder, written by one window.

    What is large lies in files that are never changed: a save writes those that are new under names
    of their own, then the record that names them, then removes what the record does not name any
    more. Whatever interrupts it leaves the state before.

    Parameters
    ----------
    path : Path
        Not there yet, or a project that this window has read.
    record : ProjectRecord, optional
        What was read there.
    """

    def __init__(self, path: Path, record: ProjectRecord | None = None) -> None:
        if record is None:
            check_free(path)
        self.path = path
        self.digests = Digests()
        self._record = record
        self._arrays = ArrayWriter(path)
        self._pixels: dict[str, str] = {}
        self._digests_of_pixels: dict[str, str] = {}
        self._fingerprints: dict[tuple[str, bool, str], str] = {}
        self._in_use: set[str] = set()
        self._begun = record is not None
        self._saving = threading.Lock()
        self._written_order = 0
        for origin in () if record is None else record.origins:
            self._fingerprints[origin.path, origin.mask, origin.reader] = origin.fingerprint
            if origin.kept is not None:
                self._pixels[origin.kept] = origin.kept
                self._digests_of_pixels[origin.kept] = origin.fingerprint

    @property
    def saved(self) -> datetime | None:
        """When it was last saved; None before that."""
        return None if self._record is None else self._record.date

    @property
    def saves(self) -> int:
        """How often it was saved, as this window knows."""
        return 0 if self._record is None else self._record.saves

    def use(self, name: str) -> None:
        """Leave a file or folder where it is: the window goes on reading from it."""
        self._in_use.add(name)

    def set_aside(self, name: str) -> None:
        """Leave a file or folder where it is from now on: the window could not take it up."""
        if self._record is not None:
            aside = (*self._record.set_aside, name)
            self._record = self._record.model_copy(update={"set_aside": aside})

    def moved(self, path: str, mask: bool, reader: str, fingerprint: str) -> None:
        """Note what a file is that was found elsewhere, or taken although it has changed."""
        self._fingerprints[path, mask, reader] = fingerprint

    def save(self, state: State) -> ProjectRecord:
        """Write a state; may be called from any thread, and waits for a save under way.

        One that is no newer than what was written is left: a thread that comes late with it would
        bring back what was before.

        Raises
        ------
        WouldOverwrite
            If something else has the folder's name, or another window has saved there meanwhile.
        CannotWrite
            If the disk is full or the folder can't be written to.
        """
        with self._saving, telling(self.path, "What was saved before is kept."):
            self._check_it_is_ours()
            if self._record is not None and state.order <= self._written_order:
                return self._record
            self._arrays.begin()
            try:
                record = self._written(state)
                said = record_text(record, self.path)
                text = run_text(state, self._kept_layers(state, record))
                write_text(self.path / RUN_FILE, text, overwrite=True)
                write_text(self.path / RECORD, said, overwrite=True)
                self._record, self._written_order = record, state.order
            except CannotWrite as error:
                if isinstance(error.__cause__, OSError):  # said of the project, not of a file in it
                    raise error.__cause__ from None
                raise
            finally:
                self._remove_unnamed()
            return record

    def _check_it_is_ours(self) -> None:
        """Refuse a folder in which there is another project than this window has read or saved."""
        if not (self.path / RECORD).exists():
            if not self._begun:
                check_free(self.path)
            self._begun = True
            return
        there, known = read_record(self.path), self._record
        if known is None or (there.id, there.saves) != (known.id, known.saves):
            raise WouldOverwrite(
                f"The project {self.path.name} was saved from another window meanwhile.",
                "Save this one under another name: Save as … in the menu of the project.",
            )

    def _remove_unnamed(self) -> None:
        """Remove what the record does not name, leftovers of a save that was killed included."""
        named = self._in_use if self._record is None else self._in_use | self._record.names()
        with suppress(OSError):  # a file that is open elsewhere stays, and does no harm
            for name in FOLDERS:
                folder = self.path / name
                for entry in folder.iterdir() if folder.is_dir() else ():
                    if _OWN_NAMES.fullmatch(entry.name) and f"{name}/{entry.name}" not in named:
                        remove(entry)

    # parts -------------------------------------------------------------------------------------

    def _written(self, state: State) -> ProjectRecord:
        """Write what is large and new; return the record that names all of it."""
        before, record = self._record, state.record
        work = record.work.model_copy(
            update={
                "bundle": self._bundle(state.bundle),
                "selection": self._arrays.put(state.selection),
                "measures": {name: self._arrays.put(v) for name, v in state.measures.items()},
                "done": self._arrays.steps(state.done),
                "undone": self._arrays.steps(state.undone),
            }
        )
        matrices = [m for table in state.tables if table for m in table.matrices.values()]
        self.digests.keep_only(matrices)
        return record.model_copy(
            update={
                "id": uuid4().hex if before is None else before.id,
                "saves": 1 if before is None else before.saves + 1,
                "date": datetime.now().astimezone().replace(microsecond=0),
                "set_aside": () if before is None else before.set_aside,
                "work": work,
                "origins": self._origins(state),
                "fields": tuple(
                    field.model_copy(update={"table": self._table(field, table)})
                    for field, table in zip(record.fields, state.tables, strict=True)
                ),
            }
        )

    def _bundle(self, bundle: Bundle | None) -> str | None:
        if bundle is None:
            return None
        from napari_splicer.model.bundle import save_bundle

        name = f"models/{bundle.hash[:16]}"
        if not (self.path / name).exists():
            save_bundle(bundle, self.path / name)
        return name

    def _table(self, field: FieldRecord, table: TableNow | None) -> TableRecord | None:
        if table is None:
            return None
        parts = table.digests(self.digests)
        fields = () if self._record is None else self._record.fields
        alike = most_alike((f.table for f in fields if f.table is not None), parts, self.path)
        if alike is not None and dict(alike.parts) == parts:
            return alike
        name = f"tables/{file_name(field.name)}-{uuid4().hex[:8]}.zarr"
        if alike is None:
            write_table(table, self.path / name)
        else:
            changed = {part for part, _ in parts.items() ^ alike.parts.items()}
            write_changed(table, self.path / name, self.path / alike.kept, changed)
        return TableRecord(kept=name, parts=parts)

    def _origins(self, state: State) -> tuple[Origin, ...]:
        origins = []
        for number, origin in enumerate(state.record.origins):
            if number in state.pixels:
                kept = self._layer(state.pixels[number])
                update = {"kept": kept, "fingerprint": self._digests_of_pixels.get(kept, "")}
                origins.append(origin.model_copy(update=update))
            elif origin.kind == "file":
                update = {"beside": relative_to(origin.path, self.path)}
                update["fingerprint"] = self._fingerprint(origin)
                origins.append(origin.model_copy(update=update))
            else:
                origins.append(origin)
        return tuple(origins)

    def _layer(self, pixels: Pixels) -> str:
        name = self._pixels.get(pixels.state)
        if name is None or not (self.path / name).exists():
            name = f"layers/{file_name(pixels.name)}-{uuid4().hex[:8]}.zarr"
            self._digests_of_pixels[name] = write_pixels(pixels.levels, self.path / name)
            self._pixels[pixels.state] = name
        return name

    def _fingerprint(self, origin: Origin) -> str:
        """Return what the file was when it was first seen: later it may be another."""
        key = origin.path, origin.mask, origin.reader
        if not self._fingerprints.get(key):
            self._fingerprints[key] = seen(origin)
        return self._fingerprints[key]

    def _kept_layers(self, state: State, record: ProjectRecord) -> dict[str, Path]:
        """Return where masks lie that were made or painted here, by the name of their layer."""
        return {
            pixels.name: self.path / str(record.origins[number].kept)
            for number, pixels in state.pixels.items()
        }
