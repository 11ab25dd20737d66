"""Outlines: areas by the lines around them; which pixels lie within is found box by box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.images.checks import check_box

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Outlines:
    """Areas on an image, 1 within any of them and 0 elsewhere.

    A pixel lies within where its centre does. Where a line crosses itself, what it goes around
    twice lies outside.

    Parameters
    ----------
    lines : tuple of float (n, 2)
        Corners (y, x) of each closed line in pixels; the centre of the first pixel is (0, 0).
    shape : (int, int)
        Height and width of the image.
    """

    lines: tuple[NDArray[np.float64], ...]
    shape: tuple[int, int]

    @property
    def touches(self) -> bool:
        """Whether any area may reach a pixel's centre."""
        return any(self._span(line, (0, self.shape[0], 0, self.shape[1])) for line in self.lines)

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[np.uint8]:
        """Return a half-open box of the image, (y1 - y0, x1 - x0); needs no more memory than it."""
        check_box((y0, y1, x0, x1), self.shape, "the outlines")
        box = np.zeros((y1 - y0, x1 - x0), np.uint8)
        for line in self.lines:
            span = self._span(line, (y0, y1, x0, x1))
            if span is not None:
                top, bottom, left, right = span
                box[top - y0 : bottom - y0, left - x0 : right - x0] |= _within(line, span)
        return box

    @staticmethod
    def _span(
        line: NDArray[np.float64], box: tuple[int, int, int, int]
    ) -> tuple[int, int, int, int] | None:
        """Return the pixels of a box whose centres may lie within a line, half-open."""
        low, high = np.ceil(line.min(axis=0)), np.floor(line.max(axis=0)) + 1
        top, left = max(low[0], box[0]), max(low[1], box[2])
        bottom, right = min(high[0], box[1]), min(high[1], box[3])
        return (
            (int(top), int(bottom), int(left), int(right))
            if top < bottom and left < right
            else None
        )


def _within(line: NDArray[np.float64], span: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Return which pixels of a span have an odd number of crossings to their left, 0 or 1."""
    top, bottom, left, right = span
    turns = np.zeros((bottom - top, right - left + 1), np.uint8)  # the last: beyond the right edge
    start, end = line, np.roll(line, -1, axis=0)
    low, high = np.minimum(start[:, 0], end[:, 0]), np.maximum(start[:, 0], end[:, 0])
    first = np.ceil(low).clip(top, bottom).astype(np.int64)
    counts = np.ceil(high).clip(top, bottom).astype(np.int64) - first
    edge = np.repeat(np.arange(len(line)), counts)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    (ya, xa), (yb, xb) = start[edge].T, end[edge].T
    crossing = xa + (row - ya) * (xb - xa) / (yb - ya)  # no level edge has a row
    column = np.ceil(crossing).clip(left, right).astype(np.int64) - left
    np.bitwise_xor.at(turns, (row - top, column), 1)
    within: NDArray[np.uint8] = np.bitwise_xor.accumulate(turns, axis=1)[:, :-1]
    return within
