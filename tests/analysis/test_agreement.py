"""Clusterings compared with each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_splicer.analysis.agreement import compare_clusterings
from napari_splicer.errors import InvalidSettings


def divided(**columns: list[str | None]) -> AnnData:
    obs = pd.DataFrame({name: pd.Categorical(groups) for name, groups in columns.items()})
    return AnnData(obs=obs.set_axis([f"cell {i}" for i in range(len(obs))]))


def test_groups_under_other_names_agree_wholly() -> None:
    same = compare_clusterings(divided(a=["1", "1", "2", "3"], b=["z", "z", "x", "y"]), "a", "b")
    assert same.rand_index == 1
    assert not same.moved.any()
    assert np.array_equal(same.counts.to_numpy(), np.diag([2, 1, 1]))
    assert list(same.counts.columns) == ["z", "x", "y"]


def test_cells_that_moved_are_those_off_the_match() -> None:
    table = divided(a=["1", "1", "1", "2", "2", None], b=["x", "x", "y", "y", "y", "x"])
    compared = compare_clusterings(table, "a", "b")
    assert compared.moved.tolist() == [False, False, True, False, False, False]
    assert compared.counts.loc["1", "y"] == 1
    assert 0 < compared.rand_index < 1


def test_a_group_without_a_match_has_moved_whole() -> None:
    compared = compare_clusterings(divided(a=["1", "1", "1", "2"], b=["x"] * 4), "a", "b")
    assert compared.moved.tolist() == [False, False, False, True]
    assert compared.counts.shape == (2, 1)


def test_nothing_in_common_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="No cell has a group in 'a' and in 'b'"):
        compare_clusterings(divided(a=["1", None], b=[None, "x"]), "a", "b")
    with pytest.raises(InvalidSettings, match="no clustering 'c'"):
        compare_clusterings(divided(a=["1"], b=["x"]), "a", "c")
