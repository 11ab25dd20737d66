"""Centroid, box and area of every label, computed chunk by chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask
import numpy as np
import pandas as pd

from napari_splicer.images.lazy import CHUNK_SIDE

if TYPE_CHECKING:
    import dask.array as da
    from numpy.typing import NDArray

_MERGE = {
    "area": np.add,
    "y_sum": np.add,
    "x_sum": np.add,
    "y0": np.minimum,
    "x0": np.minimum,
    "y1": np.maximum,
    "x1": np.maximum,
}

_EMPTY = 8  # times the cell's area,
_WIDE = 3  # and sides of a usual cell, in the box of one that lies in pieces


def cell_table(labels: da.Array, block: int = CHUNK_SIDE) -> pd.DataFrame:
    """Measure every label but 0.

    Every chunk is reduced to runs of equal labels along x, the runs to one row per label, and the
    rows of all chunks to one row per label: memory holds a few chunks and the table, whatever the
    ids are.

    Parameters
    ----------
    labels : dask.array.Array
        (Y, X), integer.
    block : int
        Side in pixels up to which neighbouring chunks are joined: every table costs the same,
        however small.

    Returns
    -------
    pandas.DataFrame
        ``id`` int64; ``y``, ``x`` float64 centroid in pixels, as skimage.measure.regionprops has
        it; ``y0``, ``x0``, ``y1``, ``x1`` int32 half-open box; ``area`` int64 in pixels;
        ``touches_border`` bool: whether the label reaches the image's edge. Sorted by id.
    """
    labels = labels.rechunk(tuple(_joined(lengths, block) for lengths in labels.chunks))
    tops = np.cumsum([0, *labels.chunks[0][:-1]])
    lefts = np.cumsum([0, *labels.chunks[1][:-1]])
    parts = [
        dask.delayed(_measure)(chunk, int(top), int(left))
        for top, row in zip(tops, labels.to_delayed(), strict=True)
        for left, chunk in zip(lefts, row, strict=True)
    ]
    merged = _merged(list(dask.compute(*parts)))
    height, width = labels.shape
    table = pd.DataFrame(
        {
            "id": merged["id"],
            "y": merged.pop("y_sum") / merged["area"],
            "x": merged.pop("x_sum") / merged["area"],
        }
    )
    for column in ("y0", "x0", "y1", "x1"):
        table[column] = merged.pop(column).astype(np.int32)
    table["area"] = merged.pop("area")
    table["touches_border"] = (
        table["y0"].eq(0) | table["x0"].eq(0) | table["y1"].eq(height) | table["x1"].eq(width)
    )
    return table


def _joined(lengths: tuple[int, ...], side: int) -> tuple[int, ...]:
    """Return chunk lengths in which neighbours are joined up to ``side``."""
    joined = [0]
    for length in lengths:
        if joined[-1] and joined[-1] + length > side:
            joined.append(0)
        joined[-1] += length
    return tuple(joined)


def _measure(chunk: NDArray[Any], top: int, left: int) -> dict[str, NDArray[np.int64]]:
    """Return sums and extremes per label of one chunk whose corner is at (top, left)."""
    width = chunk.shape[1]
    starts_here = np.ones(chunk.shape, dtype=bool)
    np.not_equal(chunk[:, 1:], chunk[:, :-1], out=starts_here[:, 1:])
    starts = np.flatnonzero(starts_here)
    lengths = np.diff(starts, append=chunk.size)
    ids = chunk.ravel()[starts]
    inside = ids != 0
    starts, lengths, ids = starts[inside], lengths[inside], ids[inside].astype(np.int64)
    y, x = np.divmod(starts, width)
    y, x = y + top, x + left
    runs = {
        "id": ids,
        "area": lengths,
        "y_sum": y * lengths,
        "x_sum": x * lengths + lengths * (lengths - 1) // 2,
        "y0": y,
        "x0": x,
        "y1": y + 1,
        "x1": x + lengths,
    }
    return _merged([runs])


def _merged(parts: list[dict[str, NDArray[np.int64]]]) -> dict[str, NDArray[np.int64]]:
    """Return one row per label, sorted; takes the columns out of ``parts``, one after the other.

    So never more than one of them is there twice.
    """
    ids = np.concatenate([part.pop("id") for part in parts])
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    firsts = np.flatnonzero(np.diff(ids, prepend=0))  # 0 is no label
    merged = {"id": ids[firsts]}
    for name, merge in _MERGE.items():
        column = np.concatenate([part.pop(name) for part in parts])
        merged[name] = merge.reduceat(column[order], firsts)
    return merged


def scattered(cells: pd.DataFrame) -> tuple[int, ...]:
    """Return the ids of cells that lie in pieces far apart, which no cell does.

    Segmentations often give what is left over to one number. Of real masks, a cell's box is up to 4
    times as large as the cell.

    Parameters
    ----------
    cells : DataFrame
        As :func:`cell_table` returns it.
    """
    height = (cells["y1"] - cells["y0"]).astype(np.int64)
    box = height * (cells["x1"] - cells["x0"])
    large = box > (_WIDE**2) * cells["area"].median()
    return tuple(int(number) for number in cells["id"][large & (box > _EMPTY * cells["area"])])
