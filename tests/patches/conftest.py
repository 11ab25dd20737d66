"""A small field of view with random pixels, and a batch of random patches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.patches.reader import PatchBatch


@pytest.fixture
def field_of():
    """Return a function: pixels (C, Y, X) and labels -> field with channels c0, c1, ..."""

    def make(pixels, labels=None, name="field", pixel_size=None):
        names = [f"c{index}" for index in range(len(pixels))]
        image = MultiplexImage.from_array(
            pixels, names, axes="CYX", name=name, pixel_size=pixel_size
        )
        cells = None if labels is None else LabelMask.from_array(labels, name="cells")
        return MaskedImage(image, cells)

    return make


@pytest.fixture
def batch_of():
    """Return a function: count, channels, side -> random normalised patches.

    Labels are 0 to 3 in flat 4 × 4 tiles, and the own cell is always 2; two random regions.
    """

    def make(count=6, channels=4, side=32, seed=0):
        generator = torch.Generator().manual_seed(seed)
        tiles = torch.randint(0, 4, (count, side // 4, side // 4), generator=generator)
        return PatchBatch(
            x_BCHW=torch.rand(count, channels, side, side, generator=generator) + 0.1,
            labels_BHW=tiles.repeat_interleave(4, 1).repeat_interleave(4, 2),
            regions_BRHW=torch.rand(count, 2, side, side, generator=generator) > 0.5,
            id_B=torch.full((count,), 2),
            index_B=torch.arange(count),
            field_B=torch.from_numpy(np.arange(count) % 2),
        )

    return make
