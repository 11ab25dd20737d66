"""Typical cells are central, borderline cells face another group."""

from __future__ import annotations

import numpy as np

from napari_splicer.analysis.exemplars import borderline_cells, typical_cells

# Group 0 lies at 0, group 1 at 10, on a line; the last cell has no values.
X = np.array([[-1.0], [0.1], [4.0], [9.0], [10.2], [13.0], [np.nan]], np.float32)
CODES = np.array([0, 0, 0, 1, 1, 1, 0])


def test_typical_cells_come_nearest_first():
    assert list(typical_cells(X, CODES, 1, 2)) == [4, 3]
    assert list(typical_cells(X, CODES, 0, 9)) == [1, 0, 2]


def test_borderline_cells_face_the_other_group():
    assert list(borderline_cells(X, CODES, 0, 1)) == [2]
    assert list(borderline_cells(X, CODES, 1, 3)) == [3, 4, 5]


def test_a_single_group_has_its_farthest_cells_on_the_border():
    assert list(borderline_cells(X[:3], CODES[:3], 0, 1)) == [2]


def test_cells_without_group_belong_to_none_and_an_empty_group_has_none():
    codes = np.array([0, 0, -1, 1, 1, 1, -1])
    assert 2 not in typical_cells(X, codes, 0, 9)
    assert len(typical_cells(X, codes, 5, 9)) == 0
    assert len(borderline_cells(X, codes, 5, 9)) == 0
