"""Tables of cells in a project: what of one has to be written, and what is on the disk already."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from anndata import AnnData

    from napari_splicer.gui.project.record import TableRecord


@dataclass(frozen=True, eq=False)
class TableNow:
    """A table as it is at one moment: what is changed in it later does not reach this.

    Parameters
    ----------
    matrices : mapping of str to array (n, …)
        ``X``, and the representation and the embedding where there are any; never changed in place.
    obs, var : DataFrame
    obsm, uns : mapping
        The rest.
    """

    matrices: Mapping[str, Any]
    obs: pd.DataFrame
    var: pd.DataFrame
    obsm: Mapping[str, Any]
    uns: Mapping[str, Any]

    @classmethod
    def of(cls, table: AnnData) -> TableNow:
        """Take hold of a table; copies no row."""
        matrices = matrices_of(table)
        return cls(
            matrices,
            table.obs.copy(deep=False),
            table.var.copy(deep=False),
            {name: values for name, values in table.obsm.items() if name not in matrices},
            _copied(table.uns),
        )

    def table(self) -> AnnData:
        """Return it as a table of its own."""
        from anndata import AnnData

        large = {name: values for name, values in self.matrices.items() if name != "X"}
        return AnnData(
            X=self.matrices["X"],
            obs=self.obs,
            var=self.var,
            obsm={**self.obsm, **large},
            uns=dict(self.uns),
        )


def matrices_of(table: AnnData) -> dict[str, Any]:
    """Return what is large in a table: intensities, representation and embedding."""
    from napari_splicer.embedding.table import MATRICES

    described = {name: table.obsm[name] for name in MATRICES if name in table.obsm}
    return {"X": table.X} | described


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
            digest = hashlib.sha256(f"{matrix.dtype}{matrix.shape}".encode())
            digest.update(np.ascontiguousarray(matrix).data)
            self._known[id(matrix)] = matrix, digest.hexdigest()
        return self._known[id(matrix)][1]

    def keep_only(self, matrices: Iterable[Any]) -> None:
        """Let go of all other matrices."""
        living = {id(matrix) for matrix in matrices}
        self._known = {key: known for key, known in self._known.items() if key in living}


def digest_of_rest(table: TableNow) -> str:
    """Return a digest of all of a table that is no matrix: columns, groups, notes, map."""
    digest = hashlib.sha256()
    for frame in (table.obs, table.var):
        digest.update(json.dumps([list(map(str, frame.columns)), len(frame)]).encode())
        digest.update(pd.util.hash_pandas_object(frame, index=True).to_numpy().data)
        for column in (frame[name] for name in frame.columns):
            if isinstance(column.dtype, pd.CategoricalDtype):
                digest.update(json.dumps(list(map(str, column.cat.categories))).encode())
    for name in sorted(table.obsm):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(table.obsm[name]).data)
    _digest_notes(table.uns, digest)
    return digest.hexdigest()


def write_table(table: TableNow, path: Path, alike: Path | None) -> None:
    """Write a table to a new folder.

    Parameters
    ----------
    table : TableNow
    path : Path
        Of a ``.zarr`` that is not there yet.
    alike : Path or None
        A table with the same matrices, which are taken over as files.

    Raises
    ------
    CannotWrite
        See :func:`napari_splicer.files.written`.
    """
    from napari_splicer.embedding.stored import write_changes
    from napari_splicer.export.tables import write_zarr

    if alike is None:
        write_zarr(table.table(), path)
    else:
        write_changes(table.table(), path, source=alike)


def with_same_matrices(
    known: Iterable[TableRecord], matrices: Mapping[str, str], folder: Path
) -> TableRecord | None:
    """Return the first of the tables in ``folder`` that has these matrices."""
    return next(
        (t for t in known if dict(t.matrices) == dict(matrices) and (folder / t.kept).is_dir()),
        None,
    )


def _copied(notes: Mapping[str, Any]) -> dict[str, Any]:
    """Copy notes within notes; their values are replaced when they change, never changed."""
    return {
        str(key): _copied(value) if isinstance(value, dict) else value
        for key, value in notes.items()
    }


def _digest_notes(notes: Mapping[str, Any], digest: hashlib._Hash) -> None:
    for key in sorted(notes):
        digest.update(f"{key}=".encode())
        value = notes[key]
        if isinstance(value, dict):
            _digest_notes(value, digest)
        elif isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
            digest.update(np.ascontiguousarray(value).data)
        elif isinstance(value, (np.ndarray, list, tuple)):
            digest.update(json.dumps([str(item) for item in value]).encode())
        elif isinstance(value, pd.DataFrame):
            digest.update(pd.util.hash_pandas_object(value).to_numpy().data)
        else:
            digest.update(str(value).encode())
