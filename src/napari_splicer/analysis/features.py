"""What cells are compared by: standardised numbers per cell, from one of the table's sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.embedding.table import chunk_slices
from napari_splicer.errors import InvalidSettings, UnusableChannel

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import ArrayLike, NDArray

    Float32 = NDArray[np.float32]

_COFACTOR = 5.0  # bends the scale above a fifth of the bright cells' intensity
_BRIGHT = 0.99
_LARGEST_SCORE = 10.0  # a few very bright cells must not decide every distance
_COMPONENTS = 50


def available_sources(table: AnnData) -> tuple[str, ...]:
    """Return the names that :func:`features` takes for this table.

    Returns
    -------
    tuple of str
        ``"intensity"`` always; ``"representation"``, ``"combined"`` and ``"chunk:<component>"``
        where the table comes from a model.
    """
    sources = ["intensity"]
    if "X_splicer" in table.obsm:
        sources += ["representation", "combined"]
    return (*sources, *(f"chunk:{name}" for name in chunk_slices(table)))


def check_source(table: AnnData, source: str) -> None:
    """Raise InvalidSettings, naming what there is, unless the table has this source."""
    if source not in available_sources(table):
        raise InvalidSettings(
            f"This table has no '{source}' to compare cells by.",
            f"Choose one of: {', '.join(available_sources(table))}.",
        )


def features(table: AnnData, source: str) -> NDArray[np.float32]:
    """Return what cells are compared by, every column with mean 0 and standard deviation 1.

    Parameters
    ----------
    table : AnnData (n cells)
        As :mod:`napari_splicer.embedding.table` builds it.
    source : str
        ``"representation"``, ``"intensity"`` (mean per marker, arcsinh scale), ``"combined"`` (both
        with the same total variance) or ``"chunk:<component>"`` of the primary embedding.

    Returns
    -------
    float32 (n, d)
        Constant columns are left out. Missing values (a marker that an image lacks) count as the
        column's mean; a cell without any finite value is NaN throughout.

    Raises
    ------
    InvalidSettings
        If the table has no such source; names those it has.
    UnusableChannel
        If nothing differs between the cells.
    """
    check_source(table, source)
    parts = [standardise(block) for block in _blocks(table, source)]
    parts = [part for part in parts if part.shape[1]]
    if not parts:
        raise UnusableChannel(
            f"No number of '{source}' differs between the cells, so they can't be compared.",
            "Check the channels, or choose another source.",
        )
    return parts[0] if len(parts) == 1 else _joined(parts)


def _blocks(table: AnnData, source: str) -> list[Float32]:
    if source == "intensity":
        return [scaled_intensities(table)]
    if source == "representation":
        return [np.asarray(table.obsm["X_splicer"])]
    if source == "combined":
        return [np.asarray(table.obsm["X_splicer"]), scaled_intensities(table)]
    chunk = chunk_slices(table)[source.removeprefix("chunk:")]
    return [np.asarray(table.obsm["X_splicer_chunks"])[:, chunk]]


def scaled_intensities(table: AnnData) -> NDArray[np.float32]:
    """Return mean intensities on a scale where dim and bright cells both count.

    ``arcsinh(5 x / q)`` per channel, ``q`` the intensity that 1 % of the cells exceed, or the
    largest where that is 0.

    Returns
    -------
    float32 (n, C)
        NaN where the table has it.
    """
    x = np.asarray(table.X, dtype=np.float32)
    scaled = np.empty_like(x)
    for channel, column in enumerate(x.T):
        finite = np.abs(column[np.isfinite(column)])
        bright = float(np.quantile(finite, _BRIGHT)) if finite.size else 0.0
        bright = bright or float(finite.max(initial=0)) or 1.0
        scaled[:, channel] = np.arcsinh(column * (_COFACTOR / bright))
    return scaled


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
    values = np.array(x, dtype=np.float32)
    values[~np.isfinite(values)] = np.nan
    empty = np.isnan(values).all(axis=1)
    if empty.all():
        return values[:, :0]
    known = values[~empty]
    columns = ~np.isnan(known).all(axis=0)
    mean = np.asarray(np.nanmean(known[:, columns], axis=0, dtype=np.float64))
    sd = np.asarray(np.nanstd(known[:, columns], axis=0, dtype=np.float64))
    differs = sd > 1e-6 * np.maximum(np.abs(mean), 1e-12)
    scores = (values[:, columns][:, differs] - mean[differs]) / sd[differs]
    scores = np.clip(np.nan_to_num(scores), -_LARGEST_SCORE, _LARGEST_SCORE)
    scores[empty] = np.nan
    return np.asarray(scores, dtype=np.float32)


def _joined(parts: list[Float32]) -> Float32:
    """Put blocks side by side; each has the same total variance, however many columns it has."""
    width = sum(part.shape[1] for part in parts)
    weights = [np.sqrt(width / (len(parts) * part.shape[1])) for part in parts]
    weighted = [part * np.float32(weight) for part, weight in zip(parts, weights, strict=True)]
    return np.concatenate(weighted, axis=1)


def principal_components(
    x: NDArray[np.float32], count: int = _COMPONENTS, *, seed: int = 0
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
    if x.shape[1] <= count:
        return x
    from sklearn.decomposition import PCA

    pca = PCA(n_components=min(count, len(x)), random_state=seed)
    return np.asarray(pca.fit_transform(x), dtype=np.float32)
