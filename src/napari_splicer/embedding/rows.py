"""Rows that come from several sources, put together and kept in pieces as they are complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_splicer.embedding.begun import why_other
from napari_splicer.embedding.table import record, take_rows
from napari_splicer.errors import InvalidSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.images.fingerprint import Seen

PIECE = 4096
"""Rows that are kept together: what is in memory of a table, and what one file of it holds."""


class Store(Protocol):
    """Where pieces of rows are kept: in memory, or on the disk."""

    widths: Mapping[str, int]
    """Columns of every matrix, by its name."""

    done: NDArray[np.bool_]
    """Which rows are complete, bool (n,)."""

    def read(self, name: str, rows: slice) -> NDArray[np.float32]:
        """Return some rows of a matrix."""
        ...

    def write(self, rows: slice, values: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep some rows of every matrix, as complete as ``done`` says."""
        ...

    def so_far(self) -> AnnData | None:
        """Return the table of the rows that are done; None if there is none."""
        ...

    def finish(self) -> AnnData:
        """Return the table, of which every row is done."""
        ...


class InMemory:
    """A table in memory.

    Parameters
    ----------
    table : AnnData
        Its rows, without values.
    widths : mapping of str to int
        ``X``, and the names of those that belong to ``obsm``.
    """

    def __init__(self, table: AnnData, widths: Mapping[str, int]) -> None:
        self.widths = widths
        self.done = np.zeros(table.n_obs, bool)
        self._table = table
        self._matrices = {
            name: np.full((table.n_obs, width), np.nan, np.float32)
            for name, width in widths.items()
        }

    @classmethod
    def go_on(
        cls, table: AnnData, widths: Mapping[str, int], earlier: AnnData, seen: Sequence[Seen]
    ) -> InMemory:
        """Begin with the cells that an embedding of ``table`` had described when it was stopped.

        ``seen`` are the images and masks as they are now.

        Raises
        ------
        InvalidSettings
            If they are of other images or masks, another model or other settings.
        """
        why = why_other(earlier.obs, earlier.var_names, record(earlier), table, seen)
        if why:
            raise InvalidSettings(
                f"The cells that were described before are {why}.", "Describe all cells anew."
            )
        made = cls(table, widths)
        rows = table.obs_names.get_indexer(earlier.obs_names)
        for name, matrix in made._matrices.items():
            matrix[rows] = earlier.X if name == "X" else earlier.obsm[name]
        made.done[rows] = True
        return made

    def read(self, name: str, rows: slice) -> NDArray[np.float32]:
        """Return some rows of a matrix."""
        return self._matrices[name][rows]

    def write(self, rows: slice, values: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep some rows of every matrix."""
        for name, matrix in values.items():
            self._matrices[name][rows] = matrix

    def so_far(self) -> AnnData | None:
        """Return the table of the rows that are done; None if there is none."""
        return take_rows(self.finish(), self.done) if self.done.any() else None

    def finish(self) -> AnnData:
        """Return the table with its values."""
        for name, matrix in self._matrices.items():
            if name == "X":
                self._table.X = matrix
            else:
                self._table.obsm[name] = matrix
        return self._table


class Rows:
    """Collects rows of every matrix of a store, and hands them over piece by piece.

    Rows may come in any order and each matrix for itself; memory holds the pieces that were begun
    and are not complete.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begun: dict[int, _Piece] = {}

    def put(self, name: str, rows: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        """Add rows of the matrix ``name``: ``rows`` int64 (m,), ``values`` float32 (m, width)."""
        number = rows // PIECE
        for piece in np.unique(number).tolist():
            if piece not in self._begun:
                self._begun[piece] = _Piece(self._store, piece)
            here = number == piece
            self._begun[piece].put(name, rows[here], values[here])
            if self._begun[piece].complete:
                self._begun.pop(piece).keep()

    def close(self) -> None:
        """Hand over what is incomplete too: of these pieces, the rows that every matrix has."""
        for piece in self._begun.values():
            piece.keep()
        self._begun.clear()


class _Piece:
    def __init__(self, store: Store, number: int) -> None:
        self._store = store
        self._rows = slice(number * PIECE, min((number + 1) * PIECE, len(store.done)))
        done = store.done[self._rows]
        self._known = {name: done.copy() for name in store.widths}
        self._values = {
            name: np.array(store.read(name, self._rows))
            if done.any()
            else np.full((len(done), width), np.nan, np.float32)
            for name, width in store.widths.items()
        }

    def put(self, name: str, rows: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        self._values[name][rows - self._rows.start] = values
        self._known[name][rows - self._rows.start] = True

    @property
    def complete(self) -> bool:
        return all(known.all() for known in self._known.values())

    def keep(self) -> None:
        done = np.logical_and.reduce([*self._known.values()])
        for values in self._values.values():
            values[~done] = np.nan
        self._store.done[self._rows] = done
        self._store.write(self._rows, self._values)
