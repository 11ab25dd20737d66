"""Tiles of a grid as a small image, one pixel per tile, and colours for their embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.analysis.space import finding_components
from napari_splicer.shares import finish

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.shares import Shares

_DARKEST, _BRIGHTEST = 0.01, 0.99  # quantiles; a few odd tiles must not take the whole range


@dataclass(frozen=True, eq=False)
class TileMap:
    """Where the tiles of one image lie among each other.

    Parameters
    ----------
    y, x : float64 (gy,), (gx,)
        Centres of the rows and columns of tiles, in pixels of the image, ascending. The last ones
        lie flush with its border, so they may be nearer to their neighbours than the others.
    row : int64 (gy, gx)
        Row of the table that holds each tile; -1 where there is none.
    """

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    row: NDArray[np.int64]

    @classmethod
    def of(cls, table: AnnData, image: str) -> TileMap:
        """Find the tiles of an image in a table."""
        here = np.flatnonzero(table.obs["region"] == image)
        tiles = table.obs.iloc[here]
        return cls.at(tiles["y"].to_numpy(float), tiles["x"].to_numpy(float), here)

    @classmethod
    def at(cls, y: NDArray[np.float64], x: NDArray[np.float64], row: NDArray[np.int64]) -> TileMap:
        """Lay tiles out by their centres (n,) in pixels; ``row`` int64 (n,) says where they are."""
        lines, down = np.unique(y, return_inverse=True)
        columns, across = np.unique(x, return_inverse=True)
        grid = np.full((len(lines), len(columns)), -1)
        grid[down, across] = row
        return cls(lines, columns, grid)

    @property
    def step(self) -> tuple[float, float]:
        """Pixels of the image from one tile to the next, (y, x)."""
        first, second = (
            float(centres[1] - centres[0]) if len(centres) > 1 else 1.0
            for centres in (self.y, self.x)
        )
        return first, second

    def take(self, matrix: Any, band: slice = slice(None)) -> NDArray[Any]:
        """Return the columns of a table's matrix as images.

        Parameters
        ----------
        matrix : array (n, D)
            Of the table; may be a dask array, of which only the rows that are asked for are read.
        band : slice
            Of the rows of tiles.

        Returns
        -------
        array (D, rows, gx)
            Of the matrix's type; NaN, or 0 where it has none, where there is no tile.
        """
        wanted = self.row[band]
        there = wanted >= 0
        rows = wanted[there]
        order = np.argsort(rows)
        values = np.asarray(matrix[rows[order]])
        missing = np.nan if values.dtype.kind == "f" else 0
        found = np.full((values.shape[1], *wanted.shape), missing, values.dtype)
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        found[:, there] = values[back].T
        return found


def principal_colours(
    table: AnnData, source: str = "representation", *, seed: int = 0
) -> NDArray[np.uint8]:
    """Return a colour per cell or tile: the first three principal components as red, green, blue.

    Alike tiles have like colours, in all images of the table. Components come from all tiles, or
    from 50,000 of many; their range leaves out the most extreme hundredth on both sides.

    Parameters
    ----------
    table : AnnData (n)
    source : str
        As :func:`napari_splicer.analysis.features.features` takes it.

    Returns
    -------
    uint8 (n, 3)
        0 for tiles without any finite value, and where there are fewer components.

    Raises
    ------
    InvalidSettings, UnusableChannel
        As :func:`napari_splicer.analysis.features.features`.
    """
    return finish(finding_colours(table, source, seed=seed))


def finding_colours(
    table: AnnData, source: str = "representation", *, seed: int = 0
) -> Shares[NDArray[np.uint8]]:
    """Do what :func:`principal_colours` does, and yield how much is done."""
    scores = yield from finding_components(table, source, 3, seed=seed)
    known = np.isfinite(scores).all(axis=1)
    low, high = np.quantile(scores[known], [_DARKEST, _BRIGHTEST], axis=0)
    colours = np.zeros((table.n_obs, 3), np.uint8)
    share = ((scores[known] - low) / np.maximum(high - low, 1e-12)).clip(0, 1)
    colours[known, : share.shape[1]] = np.round(255 * share)
    return colours
