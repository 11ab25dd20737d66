"""Cells as standardised numbers of one source, or of several side by side, piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.analysis.features import Features
from napari_splicer.analysis.sources import in_quotes, said_of_blank
from napari_splicer.analysis.space import MANY, PIECE
from napari_splicer.errors import NoCells, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anndata import AnnData
    from numpy.typing import NDArray

_SAMPLE = 50_000  # of more than MANY cells, those on which mean and spread are found
_NAMED = 5  # cells that an error names


class StandardisedCells:
    """The cells of a table as numbers of mean 0 and standard deviation 1.

    Of more than :data:`~napari_splicer.analysis.space.MANY` cells, means and spreads are found on
    50,000 drawn at random (always the same ones), and all others are read piece by piece.

    Parameters
    ----------
    table : AnnData (n cells)
        Is not changed; its matrices may be dask arrays.
    sources : sequence of str
        One or more of :func:`napari_splicer.analysis.sources.available_sources`. Several are put
        side by side, each with the same total variance.

    Raises
    ------
    InvalidSettings, UnusableChannel
        As :func:`napari_splicer.analysis.features.features`.
    """

    def __init__(self, table: AnnData, sources: Sequence[str]) -> None:
        self.table, self.sources = table, tuple(dict.fromkeys(sources))
        drawn = None
        if table.n_obs > MANY:
            random = np.random.default_rng(0)
            drawn = np.sort(random.choice(table.n_obs, _SAMPLE, replace=False))
        self._features = Features.fit(table, self.sources, drawn)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is to be said of the sources: which images lack a component."""
        return said_of_blank(self.table, self.sources)

    @property
    def words(self) -> str:
        """The sources, in quotes."""
        return in_quotes(self.sources)

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the cells of ``rows`` (m,), float32 (m, d).

        Cells without any finite value in one of the sources are NaN.
        """
        return self._features.of(self.table, rows)

    def pieces(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield rows, int64 (m,), and their numbers, float32 (m, d), of all cells in order."""
        for start in range(0, self.table.n_obs, PIECE):
            rows = np.arange(start, min(start + PIECE, self.table.n_obs))
            yield rows, self.of(rows)


def rows_of(table: AnnData, cells: Sequence[str]) -> NDArray[np.int64]:
    """Return the rows of cells, which are named as in ``obs_names``: int64 (m,).

    Raises
    ------
    NoCells
        If the table lacks one of them; names those it lacks.
    """
    rows = np.asarray(table.obs_names.get_indexer(list(cells)), np.int64)
    lacking = [cell for cell, row in zip(cells, rows, strict=True) if row < 0]
    if lacking:
        raise NoCells(
            f"The table does not have the cells {listed(lacking, _NAMED)}.",
            "Name cells as the table does: by image and number, such as 'slide_12'.",
        )
    return rows
