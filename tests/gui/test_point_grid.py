"""PointGrid: the same points as when each is asked, whatever the line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_splicer.gui.widgets.lasso import inside
from napari_splicer.gui.widgets.point_grid import PointGrid


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    corners=st.integers(3, 60),
    reach=st.sampled_from([0.01, 0.5, 1.5, 300, 1e6]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_takes_what_asking_every_point_takes(
    seed: int, corners: int, reach: float, dtype: type
) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(rng.normal(0, 5, 2), rng.uniform(0.01, 3, 2), (3000, 2)).astype(dtype)
    line = points[0] + reach * rng.normal(0, 1, (corners, 2))  # crosses itself
    np.testing.assert_array_equal(PointGrid(points).inside(line), inside(points, line))


@pytest.mark.parametrize("step", [0.0, 0.25, 1.0])
def test_lines_along_the_squares(step: float) -> None:
    rows, columns = np.mgrid[:255, :255]
    points = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float32)
    low, high = 20 + step, 200 + step
    line = np.array([[low, low], [high, low], [high, high], [low, high]])
    grid = PointGrid(points)
    np.testing.assert_array_equal(grid.inside(line), inside(points, line))
    np.testing.assert_array_equal(grid.inside(line[::-1]), inside(points, line[::-1]))


def test_points_without_a_place_are_never_taken() -> None:
    points = np.array([[0, 0], [np.nan, 0], [1, 1], [np.inf, 1], [0.5, np.nan]])
    line = np.array([[-9, -9], [9, -9], [9, 9], [-9, 9]])
    np.testing.assert_array_equal(PointGrid(points).inside(line), [True, False, True, False, False])


@pytest.mark.parametrize("count", [0, 1, 5])
def test_few_points_and_points_at_one_place(count: int) -> None:
    points = np.full((count, 2), 3.0)
    around = np.array([[2, 2], [4, 2], [4, 4], [2, 4]])
    assert PointGrid(points).inside(around).all()
    assert not PointGrid(points).inside(around + 5).any()
    assert not PointGrid(np.full((3, 2), np.nan)).inside(around).any()
