"""Rows of the table that are selected, and points in a lasso: found fast, and the right ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from matplotlib.path import Path

from napari_splicer.gui.selected_rows import selected_rows
from napari_splicer.gui.session import Session
from napari_splicer.gui.widgets import lasso


def table_of(ids) -> AnnData:
    obs = pd.DataFrame({"instance_id": np.asarray(ids, np.int64)}, index=[f"c{i}" for i in ids])
    return AnnData(np.zeros((len(ids), 1), np.float32), obs=obs)


def test_rows_follow_selection_and_table() -> None:
    session = Session()
    assert not len(selected_rows(session))
    session.table = table_of([70, 4, 2**40, 9])
    assert selected_rows(session).tolist() == [False] * 4
    session.selection = np.array([9, 2**40, 5])  # 5 is no cell of the table
    assert selected_rows(session).tolist() == [False, False, True, True]
    assert selected_rows(session) is selected_rows(session)
    session.table = table_of([9, 4])
    assert selected_rows(session).tolist() == [True, False]
    session.selection = np.array([4])
    assert selected_rows(session).tolist() == [False, True]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", ["star", "bow", "circle", "line", "dot"])
def test_a_grid_tells_the_same_as_point_by_point(shape, dtype, monkeypatch) -> None:
    monkeypatch.setattr(lasso, "_MANY", 1)
    rng = np.random.default_rng(0)
    points = rng.normal(0, 3, (20_000, 2)).astype(dtype)
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    corners = {
        "star": circle * rng.uniform(0.1, 6, (40, 1)),
        "bow": np.array([[-4.0, -3], [4, 3], [4, -3], [-4, 3]]),  # crosses itself
        "circle": 3 * circle + [2, -1],
        "line": np.array([[-4.0, 1], [4, 1], [0, 1]]),
        "dot": np.array([[1.0, 1]] * 3),
    }[shape]
    expected = Path(corners).contains_points(points)
    np.testing.assert_array_equal(lasso.inside(points, corners), expected)
    assert expected.any() == (shape not in ("line", "dot"))
