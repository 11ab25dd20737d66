"""What cells are compared by: standardised numbers per cell, from one source or several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.analysis.sources import check_sources
from napari_splicer.analysis_settings import component_of, sources_in
from napari_splicer.embedding.table import chunk_slices
from napari_splicer.errors import UnusableChannel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData
    from numpy.typing import ArrayLike, NDArray
    from sklearn.decomposition import PCA

    Float32 = NDArray[np.float32]
    Rows = NDArray[np.int64]

_COFACTOR = 5.0  # bends the scale above a fifth of the bright cells' intensity
_BRIGHT = 0.99
_LARGEST_SCORE = 10.0  # a few very bright cells must not decide every distance
_BLOCK = 256  # rows whose copies stay in the cache: four times faster than all at once
COMPONENTS = 50


def features(table: AnnData, source: str | Sequence[str]) -> NDArray[np.float32]:
    """Return what cells are compared by, every column with mean 0 and standard deviation 1.

    Parameters
    ----------
    table : AnnData (n cells)
        As :mod:`napari_splicer.embedding.table` builds it.
    source : str or sequence of str
        ``"representation"``, ``"intensity"`` (mean per marker, arcsinh scale), ``"combined"`` (both
        with the same total variance) or ``"chunk:<component>"`` of the primary embedding. Several
        are put side by side, each with the same total variance.

    Returns
    -------
    float32 (n, d)
        Constant columns are left out. Missing values (a marker that an image lacks) count as the
        column's mean; a cell without any finite value in a source is NaN in all its columns.

    Raises
    ------
    InvalidSettings
        If the table has no such source, or one is named twice; names those it has.
    UnusableChannel
        If nothing of a source differs between the cells.
    """
    return Features.fit(table, source).of(table)


@dataclass(frozen=True, eq=False)
class Features:
    """How a table's numbers become those that cells are compared by, found on some of its cells.

    Parameters
    ----------
    sources : tuple of str
        As :func:`features` takes them.
    bright : float32 (C,)
        Intensity of every channel that 1 % of the cells exceed.
    scales : tuple of tuple of Scale
        Of every block of numbers, by source.
    """

    sources: tuple[str, ...]
    bright: Float32
    scales: tuple[tuple[Scale, ...], ...]

    @classmethod
    def fit(cls, table: AnnData, source: str | Sequence[str], rows: Rows | None = None) -> Features:
        """Find means and spreads, on the cells of ``rows`` or on all. Raises as :func:`features`.

        Parameters
        ----------
        table : AnnData (n cells)
            Its matrices may be dask arrays, of which nothing but ``rows`` is kept.
        source : str or sequence of str
        rows : int64 (m,), optional
            Sorted.
        """
        check_sources(table, source)
        sources, scales = sources_in(source), []
        bright = np.empty(0, np.float32)
        if any(map(_has_intensity, sources)):
            bright = _bright(_taken(table.X, rows))
        for each in sources:
            found = tuple(Scale.fit(block) for block in _blocks(table, each, bright, rows))
            if not any(scale.width for scale in found):
                raise UnusableChannel(
                    f"No number of '{each}' differs between the cells, so they can't be compared.",
                    "Check the channels, or choose another source.",
                )
            scales.append(found)
        return cls(sources, bright, tuple(scales))

    def of(self, table: AnnData, rows: Rows | None = None) -> Float32:
        """Return float32 (m, d) of the cells of ``rows``, or of all; see :func:`features`."""
        parts = []
        for source, scales in zip(self.sources, self.scales, strict=True):
            blocks = _blocks(table, source, self.bright, rows)
            found = [scale.of(block) for scale, block in zip(scales, blocks, strict=True)]
            parts.append(side_by_side([part for part in found if part.shape[1]]))
        return side_by_side(parts)


@dataclass(frozen=True, eq=False)
class Scale:
    """Which columns of a matrix differ between cells, and their mean and standard deviation."""

    columns: NDArray[np.int64]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]

    @property
    def width(self) -> int:
        """Columns that are left."""
        return len(self.columns)

    @classmethod
    def fit(cls, x: ArrayLike) -> Scale:
        """Find them for (n, d) numbers, of which those that are not finite count as missing."""
        values = _missing_as_nan(x)
        known = np.flatnonzero(~np.isnan(values).all(axis=0))
        mean = np.asarray(np.nanmean(values[:, known], axis=0, dtype=np.float64))
        sd = np.asarray(np.nanstd(values[:, known], axis=0, dtype=np.float64))
        differs = sd > 1e-6 * np.maximum(np.abs(mean), 1e-12)
        return cls(known[differs], mean[differs], sd[differs])

    def of(self, x: ArrayLike) -> Float32:
        """Return z-scores, float32 (n, width); see :func:`standardise`."""
        values = np.asarray(x, dtype=np.float32)
        scores = np.empty((len(values), self.width), np.float32)
        for start in range(0, len(values), _BLOCK):
            scores[start : start + _BLOCK] = self._of_block(values[start : start + _BLOCK])
        return scores

    def _of_block(self, x: Float32) -> Float32:
        values = _missing_as_nan(x)
        empty = np.isnan(values).all(axis=1)
        scores = (values[:, self.columns] - self.mean) / self.sd
        scores = np.clip(np.nan_to_num(scores), -_LARGEST_SCORE, _LARGEST_SCORE)
        scores[empty] = np.nan
        return np.asarray(scores, dtype=np.float32)


def _missing_as_nan(x: ArrayLike) -> Float32:
    values = np.array(x, dtype=np.float32)
    values[~np.isfinite(values)] = np.nan
    return values


def _has_intensity(source: str) -> bool:
    return source in ("intensity", "combined")


def _blocks(table: AnnData, source: str, bright: Float32, rows: Rows | None) -> list[Float32]:
    component = component_of(source)
    if component is not None:
        chunk = chunk_slices(table)[component]
        return [_taken(table.obsm["X_splicer_chunks"], rows)[:, chunk]]
    blocks = []
    if source != "intensity":
        blocks.append(_taken(table.obsm["X_splicer"], rows))
    if _has_intensity(source):
        blocks.append(_bent(_taken(table.X, rows), bright))
    return blocks


def _taken(matrix: Any, rows: Rows | None) -> Float32:
    return np.asarray(matrix if rows is None else matrix[rows], dtype=np.float32)


def scaled_intensities(table: AnnData) -> NDArray[np.float32]:
    """Return mean intensities on a scale where dim and bright cells both count.

    ``arcsinh(5 x / q)`` per channel, ``q`` the intensity that 1 % of the cells exceed, or the
    largest where that is 0.

    Returns
    -------
    float32 (n, C)
        NaN where the table has it.
    """
    return bent(np.asarray(table.X, dtype=np.float32))


def bent(x: Float32) -> Float32:
    """Return intensities, float32 (n, C), on the scale of :func:`scaled_intensities`."""
    return _bent(x, _bright(x))


def _bright(x: Float32) -> Float32:
    """Return of every channel the intensity that few cells exceed, and never 0."""
    found = np.ones(x.shape[1], np.float32)
    for channel, column in enumerate(x.T):
        finite = np.abs(column[np.isfinite(column)])
        bright = float(np.quantile(finite, _BRIGHT)) if finite.size else 0.0
        found[channel] = bright or float(finite.max(initial=0)) or 1.0
    return found


def _bent(x: Float32, bright: Float32) -> Float32:
    return np.asarray(np.arcsinh(x * (_COFACTOR / bright)), np.float32)


def standardise(x: ArrayLike) -> NDArray[np.float32]:
    """Return z-scores per column, at most ±10; constant columns are left out.

    Parameters
    ----------
    x : (n, d)
        NaN and infinite values count as missing.

    Returns
    -------
    float32 (n, d')
        Missing values are 0, the mean; rows without any finite value are NaN.
    """
    return Scale.fit(x).of(x)


def side_by_side(parts: list[Float32]) -> Float32:
    """Join standardised blocks, (n, d) each; all get the same total variance, however wide."""
    if len(parts) == 1:
        return parts[0]
    width = sum(part.shape[1] for part in parts)
    weights = [np.sqrt(width / (len(parts) * part.shape[1])) for part in parts]
    weighted = [part * np.float32(weight) for part, weight in zip(parts, weights, strict=True)]
    return np.concatenate(weighted, axis=1)


def principal_components(
    x: NDArray[np.float32], count: int = COMPONENTS, *, seed: int = 0
) -> NDArray[np.float32]:
    """Return the first ``count`` principal components, or ``x`` where it has no more columns.

    Parameters
    ----------
    x : float32 (n, d)
        Finite.

    Returns
    -------
    float32 (n, min(d, count, n))
    """
    axes = principal_axes(x, count, seed=seed)
    return x if axes is None else np.asarray(axes.transform(x), dtype=np.float32)


def principal_axes(x: NDArray[np.float32], count: int = COMPONENTS, *, seed: int = 0) -> PCA | None:
    """Fit what :func:`principal_components` returns; None where ``x`` has no more columns."""
    if x.shape[1] <= count:
        return None
    from sklearn.decomposition import PCA

    return PCA(n_components=min(count, len(x)), random_state=seed).fit(x)
