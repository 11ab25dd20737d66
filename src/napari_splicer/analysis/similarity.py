"""How alike all cells are to one, or to the mean of several."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.analysis.standardised import StandardisedCells, rows_of
from napari_splicer.errors import NoCells
from napari_splicer.shares import finish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.shares import Shares

_SMALLEST = 1e-6  # a length below this has no direction


@dataclass(frozen=True, eq=False)
class Similarity:
    """How alike every cell of a table is to the cells that were asked about.

    Parameters
    ----------
    values : float32 (n,)
        Cosine similarity, row by row: 1 where a cell differs from the average cell in the same way
        as those asked about, 0 where in quite another, -1 in the opposite. NaN where it can't be
        told.
    asked : int64 (m,)
        Rows of the cells that were asked about.
    order : int64 (k,)
        Rows of all other cells that can be compared, the most alike first.
    source : str
        What they were compared by.
    remarks : tuple of str
        What could not be compared, in sentences.
    """

    values: NDArray[np.float32]
    asked: NDArray[np.int64]
    order: NDArray[np.int64]
    source: str
    remarks: tuple[str, ...]

    def count_above(self, least: float) -> int:
        """Return how many of :attr:`order` are at least so similar."""
        return int(np.searchsorted(self._rising, -np.float32(least), side="right"))

    @cached_property
    def _rising(self) -> NDArray[np.float32]:
        negated: NDArray[np.float32] = -self.values[self.order]
        return negated

    def nearest(self, count: int) -> NDArray[np.int64]:
        """Return the cells asked about and the ``count`` most alike of the others, int64 rows."""
        return np.concatenate([self.asked, self.order[:count]])


def similarity(table: AnnData, cells: Sequence[str], source: str = "representation") -> Similarity:
    """Compare all cells of a table to one of them, or to the mean of several.

    The cosine of the angle between standardised numbers (each with mean 0 and standard deviation 1
    over all cells): without that, numbers that are positive in every cell make all cells alike.

    Parameters
    ----------
    table : AnnData (n cells)
        Is not changed; its matrices may be dask arrays, which are read piece by piece.
    cells : sequence of str
        One or more, named as in ``table.obs_names``.
    source : str
        One of :func:`napari_splicer.analysis.sources.available_sources`.

    Raises
    ------
    NoCells
        If the table lacks one of the cells, or they hold nothing to compare others with.
    InvalidSettings, UnusableChannel
        As :func:`napari_splicer.analysis.features.features`.
    """
    return finish(comparing(table, cells, source))


def comparing(table: AnnData, cells: Sequence[str], source: str) -> Shares[Similarity]:
    """Do what :func:`similarity` does, and yield how much is done."""
    asked = rows_of(table, list(dict.fromkeys(cells)))
    numbers = StandardisedCells(table, (source,))
    towards = _direction(numbers, asked)
    values = np.full(table.n_obs, np.nan, np.float32)
    for rows, x in numbers.pieces():
        lengths = np.linalg.norm(x, axis=1)
        comparable = lengths > _SMALLEST  # which NaN is not
        along = x[comparable] @ towards / lengths[comparable]
        values[rows[comparable]] = along.clip(-1, 1)
        yield (int(rows[-1]) + 1) / table.n_obs
    return Similarity(
        values,
        asked,
        _ranked(values, asked),
        source,
        (*numbers.remarks, *_left_out(values, source)),
    )


def _direction(numbers: StandardisedCells, asked: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return in which way the cells asked about differ from the average cell, of length 1."""
    x = numbers.of(asked)
    x = x[np.isfinite(x).all(axis=1)]
    if not len(x):
        raise NoCells(
            f"{_these(asked)} no finite value in {numbers.words}, so nothing can be compared "
            "with it.",
            "Choose another cell, or compare by something else.",
        )
    mean = x.mean(axis=0)
    length = float(np.linalg.norm(mean))
    if length <= _SMALLEST:
        raise NoCells(
            f"In {numbers.words}, what you chose is exactly the average cell: no cell is more "
            "alike to it than others.",
            "Choose another cell, or compare by something else.",
        )
    direction: NDArray[np.float32] = (mean / length).astype(np.float32)
    return direction


def _these(asked: NDArray[np.int64]) -> str:
    return "This cell holds" if len(asked) == 1 else f"All {len(asked)} cells hold"


def _ranked(values: NDArray[np.float32], asked: NDArray[np.int64]) -> NDArray[np.int64]:
    others = np.isfinite(values)
    others[asked] = False
    rows = np.flatnonzero(others)
    ranked: NDArray[np.int64] = rows[np.argsort(-values[rows], kind="stable")]
    return ranked


def _left_out(values: NDArray[np.float32], source: str) -> tuple[str, ...]:
    count = int(np.isnan(values).sum())
    if not count:
        return ()
    cells = "1 cell holds" if count == 1 else f"{count:,} cells hold"
    return (f"{cells} nothing in '{source}' that could be compared, and stay grey.",)
