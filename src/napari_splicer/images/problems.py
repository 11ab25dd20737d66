"""Which channels carry no usable signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_splicer.images.image import MultiplexImage


def channel_problems(image: MultiplexImage) -> dict[str, str]:
    """Look at every pixel, chunk by chunk, and tell what is wrong with which channel.

    Parameters
    ----------
    image : MultiplexImage

    Returns
    -------
    dict of str to str
        Channels that are constant, or hold NaN or infinite pixels, each with a sentence.
    """
    starts = np.cumsum([0, *image.data.chunks[0][:-1]])
    parts = dask.compute(
        *(
            dask.delayed(_extremes)(block, int(start))
            for start, blocks in zip(starts, image.data.to_delayed(), strict=True)
            for block in blocks.ravel()
        )
    )
    lowest = np.full(len(image.channels), np.inf)
    highest = np.full(len(image.channels), -np.inf)
    not_finite = np.zeros(len(image.channels), dtype=np.int64)
    for start, low, high, count in parts:
        here = slice(start, start + len(low))
        lowest[here] = np.minimum(lowest[here], low)
        highest[here] = np.maximum(highest[here], high)
        not_finite[here] += count
    problems = {}
    for i, channel in enumerate(image.channels):
        if lowest[i] > highest[i]:
            problems[channel] = f"{channel} holds no finite number at all."
        elif lowest[i] == highest[i]:
            problems[channel] = f"{channel} is constant: every pixel is {lowest[i]:g}."
        elif not_finite[i]:
            many = f"{not_finite[i]:,} pixels that are not finite numbers"
            what = many if not_finite[i] > 1 else "1 pixel that is not a finite number"
            problems[channel] = f"{channel} holds {what}."
    return problems


def _extremes(
    block: NDArray[Any], start: int
) -> tuple[int, NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the first channel, and per channel the extremes and how many are not finite."""
    if block.dtype.kind != "f":
        none = np.zeros(len(block), dtype=np.int64)
        return start, block.min(axis=(1, 2)), block.max(axis=(1, 2)), none
    finite = np.isfinite(block)
    low = block.min(axis=(1, 2), where=finite, initial=np.inf)
    high = block.max(axis=(1, 2), where=finite, initial=-np.inf)
    return start, low, high, np.sum(~finite, axis=(1, 2))
