"""Where the pixels of a smaller level of a pyramid lie on the finest one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UNEVEN = 0.01
"""Share by which a level may be coarser along one axis than along the other."""


@dataclass(frozen=True)
class Grid:
    """The pixels of one level, seen from the finest.

    Along each axis, pixel ``i`` has its centre at ``offset + i * factor``, where pixel ``j`` of the
    finest level has its centre at ``j``.

    Parameters
    ----------
    factor : (float, float)
        Pixels of the finest level that one of this level spans, (y, x); 1 or more.
    offset : (float, float)
        Centre of its first pixel, (y, x), in pixels of the finest level.
    """

    factor: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def covering(cls, factor: tuple[float, float]) -> Grid:
        """Return the grid whose first pixel begins where the finest level's first one does."""
        return cls(factor, ((factor[0] - 1) / 2, (factor[1] - 1) / 2))

    @property
    def coarser(self) -> float:
        """How many times coarser it is than the finest level: 4.0 for 16 pixels in one."""
        return (self.factor[0] + self.factor[1]) / 2

    def seen_from(self, axis: int, position: NDArray[Any]) -> NDArray[np.float64]:
        """Return where positions on the finest level lie on this one, along ``axis`` (0: y).

        Examples
        --------
        >>> Grid.covering((4.0, 4.0)).seen_from(0, np.array([1.5, 5.5])).tolist()
        [0.0, 1.0]
        """
        return np.asarray((position - self.offset[axis]) / self.factor[axis], np.float64)

    def nearest(self, axis: int, count: int, length: int) -> NDArray[np.int64]:
        """Return the pixel of the finest level, of ``length``, that is nearest to each of this one.

        Of two that are equally near, the later one.

        Examples
        --------
        >>> Grid.covering((4.0, 4.0)).nearest(0, 3, 10).tolist()
        [2, 6, 9]
        """
        centre = self.offset[axis] + np.arange(count) * self.factor[axis]
        pixel: NDArray[np.int64] = np.floor(centre + 0.5).astype(np.int64).clip(0, length - 1)
        return pixel

    def covers(self, finest: tuple[int, int], level: tuple[int, int]) -> bool:
        """Tell whether a level of this grid shows the whole field, and nothing else.

        To within one of its pixels at each edge: writers round sizes up, or down. It has to be as
        much coarser along one axis as along the other.
        """
        y, x = self.factor
        if min(y, x) < 1 or abs(y - x) > _UNEVEN * min(y, x):
            return False
        for factor, offset, whole, count in zip(
            self.factor, self.offset, finest, level, strict=True
        ):
            begin = offset - (factor - 1) / 2
            if max(abs(begin), abs(begin + count * factor - whole)) > factor:
                return False
        return True


def find_grid(
    finest: tuple[int, int], level: tuple[int, int], told: Grid | None = None
) -> Grid | None:
    """Return the grid of a level, None where it does not show the same field.

    What the file tells counts where it agrees with the level's size. Else the level begins where
    the finest one does, and is as much coarser as its size says: by a whole number where that
    gives the size, rounded up or down.

    Parameters
    ----------
    finest, level : (int, int)
        Height and width of the finest level, and of this one.
    told : Grid, optional

    Examples
    --------
    >>> find_grid((1001, 800), (251, 200))
    Grid(factor=(4.0, 4.0), offset=(1.5, 1.5))
    >>> find_grid((24, 26), (5, 6)).factor  # 26 to 6 alone could be 4 as well
    (5.0, 5.0)
    """
    if told is not None and told.covers(finest, level):
        return told
    ratios = [whole / count for whole, count in zip(finest, level, strict=True)]
    likely = float(np.mean(ratios))
    several = range(max(1, math.floor(min(ratios))), math.ceil(max(ratios)) + 1)
    for factor in sorted(several, key=lambda factor: abs(factor - likely)):
        pairs = zip(finest, level, strict=True)
        if all(count in (whole // factor, -(-whole // factor)) for whole, count in pairs):
            ratios = [float(factor)] * 2
            break
    grid = Grid.covering((ratios[0], ratios[1]))
    return grid if grid.covers(finest, level) else None
