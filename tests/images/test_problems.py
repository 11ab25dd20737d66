from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.problems import channel_problems


@pytest.mark.parametrize("chunks", [(1, 7, 7), (4, 30, 9), (3, 12, 40)])
def test_every_kind_of_problem_is_told_whatever_the_chunks(chunks):
    pixels = np.random.default_rng(0).random((5, 30, 40))
    pixels[1] = 7
    pixels[2] = np.nan
    pixels[3, 5, :4] = np.inf
    pixels[3, 25, 3] = np.nan
    pixels[4] = np.nan
    pixels[4, 29, 39] = 2.5
    image = MultiplexImage.from_array(da.from_array(pixels, chunks=chunks), list("abcde"))
    assert channel_problems(image) == {
        "b": "b is constant: every pixel is 7.",
        "c": "c holds no finite number at all.",
        "d": "d holds 5 pixels that are not finite numbers.",
        "e": "e is constant: every pixel is 2.5.",
    }


def test_integer_channels_can_only_be_constant():
    pixels = np.zeros((2, 8, 8), np.uint16)
    pixels[1, 7, 7] = 1
    image = MultiplexImage.from_array(pixels, ["off", "on"])
    assert channel_problems(image) == {"off": "off is constant: every pixel is 0."}
