"""Whether a smaller level of a pyramid holds averages, or single pixels of the finest one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.images.pyramid import image_at, level_grid, windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_splicer.images.image import MultiplexImage


def is_subsampled(image: MultiplexImage, level: int) -> bool:
    """Tell whether every pixel of a level is one of the finest level's, at the same place in each.

    Looks at the first channel, in windows all over it. Where no pixels in these differ that become
    one, it makes no difference, and False is returned.
    """
    grid = level_grid(image, level)
    if level == 0 or grid is None or any(not factor.is_integer() for factor in grid.factor):
        return False
    channel, coarse = image.channels[:1], image_at(image, level)
    step = int(grid.factor[0]), int(grid.factor[1])
    possible, told = np.ones(step, bool), False
    for y in windows(coarse.shape[0]):
        for x in windows(coarse.shape[1]):
            shown = coarse.read(y.start, y.stop, x.start, x.stop, channel)[0]
            fine = _beneath(image, step, y, x)
            rows, columns = fine.shape[0] // step[0], fine.shape[1] // step[1]
            blocks = fine.reshape(rows, step[0], columns, step[1])
            told |= bool((blocks != blocks[:, :1, :, :1]).any())
            same = blocks == shown[:rows, None, :columns, None]
            possible &= same.all(axis=(0, 2))
            if not possible.any():
                return False
    return told


def _beneath(image: MultiplexImage, step: tuple[int, int], y: slice, x: slice) -> NDArray[Any]:
    """Return the pixels beneath a window of a level, whole blocks of them alone."""
    (top, bottom), (left, right) = (
        (window.start * times, min(window.stop * times, length // times * times))
        for window, times, length in zip((y, x), step, image.shape, strict=True)
    )
    pixels: NDArray[Any] = image.read(top, bottom, left, right, image.channels[:1])[0]
    return pixels
