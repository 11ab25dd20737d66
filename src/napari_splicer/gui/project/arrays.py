"""Arrays of a project: what was selected, how cells were grouped before each step, measures.

What was taught, or known of the cells, before each step lies beside them. Each is a file named by
what it holds, so that the many that steps have in common are there once, and a save writes only
those that are new.
"""

from __future__ import annotations

import hashlib
from tokenize import TokenError
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from napari_splicer.analysis.regrouping import Groups
from napari_splicer.analysis.whole import Whole
from napari_splicer.config import ClusteringSettings, TaughtSettings
from napari_splicer.errors import UNFORESEEN, UnreadableFile
from napari_splicer.files import write_text, written
from napari_splicer.gui.exchanging import Columns
from napari_splicer.gui.history import Moment, Step
from napari_splicer.gui.project.step_records import (
    ColumnRecord,
    ColumnsRecord,
    MomentRecord,
    StepRecord,
    WholeRecord,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

_NO_ARRAY: tuple[type[Exception], ...] = (*UNFORESEEN, BadZipFile, TokenError)
"""How numpy may fail at a damaged file."""


class ArrayWriter:
    """Writes arrays into a project's folder, those that are there already only once.

    Parameters
    ----------
    folder : Path
        Of the project.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[int, tuple[Any, str]] = {}
        self._asked: dict[int, tuple[Any, str]] = {}

    def begin(self) -> None:
        """Start a save: what was not asked for in the last one is forgotten."""
        self._names, self._asked = self._asked, {}

    def put(self, array: NDArray[Any]) -> str:
        """Return the name of the file that holds ``array``, written unless it is there."""
        known = self._names.get(id(array))
        if known is None or known[0] is not array:
            known = array, _name(_narrow(array))
        self._asked[id(array)] = known
        name = known[1]
        if not (self._folder / name).exists():
            with written(self._folder / name) as temporary:
                np.save(temporary, _narrow(array), allow_pickle=False)
        return name

    def lesson(self, lesson: TaughtSettings) -> str:
        """Return the name of the file that holds a lesson: examples may be many."""
        known = self._names.get(id(lesson))
        if known is None or known[0] is not lesson:
            digest = hashlib.sha256(lesson.model_dump_json().encode()).hexdigest()
            known = lesson, f"history/{digest[:32]}.json"
        self._asked[id(lesson)] = known
        name = known[1]
        if not (self._folder / name).exists():
            write_text(self._folder / name, lesson.model_dump_json())
        return name

    def steps(self, steps: Iterable[Step]) -> tuple[StepRecord, ...]:
        """Return steps as a record, with their arrays written."""
        return tuple(
            StepRecord(words=s.words, before=self._moment(s.before), after=self._moment(s.after))
            for s in steps
        )

    def _moment(self, moment: Moment) -> MomentRecord:
        selection, lesson = self.put(moment.selection), self.lesson(moment.lesson)
        groups = moment.groups
        if groups is None:
            return MomentRecord(
                selection=selection,
                lesson=lesson,
                clustering=moment.clustering,
                whole=None if moment.whole is None else self._whole(moment.whole),
                columns=None if moment.columns is None else self._columns(moment.columns),
            )
        return MomentRecord(
            selection=selection,
            lesson=lesson,
            as_taught=moment.as_taught,
            clustering=moment.clustering,
            codes=self.put(groups.codes),
            names=groups.names,
            colours=groups.colours,
            edits=moment.edits,
        )

    def _columns(self, columns: Columns) -> ColumnsRecord:
        values = {}
        for name, column in columns.values.items():
            known = isinstance(column.dtype, pd.CategoricalDtype)
            colours = columns.colours.get(name)
            values[name] = ColumnRecord(
                kept=self.put(column.cat.codes.to_numpy() if known else column.to_numpy()),
                categories=tuple(map(str, column.cat.categories)) if known else None,
                place=columns.places[name],
                colours=None if colours is None else tuple(map(str, colours)),
            )
        return ColumnsRecord(values=values, shown=columns.shown)

    def _whole(self, whole: Whole) -> WholeRecord:
        made, uncertainty = whole.settings, whole.uncertainty
        return WholeRecord(
            settings=made if isinstance(made, ClusteringSettings) else None,
            taught=self.lesson(made) if isinstance(made, TaughtSettings) else None,
            codes=self.put(whole.groups.codes),
            names=whole.groups.names,
            colours=whole.groups.colours,
            edits=whole.edits,
            place=whole.place,
            uncertainty=None if uncertainty is None else self.put(uncertainty),
            model=whole.model,
        )


class ArrayReader:
    """Reads arrays of a project's folder, each once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, NDArray[Any]] = {}
        self._lessons: dict[str, TaughtSettings] = {}

    def integers(self, name: str) -> NDArray[np.int64]:
        """Return a row of whole numbers, int64 (m,).

        Raises
        ------
        UnreadableFile
            If the file is missing, damaged, or holds something else.
        """
        if name not in self._read:
            array = self._load(name)
            if array.ndim != 1 or array.dtype.kind not in "iu":
                raise self._damaged(name, "it holds no whole numbers")
            self._read[name] = array.astype(np.int64)
        return self._read[name]

    def numbers(self, name: str, count: int) -> NDArray[Any]:
        """Return ``count`` numbers."""
        array = self._load(name)
        if array.shape != (count,) or array.dtype.kind not in "iufb":
            raise self._damaged(name, "it is not of these cells")
        return array

    def lesson(self, name: str) -> TaughtSettings:
        """Return what was taught.

        Raises
        ------
        UnreadableFile
            If the file is missing, damaged, or holds something else.
        """
        if name not in self._lessons:
            try:
                text = (self._folder / name).read_text(encoding="utf-8")
                self._lessons[name] = TaughtSettings.model_validate_json(text)
            except (OSError, ValueError) as error:
                raise self._damaged(name, "it holds no examples") from error
        return self._lessons[name]

    def steps(self, records: Iterable[StepRecord], count: int) -> tuple[Step, ...]:
        """Return steps on a table of ``count`` cells."""
        return tuple(
            Step(r.words, self._moment(r.before, count), self._moment(r.after, count))
            for r in records
        )

    def _moment(self, record: MomentRecord, count: int) -> Moment:
        selection, lesson = self.integers(record.selection), self.lesson(record.lesson)
        if record.codes is None:
            whole = None if record.whole is None else self._whole(record.whole, count)
            columns = None if record.columns is None else self._columns(record.columns, count)
            return Moment(
                selection, lesson, record.clustering, None, (), whole=whole, columns=columns
            )
        groups = self._groups(record.codes, record.names, record.colours, count)
        return Moment(selection, lesson, record.clustering, groups, record.edits, record.as_taught)

    def _columns(self, record: ColumnsRecord, count: int) -> Columns:
        values, places, colours = {}, {}, {}
        for name, column in record.values.items():
            values[name] = pd.Series(self._annotation(column, count), name=name)
            places[name] = column.place
            if column.colours is not None:
                colours[name] = np.array(column.colours)
        return Columns(values, places, colours, record.shown)

    def _annotation(self, record: ColumnRecord, count: int) -> Any:
        names = record.categories
        if names is None:
            return self.numbers(record.kept, count)
        codes = self.integers(record.kept)
        fits = codes.min(initial=-1) >= -1 and codes.max(initial=-1) < len(names)
        if len(codes) != count or len(set(names)) < len(names) or not fits:
            raise self._damaged(record.kept, "it is not of these cells and categories")
        return pd.Categorical.from_codes(codes, categories=pd.Index(names, dtype=object))

    def _whole(self, record: WholeRecord, count: int) -> Whole:
        made: ClusteringSettings | TaughtSettings = record.settings or ClusteringSettings()
        if record.taught is not None:
            made = self.lesson(record.taught)
        groups = self._groups(record.codes, record.names, record.colours, count)
        kept = record.uncertainty
        uncertainty = None if kept is None else self.numbers(kept, count)
        return Whole(made, groups, record.edits, record.place, uncertainty, record.model)

    def _groups(
        self, kept: str, names: tuple[str, ...], colours: tuple[str, ...], count: int
    ) -> Groups:
        codes = self.integers(kept)
        fits = codes.min(initial=-1) >= -1 and codes.max(initial=-1) < len(names)
        same = len(names) == len(colours) == len(set(names))
        if len(codes) != count or not same or not fits:
            raise self._damaged(kept, "it is not of these cells and groups")
        return Groups(codes, names, colours)

    def _load(self, name: str) -> NDArray[Any]:
        try:
            array = np.load(self._folder / name, mmap_mode=None, allow_pickle=False)
        except _NO_ARRAY as error:
            raise self._damaged(name, str(error)) from error
        if not isinstance(array, np.ndarray):
            raise self._damaged(name, "it holds something else")
        return array

    def _damaged(self, name: str, why: str) -> UnreadableFile:
        return UnreadableFile(
            f"{self._folder / name} is damaged: {why}.", "Copy the project's folder again."
        )


def _narrow(array: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers in the narrowest type that holds them."""
    if array.dtype.kind not in "iu" or not array.size:
        return array
    low, high = int(array.min()), int(array.max())
    for kind in (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return array.astype(kind)
    return array


def _name(array: NDArray[Any]) -> str:
    digest = hashlib.sha256(f"{array.dtype}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)
    return f"history/{digest.hexdigest()[:32]}.npy"
