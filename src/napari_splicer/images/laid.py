"""Laid: an array of several images side by side, filled piece by piece from where they lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.masks import LabelMask

Read: TypeAlias = Callable[[str, int, int, int, int], "NDArray[Any] | None"]
"""Reads a box (y0, y1, x0, x1) of one image's channel; None where it has nothing there."""


class Laid:
    """An array that fills what is asked for from the images that lie there.

    dask would need a task for each channel of each image, and go through all of them for every
    little box.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        channels: tuple[str, ...],
        parts: tuple[tuple[tuple[int, int], tuple[int, ...], Read], ...],
    ) -> None:
        self.shape = (len(channels), *shape) if channels else shape
        self.dtype, self._channels, self._parts = dtype, channels, parts

    def __getitem__(self, key: Any) -> NDArray[Any]:
        keys = tuple(key) if isinstance(key, tuple) else (key,)
        asked = [np.arange(n)[k] for k, n in zip(keys, self.shape, strict=False)]
        asked += [np.arange(n) for n in self.shape[len(asked) :]]
        *first, rows, columns = map(np.atleast_1d, asked)
        names = [self._channels[i] for i in first[0]] if self._channels else [""]
        out = np.zeros((len(names), len(rows), len(columns)), self.dtype)
        top, left = int(rows[0]), int(columns[0])
        for (y, x), (height, width), read in self._parts:
            y0, y1 = max(top, y), min(top + len(rows), y + height)
            x0, x1 = max(left, x), min(left + len(columns), x + width)
            if y0 < y1 and x0 < x1:
                here = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
                for place, name in zip(out, names, strict=True):
                    found = read(name, y0 - y, y1 - y, x0 - x, x1 - x)
                    if found is not None:
                        place[here][: found.shape[0], : found.shape[1]] = found
        return out.reshape([len(a) for a in map(np.atleast_1d, asked)])[
            tuple(0 if np.ndim(a) == 0 else slice(None) for a in asked)
        ]


def seen(
    name: str, y0: int, y1: int, x0: int, x1: int, *, image: MultiplexImage, level: int
) -> NDArray[Any] | None:
    """Read a box of a channel of an image's level; None where the image lacks it."""
    if name not in image.channels:
        return None
    if level == 0:
        whole: NDArray[Any] = image.read(y0, y1, x0, x1, [name])[0]
        return whole
    box: NDArray[Any] = np.asarray(image.levels[level][image.channels.index(name), y0:y1, x0:x1])
    return box


def numbered(
    _: str, y0: int, y1: int, x0: int, x1: int, *, mask: LabelMask | None, first: int
) -> NDArray[Any] | None:
    """Read a box of a mask, its labels after ``first``."""
    if mask is None:
        return None
    labels = mask.read(y0, y1, x0, x1)
    return np.where(labels > 0, labels.astype(np.int64) + first, 0) if first else labels
