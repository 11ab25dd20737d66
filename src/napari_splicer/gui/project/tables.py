"""Tables of cells in a project, written part by part: what has not changed is taken over as files.

A part is what AnnData keeps as one element: a matrix, one column of the cells, the notes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pandas as pd

from napari_splicer.analysis.clustering import clusterings
from napari_splicer.analysis.regrouping import Groups
from napari_splicer.analysis.teaching import taught_settings
from napari_splicer.analysis_settings import COLOUR
from napari_splicer.errors import SplicerError
from napari_splicer.files import written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import zarr
    from anndata import AnnData

    from napari_splicer.gui.project.record import TableRecord

_ROWS = 10_000  # looked through at a time, so that the window gets its turn
_CELLS = "obs/_index"
_COLUMNS = "obs"


@dataclass(frozen=True, eq=False)
class TableNow:
    """A table as it is at one moment: what is changed in it later does not reach this.

    Parameters
    ----------
    matrices : mapping of str to array (n, …)
        ``X``, and ``obsm/…``; never changed in place.
    obs, var : DataFrame
    uns : mapping
    """

    matrices: Mapping[str, Any]
    obs: pd.DataFrame
    var: pd.DataFrame
    uns: Mapping[str, Any]

    @classmethod
    def of(cls, table: AnnData) -> TableNow:
        """Take hold of a table; copies no row."""
        return cls(
            matrices_of(table),
            table.obs.copy(deep=False),
            table.var.copy(deep=False),
            _copied(table.uns),
        )

    def digests(self, known: Digests) -> dict[str, str]:
        """Return a digest of every part."""
        columns = {f"obs/{name}": _of_column(self.obs[name]) for name in self.obs.columns}
        return {
            _CELLS: _of_words(self.obs.index),
            _COLUMNS: _of_words(self.obs.columns),
            "var": _of_words(self.var.index),
            "uns": _of_notes(self.uns),
            **columns,
            **{name: known.of(matrix) for name, matrix in self.matrices.items()},
        }


def matrices_of(table: AnnData) -> dict[str, Any]:
    """Return the matrices of a table by the names of their parts."""
    return {"X": table.X} | {f"obsm/{name}": values for name, values in table.obsm.items()}


class Digests:
    """Tells matrices apart by their values; each is looked through once, for as long as it lives.

    Matrices that are read from the disk piece by piece are told by where they lie.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, str]] = {}
        self._read: dict[str, str] = {}

    def remember(self, matrix: Any, digest: str) -> None:
        """Note the digest of a matrix that was just read from the disk."""
        if isinstance(matrix, np.ndarray):
            self._known[id(matrix)] = matrix, digest
        else:
            self._read[str(getattr(matrix, "name", ""))] = digest

    def of(self, matrix: Any) -> str:
        """Return the digest of a matrix, 64 hexadecimal digits or the name of a lazy one."""
        if not isinstance(matrix, np.ndarray):
            name = str(getattr(matrix, "name", "")) or uuid4().hex
            return self._read.get(name, name)
        if id(matrix) not in self._known:
            self._known[id(matrix)] = matrix, _of_array(matrix)
        return self._known[id(matrix)][1]

    def keep_only(self, matrices: Iterable[Any]) -> None:
        """Let go of all other matrices."""
        living = {id(matrix) for matrix in matrices}
        self._known = {key: known for key, known in self._known.items() if key in living}


def damaged_parts(table: AnnData, parts: Mapping[str, str]) -> tuple[str, ...]:
    """Return which parts of a table that was read are not what was written.

    Zarr takes pieces that are missing for zeros. What is read piece by piece is not looked at.
    """
    whole = TableNow.of(table)
    looked_at = {n: m for n, m in whole.matrices.items() if isinstance(m, np.ndarray)}
    now = replace(whole, matrices=looked_at).digests(Digests())
    lazy = whole.matrices.keys() - looked_at.keys()
    known = {name: digest for name, digest in parts.items() if name not in lazy}
    return tuple(name for name, digest in known.items() if now.get(name) != digest)


def wrong_groups(table: AnnData) -> str:
    """Say what is wrong with the groups that a table was read with; empty where nothing is."""
    for name in clusterings(table):
        try:
            groups = Groups.of(table, name)
            taught_settings(table, name)
        except (SplicerError, ValueError, KeyError):
            return f"the groups {name} can't be read"
        whole = len(groups.colours) == len(groups.names)
        if not whole or not all(re.match(COLOUR, colour) for colour in groups.colours):
            return f"the groups {name} have no colours"
    return ""


def most_alike(
    known: Iterable[TableRecord], parts: Mapping[str, str], folder: Path
) -> TableRecord | None:
    """Return the table in ``folder`` that shares most parts, of those with the same cells."""
    there = [
        table
        for table in known
        if table.parts.get(_CELLS) == parts[_CELLS] and (folder / table.kept).is_dir()
    ]
    return max(there, key=lambda table: len(table.parts.items() & parts.items()), default=None)


def write_table(table: TableNow, path: Path) -> None:
    """Write a whole table as a new ``.zarr`` folder, which AnnData reads.

    Raises
    ------
    CannotWrite
        See :func:`napari_splicer.files.written`.
    """
    import zarr
    from anndata import AnnData
    from anndata.io import write_elem

    with written(path) as temporary:
        group = zarr.open_group(temporary, mode="w", zarr_format=2)
        write_elem(group, "/", AnnData())  # what an AnnData is made of, all of it empty
        write_elem(group, "obs", table.obs)
        write_elem(group, "var", table.var)
        for name in ("uns", *table.matrices):
            _write_part(group, name, table)
        zarr.consolidate_metadata(group.store, zarr_format=2)


def write_changed(table: TableNow, path: Path, source: Path, changed: set[str]) -> None:
    """Write a table as a new ``.zarr`` folder, with all but some parts from another.

    Parameters
    ----------
    table : TableNow
    path : Path
    source : Path
        A table of the same cells, which stays as it is.
    changed : set of str
        Parts that the two do not share, be they new, different, or there no more.

    Raises
    ------
    CannotWrite
        See :func:`napari_splicer.files.written`.
    """
    import zarr
    from anndata.io import write_elem

    def left_out(folder: str, names: list[str]) -> list[str]:
        place = os.path.relpath(folder, source).replace(os.sep, "/").removeprefix(".")
        return [n for n in names if n == ".zmetadata" or f"{place}/{n}".strip("/") in changed]

    changed -= {_COLUMNS}  # their order is noted beside them
    with written(path) as temporary:
        shutil.copytree(source, temporary, ignore=left_out, copy_function=_link)
        group = zarr.open_group(temporary, mode="r+", zarr_format=2, use_consolidated=False)
        for name in sorted(changed):
            if name == "var":
                write_elem(group, "var", table.var)
            else:
                _write_part(group, name, table)
        group["obs"].attrs["column-order"] = [str(name) for name in table.obs.columns]
        zarr.consolidate_metadata(group.store, zarr_format=2)


def _write_part(group: zarr.Group, name: str, table: TableNow) -> None:
    """Write a matrix, a column or the notes; nothing where the table has no such part."""
    from anndata.io import write_elem

    place, _, column = name.partition("/")
    if name in table.matrices:
        write_elem(group, name, table.matrices[name])
    elif name == "uns":
        write_elem(group, name, dict(table.uns))
    elif place == "obs" and column in table.obs:
        values = table.obs[column]
        plain = isinstance(values.dtype, np.dtype)
        write_elem(group["obs"], column, values.to_numpy() if plain else values.array)


def _link(source: str, target: str) -> None:
    """Give a file a second name, or copy it: what zarr notes of arrays may be written over."""
    try:
        if os.path.basename(source).startswith("."):  # noqa: PTH119 - as copytree gives it
            raise OSError
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _copied(notes: Mapping[str, Any]) -> dict[str, Any]:
    """Copy notes within notes; their values are replaced when they change, never changed."""
    return {
        str(key): _copied(value) if isinstance(value, dict) else value
        for key, value in notes.items()
    }


def _of_array(values: np.ndarray[Any, Any]) -> str:
    digest = hashlib.sha256(f"{values.dtype}{values.shape}".encode())
    digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def _of_column(values: pd.Series[Any]) -> str:
    if isinstance(values.dtype, pd.CategoricalDtype):
        names = json.dumps([str(name) for name in values.cat.categories])
        return hashlib.sha256((names + _of_array(values.cat.codes.to_numpy())).encode()).hexdigest()
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "biufc":
        return _of_array(values.to_numpy())
    return _of_words(values)


def _of_words(values: pd.Index[Any] | pd.Series[Any]) -> str:
    words, digest = values.to_numpy(dtype=object), hashlib.sha256()
    for first in range(0, len(words), _ROWS):
        digest.update("\0".join(map(str, words[first : first + _ROWS])).encode())
    return digest.hexdigest()


def _of_notes(notes: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for key in sorted(notes):
        value = notes[key]
        if isinstance(value, dict):
            said = _of_notes(value)
        elif isinstance(value, np.ndarray) and value.size and value.dtype.kind in "biufc":
            said = _of_array(value)
        elif isinstance(value, (np.ndarray, list, tuple)):
            said = json.dumps([str(item) for item in value])
        elif isinstance(value, pd.DataFrame):
            said = "".join(_of_column(value[name]) for name in value.columns)
        else:
            said = str(value)
        digest.update(f"{key}={said};".encode())
    return digest.hexdigest()
