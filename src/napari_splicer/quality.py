"""What a representation holds: pure functions of embeddings.

Every function takes finite matrices with one row per cell, and returns plain numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import ArrayLike, NDArray

_TINY = 1e-7


def rankme(z_ND: ArrayLike) -> float:
    """Return the effective rank of an embedding: how many directions it really uses.

    ``exp(-sum_k p_k log p_k)`` with ``p_k = s_k / sum(s) + 1e-7`` and the singular values ``s``.
    Garrido et al., "RankMe", arXiv 2210.02885, eq. 1 and 2.

    Parameters
    ----------
    z_ND : array_like, (N, D)
        More rows than columns, for the rank not to be bounded by the rows.

    Returns
    -------
    float
        Between about 1 (collapsed) and D.

    Examples
    --------
    >>> round(rankme([[1, 0], [0, 1], [-1, 0], [0, -1]]), 3)
    2.0
    """
    values_K = np.linalg.svd(np.asarray(z_ND, np.float64), compute_uv=False)
    shares_K = values_K / max(values_K.sum(), _TINY) + _TINY
    return float(np.exp(-(shares_K * np.log(shares_K)).sum()))


def rankme_per_chunk(e_ND: ArrayLike, chunks: Mapping[str, slice]) -> dict[str, float]:
    """Return :func:`rankme` of every chunk of the primary embedding, by component."""
    matrix_ND = np.asarray(e_ND)
    return {name: rankme(matrix_ND[:, columns]) for name, columns in chunks.items()}


def linear_cka(x_NP: ArrayLike, y_NQ: ArrayLike) -> float:
    """Return how much two embeddings of the same cells say the same: linear CKA.

    ``|Y'X|² / (|X'X| |Y'Y|)`` of centred matrices, in Frobenius norms. Kornblith et al.,
    arXiv 1905.00414, section 3.

    Returns
    -------
    float
        0 (nothing in common) to 1 (equal up to rotation and scale); NaN where one is constant.
    """
    x_NP, y_NQ = _centred(x_NP), _centred(y_NQ)
    own = np.linalg.norm(x_NP.T @ x_NP) * np.linalg.norm(y_NQ.T @ y_NQ)
    return float(np.linalg.norm(y_NQ.T @ x_NP) ** 2 / own) if own > 0 else float("nan")


def chunk_similarity(e_ND: ArrayLike, chunks: Mapping[str, slice]) -> NDArray[np.float64]:
    """Return linear CKA between all pairs of chunks, (chunk, chunk), in the order of ``chunks``."""
    parts = [np.asarray(e_ND)[:, columns] for columns in chunks.values()]
    table = np.array([[linear_cka(one, other) for other in parts] for one in parts])
    return table.astype(np.float64)


def chunk_marker_r2(
    e_ND: ArrayLike,
    chunks: Mapping[str, slice],
    markers_NM: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    folds: int = 5,
) -> NDArray[np.float64]:
    """Return how well each chunk predicts each marker: cross-validated R² of a ridge regression.

    Parameters
    ----------
    e_ND : array_like, (N, D)
        Primary embedding.
    chunks : mapping of str to slice
        Columns per component.
    markers_NM : array_like, (N, M)
        A statistic per cell and marker, e.g. mean intensity.
    groups : array_like, (N,), optional
        Cells of one group (an image) are never in training and test at once; has no effect where
        there is only one.
    folds : int
        Of the cross-validation; at most the number of groups.

    Returns
    -------
    ndarray, float64, (chunk, M)
        R², below 0 where the prediction is worse than the mean; NaN for a constant marker.
    """
    rows = marker_r2_by_chunk(e_ND, chunks, markers_NM, groups=groups, folds=folds)
    return np.array(list(rows), dtype=np.float64)


def marker_r2_by_chunk(
    e_ND: ArrayLike,
    chunks: Mapping[str, slice],
    markers_NM: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    folds: int = 5,
) -> Iterator[NDArray[np.float64]]:
    """Yield what :func:`chunk_marker_r2` returns, (M,) for each chunk, as soon as it is known.

    A chunk takes a second or two with thousands of cells: whoever waits can tell how far it is.
    """
    from sklearn.metrics import r2_score
    from sklearn.model_selection import GroupKFold, KFold, cross_val_predict

    matrix_ND, truth_NM = np.asarray(e_ND), np.asarray(markers_NM, np.float64)
    labels_N = np.zeros(len(matrix_ND)) if groups is None else np.asarray(groups)
    different = len(np.unique(labels_N))
    if different == 1:
        splits = KFold(folds, shuffle=True, random_state=0).split(matrix_ND)
    else:
        splits = GroupKFold(min(folds, different)).split(matrix_ND, groups=labels_N)
    rows_of_folds, ridge = list(splits), _ridge()
    constant_M = np.ptp(truth_NM, axis=0) == 0
    for columns in chunks.values():
        guess_NM = cross_val_predict(ridge, matrix_ND[:, columns], truth_NM, cv=rows_of_folds)
        r2_M = r2_score(truth_NM, guess_NM, multioutput="raw_values")
        yield np.where(constant_M, np.nan, np.asarray(r2_M, np.float64))


def linear_reading(e_NK: ArrayLike, c_NK: ArrayLike, *, folds: int = 5) -> NDArray[np.float64]:
    """Return what of ``c_NK`` can be read out of ``e_NK``: cross-validated ridge predictions.

    For :func:`shuffled_alignment` where a loss asks only that one side predict the other, not that
    the two lie in the same place (SimSiam, BYOL).

    Parameters
    ----------
    e_NK, c_NK : array_like, (N, K)
        As there. At least two rows per fold.
    folds : int
        Of the cross-validation.

    Returns
    -------
    ndarray, float64, (N, K)
    """
    from sklearn.model_selection import KFold, cross_val_predict

    splits = KFold(folds, shuffle=True, random_state=0)
    reading: NDArray[np.float64] = cross_val_predict(
        _ridge(), np.asarray(e_NK), _standardised(c_NK), cv=splits
    )
    return reading.reshape(np.shape(c_NK))


def shuffled_alignment(e_NK: ArrayLike, c_NK: ArrayLike) -> float:
    """Return how often a chunk lies nearer to its own cell's component than to another cell's.

    The share of pairs (i, j), j ≠ i, with ``|e_i - c_i| < |e_i - c_j|`` after standardising both
    sides; ties count half. A component that stays near 0.5 tells nothing about the patch.

    Parameters
    ----------
    e_NK, c_NK : array_like, (N, K)
        Chunk of the primary embedding, and the branch's embedding of the same cells. Compares all
        with all: a few hundred rows are enough.
    """
    e_NK, c_NK = _standardised(e_NK), _standardised(c_NK)
    distance_NN = (e_NK**2).sum(1)[:, None] + (c_NK**2).sum(1)[None] - 2 * e_NK @ c_NK.T
    margin_NN = distance_NN - np.diag(distance_NN)[:, None]
    others_NN = ~np.eye(len(margin_NN), dtype=bool)
    return float((np.sign(margin_NN[others_NN]) + 1).mean() / 2)


def _ridge() -> Any:
    """Return a ridge regression that chooses its strength for every target."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        StandardScaler(), RidgeCV(alphas=np.logspace(-2, 4, 7), alpha_per_target=True)
    )


def _centred(x_NP: ArrayLike) -> NDArray[np.float64]:
    matrix = np.asarray(x_NP, np.float64)
    centred: NDArray[np.float64] = matrix - matrix.mean(axis=0)
    return centred


def _standardised(x_NP: ArrayLike) -> NDArray[np.float64]:
    centred = _centred(x_NP)
    standardised: NDArray[np.float64] = centred / np.maximum(centred.std(axis=0), _TINY)
    return standardised
