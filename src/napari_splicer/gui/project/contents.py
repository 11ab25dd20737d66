"""What a project's folder holds, read: all of it is checked, and what is damaged is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.errors import SplicerError, UnreadableFile
from napari_splicer.gui.project.arrays import ArrayReader
from napari_splicer.gui.project.folder import ProjectFolder
from napari_splicer.gui.project.pixels import read_pixels
from napari_splicer.gui.project.record import read_record
from napari_splicer.gui.project.tables import damaged_parts, matrices_of, wrong_groups
from napari_splicer.gui.torch_guard import load_torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.gui.history import Step
    from napari_splicer.gui.project.record import (
        Origin,
        ProjectRecord,
        TableRecord,
        WorkRecord,
    )
    from napari_splicer.model.bundle import Bundle


@dataclass(frozen=True, eq=False)
class Contents:
    """A project as it was read.

    Parameters
    ----------
    folder : ProjectFolder
        To go on saving to.
    record : ProjectRecord
    bundle : Bundle or None
    tables : tuple of AnnData or None
        One per field of the record.
    pixels : mapping of int to list of array
        Levels of the layers that lie in the project itself, by origin.
    selection : int64 (m,)
    measures : mapping of str to array (n,)
    done, undone : tuple of Step
    remarks : tuple of str
        What could not be read, in sentences.
    """

    folder: ProjectFolder
    record: ProjectRecord
    bundle: Bundle | None
    tables: tuple[AnnData | None, ...]
    pixels: Mapping[int, list[Any]]
    selection: NDArray[np.int64]
    measures: Mapping[str, NDArray[Any]]
    done: tuple[Step, ...]
    undone: tuple[Step, ...]
    remarks: tuple[str, ...]


def read_project(path: Path) -> Contents:
    """Read a project.

    What is damaged within it is named in ``remarks`` and left where it is; the rest is returned.

    Raises
    ------
    UnreadableFile
        If ``path`` is no project, its record is damaged, or of a newer version.
    """
    record = read_record(path)
    return _Reading(path, record).contents()


class _Reading:
    """One reading of a project; collects what can't be read."""

    def __init__(self, path: Path, record: ProjectRecord) -> None:
        self._path = path
        self._record = record
        self._arrays = ArrayReader(path)
        self._remarks: list[str] = []
        self._damaged: list[str] = []

    def contents(self) -> Contents:
        record, work = self._record, self._record.work
        bundle = self._try(work.bundle, self._bundle)
        tables = tuple(
            None if field.table is None else self._try(field.table.kept, self._table, field.table)
            for field in record.fields
        )
        pixels = {
            number: levels
            for number, origin in enumerate(record.origins)
            if (levels := self._try(origin.kept, self._pixels, origin)) is not None
        }
        selection = self._try(work.selection, self._arrays.integers)
        measures, done, undone = self._of_table(work, tables[-1] if tables else None)
        record = record.model_copy(
            update={"set_aside": tuple(dict.fromkeys((*record.set_aside, *self._damaged)))}
        )
        folder = ProjectFolder(self._path, record)
        for field, table in zip(record.fields, tables, strict=True):
            if field.table is not None and table is not None:
                _note(folder, field.table, table)
        return Contents(
            folder=folder,
            record=record,
            bundle=bundle,
            tables=tables,
            pixels=pixels,
            selection=np.empty(0, np.int64) if selection is None else selection,
            measures=measures,
            done=done,
            undone=undone,
            remarks=tuple(self._remarks),
        )

    def _try(self, name: str | None, read: Callable[..., Any], *said: Any) -> Any:
        """Return what ``read`` makes of a file; None, and a remark, where it is damaged."""
        if name is None:
            return None
        try:
            return read(name, *said)
        except SplicerError as error:
            self._remarks.append(str(error))
            self._damaged.append(name)
            return None

    def _bundle(self, name: str) -> Bundle:
        load_torch()
        from napari_splicer.model.bundle import load_bundle

        return load_bundle(self._path / name)

    def _table(self, name: str, record: TableRecord) -> AnnData:
        from napari_splicer.embedding.stored import LARGE
        from napari_splicer.embedding.table import read_table

        table = read_table(self._path / name, lazy_above=LARGE)
        damaged = {*damaged_parts(table, record.parts)}
        why = f"{', '.join(sorted(damaged))} is not what was saved" if damaged - {"uns"} else ""
        why = why or wrong_groups(table)
        if why:
            raise UnreadableFile(
                f"The table {self._path / name} is damaged: {why}.",
                "Copy the project's folder again.",
            )
        if damaged:
            self._remarks.append(
                f"What the table {self._path / name} says of itself is not what was saved: names "
                "and colours of groups are right, but how they were made may not be."
            )
        return table

    def _pixels(self, name: str, origin: Origin) -> list[Any]:
        return read_pixels(self._path / name, origin.fingerprint)

    def _of_table(
        self, work: WorkRecord, table: AnnData | None
    ) -> tuple[dict[str, NDArray[Any]], tuple[Step, ...], tuple[Step, ...]]:
        """Return measures and steps of a table; none without it, or where they are damaged."""
        if table is None:
            return {}, (), ()
        count, read = table.n_obs, self._arrays
        try:
            measures = {name: read.numbers(kept, count) for name, kept in work.measures.items()}
            return measures, read.steps(work.done, count), read.steps(work.undone, count)
        except SplicerError as error:
            self._remarks.append(f"{error} Nothing can be undone of what was done before.")
            return {}, (), ()


def _note(folder: ProjectFolder, record: TableRecord, table: AnnData) -> None:
    """Tell the folder what it need not write again, and what the window goes on reading from."""
    matrices = matrices_of(table)
    for name, matrix in matrices.items():
        if name in record.parts:
            folder.digests.remember(matrix, record.parts[name])
        if not isinstance(matrix, np.ndarray):
            folder.use(record.kept)
