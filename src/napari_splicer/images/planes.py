"""Reading boxes straight from where an image is stored, without a graph of tasks in between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from napari_splicer.images.lazy import stored_array

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import dask.array as da
    from numpy.typing import NDArray

    from napari_splicer.images.lazy import StoredArray


@dataclass(frozen=True, eq=False)
class Planes:
    """The finest level of an image as it is stored, and those below it.

    dask cuts a box into its chunks and puts the pieces together again, which costs as much as
    decoding them, and more, the more chunks a slide has. An array that knows its own chunks does
    it by itself.

    Parameters
    ----------
    array : StoredArray
    axes : str
        One letter per axis of ``array``; but for channel, Y and X, axes have length 1.
    order : tuple of int
        Which of the stored channels are the image's, in its order.
    coarser : tuple of StoredArray or None
        The smaller levels, None for those that are not stored as they are.
    """

    array: StoredArray
    axes: str
    order: tuple[int, ...]
    coarser: tuple[StoredArray | None, ...] = ()

    @classmethod
    def of(cls, levels: Sequence[da.Array], axes: str) -> Planes | None:
        """Return the planes of a pyramid, None where they are not stored as (…, C, …, Y, X)."""
        level, array = levels[0], stored_array(levels[0])
        several = [a for a, n in zip(axes, level.shape, strict=True) if n > 1 or a in "YX"]
        if array is None or "".join(several)[-2:] != "YX" or len(several) > 3 or "S" in several:
            return None
        if level.dtype.kind not in "uif":
            return None
        count = level.shape[axes.index(several[0])] if len(several) == 3 else 1
        return cls(array, axes, tuple(range(count)), tuple(map(stored_array, levels[1:])))

    def at(self, level: int) -> Planes | None:
        """Return the planes of another level, None where it is not stored as it is."""
        array = (self.array, *self.coarser)[level]
        return None if array is None else replace(self, array=array, coarser=())

    def take(self, index: Sequence[int]) -> Planes:
        """Return some of the planes, by their position."""
        return replace(self, order=tuple(self.order[i] for i in index))

    def read(
        self, y0: int, y1: int, x0: int, x1: int, index: Sequence[int], out: NDArray[Any]
    ) -> None:
        """Fill ``out``, (len(index), y1 - y0, x1 - x0), with a box of the planes ``index``."""
        box = {"Y": slice(y0, y1), "X": slice(x0, x1)}
        for place, channels in _runs([self.order[i] for i in index]):
            key = tuple(
                box.get(axis, channels if n > 1 else 0)
                for axis, n in zip(self.axes, self.array.shape, strict=True)
            )
            several = any(isinstance(k, slice) and k is channels for k in key)
            self.array.read(key, out[place] if several else out[place.start])


def _runs(index: Sequence[int]) -> Iterator[tuple[slice, slice]]:
    """Yield runs of consecutive channels: where they go, and where they are."""
    for _, run in groupby(enumerate(index), key=lambda pair: pair[1] - pair[0]):
        places, channels = zip(*run, strict=True)
        yield slice(places[0], places[-1] + 1), slice(channels[0], channels[-1] + 1)
