from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from napari_splicer.gui import touching
from napari_splicer.gui.touching import touched
from napari_splicer.images.masks import LabelMask


def mask_of(pixels: np.ndarray) -> LabelMask:
    return LabelMask.from_array(pixels)


@pytest.fixture
def squares() -> np.ndarray:
    """Squares of 10 px with sparse ids, in no order, between lines of background."""
    ids = np.random.default_rng(0).choice(2**40, 64, replace=False).reshape(8, 8) + 1
    pixels = ids.repeat(10, 0).repeat(10, 1)
    pixels[::10] = pixels[:, ::10] = 0
    return pixels


def test_a_line_touches_every_cell_on_its_way(squares) -> None:
    found = touched(mask_of(squares), np.array([[5.0, 5.0], [5.0, 45.0]]))
    np.testing.assert_array_equal(found, np.unique(squares[5, 5:46])[1:])


def test_a_point_touches_the_cell_under_it(squares) -> None:
    assert touched(mask_of(squares), np.array([[14.6, 22.4]])).tolist() == [squares[15, 22]]
    assert touched(mask_of(squares), np.array([[10.2, 22.0]])).tolist() == []


def test_what_lies_outside_touches_nothing(squares) -> None:
    beyond = np.array([[-20.0, 5.0], [5.0, 5.0], [5.0, 500.0]])
    found = touched(mask_of(squares), beyond)
    np.testing.assert_array_equal(
        found, np.unique(squares[:6, 5].tolist() + squares[5].tolist())[1:]
    )
    assert touched(mask_of(squares), np.array([[-3.0, -3.0]])).tolist() == []


def test_pieces_make_no_difference(squares, monkeypatch) -> None:
    path = np.random.default_rng(1).uniform(0, 79, (12, 2))
    whole = touched(mask_of(squares), path)
    monkeypatch.setattr(touching, "_BLOCK", 16)
    np.testing.assert_array_equal(touched(mask_of(squares), path), whole)
    dense = np.concatenate([np.linspace(a, b, 5000) for a, b in pairwise(path)])
    y, x = np.floor(dense + 0.5).astype(int).T
    expected = np.unique(squares[y, x])
    assert set(whole) <= set(expected)
    assert len(whole) >= 0.95 * (len(expected) - 1)
