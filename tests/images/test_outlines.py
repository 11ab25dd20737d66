from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import polygon2mask

from napari_splicer.images.outlines import Outlines

SHAPE = (60, 80)


def whole(*lines) -> np.ndarray:
    return Outlines(tuple(np.asarray(line, float) for line in lines), SHAPE).read(0, 60, 0, 80)


def star(seed: int) -> np.ndarray:
    """A line that crosses itself, and reaches outside the image."""
    return np.random.default_rng(seed).uniform((-20, -20), (80, 100), (9, 2))


def test_a_pixel_lies_within_where_its_centre_does() -> None:
    mask = whole([(1.5, 2.5), (1.5, 6.5), (4.5, 6.5), (4.5, 2.5)])
    expected = np.zeros(SHAPE, np.uint8)
    expected[2:5, 3:7] = 1
    np.testing.assert_array_equal(mask, expected)
    assert not whole([(1.1, 2.1), (1.1, 2.9), (1.9, 2.9)]).any()


@pytest.mark.parametrize("seed", range(5))
def test_any_line_encloses_what_another_program_says(seed: int) -> None:
    line = star(seed)
    np.testing.assert_array_equal(whole(line), polygon2mask(SHAPE, line))


def test_boxes_are_pieces_of_the_whole() -> None:
    outlines = Outlines((star(5), star(6)), SHAPE)
    mask = outlines.read(0, 60, 0, 80)
    np.testing.assert_array_equal(mask, whole(star(5)) | whole(star(6)))
    for y0, y1, x0, x1 in ((0, 7, 0, 80), (13, 14, 5, 6), (40, 60, 33, 80), (20, 50, 20, 60)):
        np.testing.assert_array_equal(outlines.read(y0, y1, x0, x1), mask[y0:y1, x0:x1])


def test_what_lies_beside_the_image_touches_nothing() -> None:
    beside = np.array([(-9.0, -9), (-9, -2), (-2, -2)])
    assert not Outlines((beside,), SHAPE).touches
    assert not Outlines((), SHAPE).touches
    assert Outlines((beside + 8,), SHAPE).touches
    assert not whole(beside).any()
