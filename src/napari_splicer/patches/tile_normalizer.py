"""Tiles normalised as a whole before windows are cut out: each pixel once, however many overlap."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_splicer.patches.blocks import block_edges
from napari_splicer.patches.canvas import upload
from napari_splicer.patches.tiles import widest

if TYPE_CHECKING:
    from torch import Tensor

    from napari_splicer.patches.normalization import Normalizer
    from napari_splicer.patches.reader import PatchReader
    from napari_splicer.patches.tiles import Layer

OVERLAP = 1.5
"""How often windows must cover a pixel on average for this to pay.

On one core, 20 channels of 16 bits, from pixels as stored to network input in float32 (bfloat16),
µs a window: of 64 px that cover a tile 2.5 times 312 (77) instead of 527, ten times 260 (32)
instead of 601; of 32 px that cover it 0.6 times 96 (61) instead of 62, 2.5 times 35 (17) instead
of 54."""

MOST_BYTES = 2**28
"""Of a tile as this makes it, two of which are in memory."""

_ROWS = 16
"""Of a tile that are made at a time, so that they stay in a core's cache."""

_CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class TileNormalizer:
    """What turns the pixels of tiles into what a network on a CPU takes in.

    Parameters
    ----------
    normalizer : Normalizer
        Of the reader's fields.
    dtype : torch.dtype
        Of what comes out: that in which the network computes.
    """

    normalizer: Normalizer
    dtype: torch.dtype


class NormalizedTiles:
    """Tiles as a :class:`TileNormalizer` makes them, one after the other."""

    def __init__(self, by: TileNormalizer) -> None:
        self._by = by
        self._this, self._last = (torch.zeros(0, dtype=by.dtype) for _ in range(2))

    def of(self, pixels: Layer, field: int) -> Tensor:
        """Return a tile of a field with the channels of a pixel side by side, (1, H, W, C).

        What lies around the tile is not filled. The memory is used again for the next tile but one.
        """
        stored_CHW = upload(pixels.padded_PHW, _CPU)
        channels, height, width = stored_CHW.shape
        self._this, self._last = self._last, self._this
        if len(self._this) < stored_CHW.numel():
            self._this = torch.zeros(0)  # what is too small goes before the new comes
            most = widest(tuple(stored_CHW.shape), pixels.halo)
            self._this = torch.zeros(most, dtype=self._by.dtype)
        out_HWC = self._this[: stored_CHW.numel()].view(height, width, channels)
        across, field_1 = slice(pixels.halo, pixels.halo + pixels.width), torch.tensor([field])
        for top in range(pixels.halo, height, _ROWS):
            rows_1CHW = stored_CHW[None, :, top : top + _ROWS, across]
            made_CHW = self._by.normalizer.apply(rows_1CHW, field_1)[0].to(self._by.dtype)
            # By way of rows, see :mod:`napari_splicer.patches.memory_layout`.
            made_HCW = made_CHW.permute(1, 0, 2).contiguous()
            out_HWC[top : top + _ROWS, across] = made_HCW.permute(0, 2, 1)
        return out_HWC[None]


def normalized_by_tile(
    reader: PatchReader, normalizer: Normalizer, dtype: torch.dtype
) -> PatchReader:
    """Return a reader on a CPU of the same patches, normalised by the tile where that is faster."""
    windows = pixels = 0
    for index, (masked, side) in enumerate(zip(reader.fields, reader.sides, strict=True)):
        here = reader.sites.field == index
        if not here.any():
            continue
        image, channels = masked.image, len(masked.image.channels)
        largest = np.prod([np.diff(edges).max() for edges in block_edges(image, channels, side)])
        if side != reader.size or largest * len(reader.channels) * dtype.itemsize > MOST_BYTES:
            return reader
        extent = [np.ptp(axis[here]) + side for axis in (reader.sites.y, reader.sites.x)]
        windows += int(here.sum()) * side**2
        pixels += int(np.prod(np.minimum(extent, image.shape)))
    if windows < OVERLAP * pixels:
        return reader
    return replace(reader, tile_normalizer=TileNormalizer(normalizer, dtype))
