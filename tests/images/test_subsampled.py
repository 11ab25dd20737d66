from __future__ import annotations

import numpy as np
import pytest

from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.subsampled import is_subsampled

PIXELS = np.random.default_rng(0).poisson(3, (2, 203, 322)).astype(np.uint16)


def averaged(pixels, factor):
    """Return means of blocks, of what is left of them at the edge too."""
    rows, columns = (np.arange(0, length, factor) for length in pixels.shape[1:])
    sums = np.add.reduceat(np.add.reduceat(pixels.astype(float), rows, 1), columns, 2)
    ones = np.ones_like(pixels[:1], float)
    counts = np.add.reduceat(np.add.reduceat(ones, rows, 1), columns, 2)
    return (sums / counts).round().astype(pixels.dtype)


def image_of(*levels):
    return MultiplexImage.from_array([PIXELS, *levels], pixel_size=0.25, axes="CYX")


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("begin", [0, 1])
def test_single_pixels_are_told_from_averages(factor, begin):
    assert is_subsampled(image_of(PIXELS[:, begin::factor, begin::factor]), 1)
    assert not is_subsampled(image_of(averaged(PIXELS, factor)), 1)
    assert not is_subsampled(image_of(averaged(PIXELS, factor)), 0)


def test_the_largest_of_each_block_is_no_single_pixel():
    blocks = PIXELS[:, :200, :320].reshape(2, 100, 2, 160, 2)
    assert not is_subsampled(
        MultiplexImage.from_array([PIXELS[:, :200, :320], blocks.max(axis=(2, 4))], axes="CYX"), 1
    )


def test_where_it_makes_no_difference():
    small = PIXELS[:, :32, :32]
    for coarse in (small, np.zeros_like(small)):
        fine = np.kron(coarse, np.ones((1, 2, 2), np.uint16))
        assert not is_subsampled(MultiplexImage.from_array([fine, coarse], axes="CYX"), 1)
