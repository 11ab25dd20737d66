"""One image from several of the same field, e.g. one layer per channel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import dask.array as da

from napari_splicer.images.checks import check_same_size, unique_names
from napari_splicer.images.image import SINGLE_CHANNEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_splicer.images.image import MultiplexImage


def stack_channels(images: Sequence[MultiplexImage], name: str) -> MultiplexImage:
    """Join images of the same field, e.g. one layer per channel, into one.

    Pyramids are cut to the levels that all have. Pixel size and transform are the first one's.

    Raises
    ------
    SizeMismatch
        If two differ in height or width, naming both.
    """
    first = images[0]
    for other in images[1:]:
        check_same_size(first.name, first.shape, other.name, other.shape)
    depth = min(len(image.levels) for image in images)
    while len({tuple(level.shape[1:] for level in image.levels[:depth]) for image in images}) > 1:
        depth -= 1
    levels = tuple(da.concatenate([image.levels[i] for image in images]) for i in range(depth))
    channels, naming = unique_names([c for image in images for c in image.channels])
    shared = dict.fromkeys(r for image in images for r in image.remarks if r != SINGLE_CHANNEL)
    return replace(
        first,
        name=name,
        levels=levels,
        channels=channels,
        source=None,
        is_rgb=False,
        remarks=(*shared, *naming),
        planes=None,
        grids=first.grids[:depth],
    )
