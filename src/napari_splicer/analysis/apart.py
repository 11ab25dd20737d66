"""Which cells may be told from which: folds of cells whose patches share no pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.embedding.spans import patch_spans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anndata import AnnData
    from numpy.typing import NDArray

_BLOCK = 4
"""Side, in patches, of the blocks of tissue that stay in one fold: few of their cells lie so close
to other blocks that these can't be learned from."""


def folds_apart(
    table: AnnData, rows: NDArray[np.int64], types: NDArray[np.int64], folds: int
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Split cells for cross-validation, so that none is tested by a patch that overlaps its own.

    Neighbours are alike, and their patches are partly the same pixels: a probe that has seen one
    knows the other. So blocks of tissue are tested together, and what lies within a patch of a
    tested cell is not learned from either.

    Parameters
    ----------
    table : AnnData
        Where it does not say how large its patches are, each cell is taken to be by itself.
    rows : int64 (m,)
        Rows of the cells.
    types : int64 (m,)
        Codes of their types, which are spread over the folds.
    folds : int
        At most; fewer where there are fewer blocks.

    Yields
    ------
    learned, tested : bool (m,)
        Each cell is tested once; where all lie in one block, nothing is yielded.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    image_M, at_M2, span_M = _places(table, rows)
    blocks_M3 = np.column_stack([image_M, at_M2 // (_BLOCK * span_M[:, None])])
    block_M = np.unique(blocks_M3, axis=0, return_inverse=True)[1].ravel()
    count = min(folds, int(block_M.max()) + 1)
    if count < 2:
        return
    splits = StratifiedGroupKFold(count, shuffle=True, random_state=0)
    for _, test in splits.split(at_M2, types, block_M):
        tested = np.isin(np.arange(len(rows)), test)
        yield ~tested & ~_near(tested, image_M, at_M2, span_M), tested


def _places(
    table: AnnData, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the cells' images (m,), places (m, 2) and sides of a patch (m,), both in pixels."""
    images, spans = table.obs["region"].astype(str).iloc[rows], patch_spans(table)
    if not set(images) <= set(spans) or not {"y", "x"} <= set(table.obs):
        alone = np.arange(len(rows), dtype=float)
        return alone, np.zeros((len(rows), 2)), np.ones(len(rows))
    codes = np.unique(images, return_inverse=True)[1].astype(float)
    at = table.obs[["y", "x"]].to_numpy(float)[rows]
    return codes, at, images.map(spans).to_numpy(float)


def _near(
    tested: NDArray[np.bool_],
    image_M: NDArray[np.float64],
    at_M2: NDArray[np.float64],
    span_M: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Return whose patch overlaps that of a tested cell of the same image."""
    from scipy.spatial import cKDTree

    near = np.zeros(len(tested), bool)
    for image in np.unique(image_M[tested]):
        here = image_M == image
        distance, _ = cKDTree(at_M2[here & tested]).query(at_M2[here], p=np.inf)
        near[here] = distance < span_M[here]
    return near
