"""Outlines: of what is painted over a mask, only the pixels along the border of every cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import dask.array as da
    from numpy.typing import DTypeLike, NDArray

_ROWS = (..., slice(1, None), slice(None)), (..., slice(None, -1), slice(None))
_COLUMNS = (..., slice(1, None)), (..., slice(None, -1))  # of neighbours beside one another


def outlined(
    codes_YX: NDArray[Any], width: int, ids_YX: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Return only what lies within ``width`` pixels (city block) of the background, 0.

    With ``ids_YX``, also of pixels with another id: cells that touch have an outline each.

    As ``contour`` of a napari layer draws where there is one code, and in a twentieth of its time.
    Of an array with further axes before these two, plane by plane.
    """
    left_YX = codes_YX != 0
    if ids_YX is not None and width:
        width -= 1
        inner_YX = left_YX.copy()
        for here, there in (_ROWS, _COLUMNS):
            alike = ids_YX[here] == ids_YX[there]
            inner_YX[here] &= alike
            inner_YX[there] &= alike
        left_YX = inner_YX
    for _ in range(width):
        inner_YX = left_YX.copy()
        for here, there in (_ROWS, _COLUMNS):
            inner_YX[here] &= left_YX[there]
            inner_YX[there] &= left_YX[here]
        left_YX = inner_YX
    return np.where(left_YX, codes_YX.dtype.type(0), codes_YX)


class OutlinedLevel:
    """A level of a mask that is read as it is looked at, painted and outlined.

    A piece is read with the pixels around it, or the border of a cell that begins right beside it
    would be missing. Not a dask array: each of its blocks would need its eight neighbours, and what
    is decoded of them be decoded nine times, where a view is one piece.

    Parameters
    ----------
    labels : dask array of integers, (..., Y, X)
    paint : callable
        Maps a piece of ``labels`` to codes of the same shape; 0 is nothing.
    dtype : dtype
        Of the codes.
    width : int
        Pixels (city block) that are left along the border of a cell.
    """

    def __init__(
        self,
        labels: da.Array,
        paint: Callable[[NDArray[Any]], NDArray[Any]],
        dtype: DTypeLike,
        width: int,
    ) -> None:
        self._labels, self._paint, self._width = labels, paint, width
        self.shape, self.ndim, self.size = labels.shape, labels.ndim, labels.size
        self.dtype: np.dtype[Any] = np.dtype(dtype)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Return a piece, by numbers and forward slices, as NumPy would cut it out."""
        *first, rows, columns = _all_axes(key, self.ndim)
        boxes, insides = zip(
            *(
                _with_margin(part, length, self._width)
                for part, length in zip((rows, columns), self.shape[-2:], strict=True)
            ),
            strict=True,
        )
        ids = np.asarray(self._labels[(*first, *boxes)])
        return outlined(self._paint(ids), self._width, ids)[(..., *insides)]


def _all_axes(key: Any, ndim: int) -> list[Any]:
    """Return a key with a part for every axis."""
    parts = list(key) if isinstance(key, tuple) else [key]
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    at = next(i for i, part in enumerate(parts) if part is Ellipsis)
    return [*parts[:at], *[slice(None)] * (ndim - len(parts) + 1), *parts[at + 1 :]]


def _with_margin(part: Any, length: int, width: int) -> tuple[slice, slice | int]:
    """Return what to read of an axis for a part of it, and where in that the part lies."""
    lines = range(length)[part]
    if isinstance(lines, int):
        start = max(0, lines - width)
        return slice(start, lines + width + 1), lines - start
    if not lines:
        return slice(0, 0), slice(0, 0)
    start = max(0, lines[0] - width)
    return (
        slice(start, lines[-1] + width + 1),
        slice(lines[0] - start, lines[-1] - start + 1, lines.step),
    )
