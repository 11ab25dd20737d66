from __future__ import annotations

import numpy as np
import pytest

from napari_splicer.images.grid import Grid, find_grid


@pytest.mark.parametrize(
    ("finest", "level", "factor"),
    [
        ((1000, 800), (500, 400), (2.0, 2.0)),
        ((1001, 801), (501, 401), (2.0, 2.0)),  # rounded up
        ((1001, 801), (500, 400), (2.0, 2.0)),  # rounded down
        ((1001, 801), (500, 401), (2.0, 2.0)),
        ((1003, 1003), (126, 125), (8.0, 8.0)),
        ((900, 600), (300, 200), (3.0, 3.0)),
        ((1500, 1200), (1000, 800), (1.5, 1.5)),
        ((10_000, 10_000), (3333, 3333), (3.0, 3.0)),
    ],
)
def test_sizes_tell_how_much_coarser_a_level_is(finest, level, factor):
    grid = find_grid(finest, level)
    assert grid is not None
    assert grid.factor == factor
    assert grid.offset == ((factor[0] - 1) / 2, (factor[1] - 1) / 2)


@pytest.mark.parametrize("level", [(500, 800), (500, 200), (1001, 800), (2000, 1600)])
def test_a_level_of_another_shape_shows_another_field(level):
    assert find_grid((1000, 800), level) is None


def test_what_the_file_tells_counts():
    told = Grid((4.0, 4.0), (0.0, 0.0))
    assert find_grid((1000, 800), (250, 200), told) == told


@pytest.mark.parametrize(
    "told",
    [
        Grid((2.0, 2.0), (0.5, 0.5)),  # another scale than the size
        Grid((4.0, 4.0), (200.0, 0.0)),  # another place
        Grid((4.0, 5.0), (1.5, 2.0)),  # not the same along both axes
    ],
)
def test_what_the_file_tells_does_not_count_where_it_can_not_be(told):
    assert find_grid((1000, 800), (250, 200), told) == Grid((4.0, 4.0), (1.5, 1.5))


@pytest.mark.parametrize("factor", [1.0, 2.0, 2.5, 3.0, 4.0])
@pytest.mark.parametrize("offset", [-0.4, 0.0, 0.5, 1.5])
def test_the_nearest_pixel_is_the_nearest(factor, offset):
    grid = Grid((factor, factor), (offset, offset))
    for axis in (0, 1):
        found = grid.nearest(axis, 9, 30)
        for index, pixel in enumerate(found.tolist()):
            distance = abs(np.arange(30) - (offset + index * factor))
            assert distance[pixel] == pytest.approx(distance.min(), abs=1e-9)
        np.testing.assert_allclose(
            grid.seen_from(axis, offset + np.arange(9) * factor), np.arange(9), atol=1e-9
        )
