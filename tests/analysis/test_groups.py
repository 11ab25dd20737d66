"""Groups and colours are read from a table as any program may have written it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_splicer.analysis.groups import colours_of, groups_of
from napari_splicer.analysis.palette import group_colours
from napari_splicer.errors import InvalidSettings


@pytest.fixture
def table():
    obs = pd.DataFrame({"kind": ["b", "a", "b"], "size": [1.0, 2.0, 3.0]}, index=["x", "y", "z"])
    made = AnnData(np.zeros((3, 1), np.float32), obs=obs)
    made.obs["kind"] = made.obs["kind"].astype("category")
    return made


def test_groups_and_their_colours(table):
    table.uns["kind_colors"] = np.array(["#112233", "#445566"])
    assert groups_of(table, "kind").tolist() == ["b", "a", "b"]
    assert colours_of(table, "kind") == ["#112233", "#445566"]


def test_groups_without_colours_get_the_palettes(table):
    assert colours_of(table, "kind") == list(group_colours(2))


@pytest.mark.parametrize("left", [["#112233", "#445566", "#778899"], ["#112233"]])
def test_colours_of_other_groups_than_there_are_do_not_count(table, left):
    table.uns["kind_colors"] = np.array(left)
    assert colours_of(table, "kind") == list(group_colours(2))


@pytest.mark.parametrize("name", ["size", "nothing"])
def test_what_is_no_clustering_is_refused(table, name):
    with pytest.raises(InvalidSettings, match=f"no clustering '{name}'"):
        colours_of(table, name)
