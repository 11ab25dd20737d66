"""Where cells are compared: all of them, or, of many, landmarks that stand for the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_splicer.analysis.features import Features, principal_axes
from napari_splicer.analysis.neighbours import Search, nearest
from napari_splicer.shares import finish

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.analysis.neighbours import Neighbours
    from napari_splicer.shares import Shares

MANY = 200_000
"""With more cells than this, landmarks are grouped, and the others join those they are near to."""

PIECE = 5 * 4096
"""Rows that are compared at once; tables on disk keep 4,096 in a piece."""


class Near(NamedTuple):
    """The landmarks nearest to cells that are none.

    ``rows`` int64 (r,) of the table; ``indices`` int64 (r, k) into the landmarks, nearest first;
    ``distances`` float32 (r, k), Euclidean.
    """

    rows: NDArray[np.int64]
    indices: NDArray[np.int64]
    distances: NDArray[np.float32]


class CellSpace:
    """The cells of a table as points: principal components of their standardised numbers.

    Up to :data:`MANY` cells, every one is a landmark. Of more, ``landmarks`` are drawn at random;
    scale and components are found on them alone, and the others are read piece by piece.

    Parameters
    ----------
    table : AnnData (n cells)
        Is not changed; its matrices may be dask arrays.
    source : str or sequence of str
        As :func:`napari_splicer.analysis.features.features` takes it.
    seed : int
        Draws the landmarks.
    landmarks : int
        How many, of more than :data:`MANY` cells.

    Attributes
    ----------
    rows : int64 (m,)
        Of the landmarks in the table; cells without any finite value are none.
    x : float32 (m, d)
        The landmarks.

    Raises
    ------
    InvalidSettings, UnusableChannel
        As :func:`napari_splicer.analysis.features.features`.
    """

    def __init__(
        self, table: AnnData, source: str | Sequence[str], *, seed: int, landmarks: int
    ) -> None:
        count = table.n_obs
        drawn = np.arange(count)
        if count > max(MANY, landmarks):
            drawn = np.sort(np.random.default_rng(seed).choice(count, landmarks, replace=False))
        self._table = table
        self._features = Features.fit(table, source, drawn)
        x = self._features.of(table, drawn)
        known = np.isfinite(x).all(axis=1)
        self._axes = principal_axes(x[known], seed=seed)
        self.rows, self.x = drawn[known], self._projected(x[known])
        self._drawn = drawn
        self._neighbours: dict[int, Neighbours] = {}
        self._near: Near | None = None

    @property
    def sampled(self) -> bool:
        """Whether there are cells beside the landmarks."""
        return len(self._drawn) < self.count

    @property
    def count(self) -> int:
        """Cells of the table."""
        return int(self._table.n_obs)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is to be said of how cells are compared."""
        if not self.sampled:
            return ()
        return (
            f"{len(self.rows):,} of the {self.count:,} cells, drawn at random, stand for all: "
            "each of the others goes with those that it is most like (setting 'landmarks').",
        )

    def neighbours(self, count: int, *, seed: int) -> Generator[float, None, Neighbours]:
        """Find each landmark's nearest landmarks, once; yields the share that is done."""
        if count not in self._neighbours:
            self._neighbours[count] = yield from nearest(self.x, count, seed=seed)
        return self._neighbours[count]

    def near(self, count: int) -> Generator[float, None, Near]:
        """Find the nearest landmarks of all other cells, once; yields the share that is done."""
        count = min(count, len(self.x))
        if self._near is None or self._near.indices.shape[1] < count:
            search, found = Search(self.x, count), []
            for done, (rows, x) in self.others():
                found.append(Near(rows, *search(x)))
                yield done
            self._near = Near(*map(np.concatenate, zip(*found, strict=True)))
        rows, indices, distances = self._near
        return Near(rows, indices[:, :count], distances[:, :count])

    def others(self) -> Iterator[tuple[float, tuple[NDArray[np.int64], NDArray[np.float32]]]]:
        """Yield rows and points of all cells but landmarks, and the share that is read by then.

        Cells without any finite value are left out.
        """
        is_landmark = np.zeros(self.count, bool)
        is_landmark[self._drawn] = True
        for start in range(0, self.count, PIECE):
            stop = min(start + PIECE, self.count)
            rows = start + np.flatnonzero(~is_landmark[start:stop])
            x = self._features.of(self._table, rows)
            known = np.isfinite(x).all(axis=1)
            yield stop / self.count, (rows[known], self._projected(x[known]))

    def _projected(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._axes is None or not len(x):
            return x if self._axes is None else np.empty((0, self._axes.n_components_), np.float32)
        return np.asarray(self._axes.transform(x), np.float32)


def first_components(
    table: AnnData,
    source: str | Sequence[str],
    count: int,
    *,
    seed: int = 0,
    landmarks: int = 50_000,
) -> NDArray[np.float32]:
    """Return every cell's place along the first principal components of its standardised numbers.

    Parameters
    ----------
    table : AnnData (n cells)
        Its matrices may be dask arrays, of which a piece is in memory at a time.
    source : str or sequence of str
        As :func:`napari_splicer.analysis.features.features` takes it.
    count : int
        How many components.
    seed, landmarks
        As :class:`CellSpace` takes them: components of many cells are found on a part of them.

    Returns
    -------
    float32 (n, at most ``count``)
        NaN for cells without any finite value; fewer columns where there are fewer components.

    Raises
    ------
    InvalidSettings, UnusableChannel
        As :func:`napari_splicer.analysis.features.features`.
    """
    return finish(finding_components(table, source, count, seed=seed, landmarks=landmarks))


def finding_components(
    table: AnnData,
    source: str | Sequence[str],
    count: int,
    *,
    seed: int = 0,
    landmarks: int = 50_000,
) -> Shares[NDArray[np.float32]]:
    """Do what :func:`first_components` does, and yield how much is done."""
    yield 0.0
    space = CellSpace(table, source, seed=seed, landmarks=landmarks)
    yield 0.5 if space.sampled else 0.8
    axes = principal_axes(space.x, count, seed=seed)

    def along(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return x[:, :count] if axes is None else np.asarray(axes.transform(x), np.float32)

    own = along(space.x)
    scores = np.full((table.n_obs, own.shape[1]), np.nan, np.float32)
    scores[space.rows] = own
    if space.sampled:
        for done, (rows, x) in space.others():
            if len(rows):
                scores[rows] = along(x)
            yield 0.5 + done / 2
    return scores
