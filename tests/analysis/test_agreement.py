"""Clusterings compared with each other, and with what is no biology."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_splicer.analysis.agreement import compare_clusterings, trust
from napari_splicer.analysis.clustering import add_clustering, cluster_cells
from napari_splicer.analysis.groups import note_edits
from napari_splicer.config import ClusteringSettings, PatchSettings
from napari_splicer.errors import InvalidSettings

if TYPE_CHECKING:
    from collections.abc import Callable


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


@pytest.fixture
def grouped(table: AnnData) -> AnnData:
    """Plain groups; half of the cells lie in another image."""
    add_clustering(table, cluster_cells(table, ClusteringSettings(name="plain")))
    return table


def test_plain_groups_are_stable_and_follow_neither_image_nor_border(
    grouped: AnnData, note_patches: Callable[..., None]
) -> None:
    rng = np.random.default_rng(0)
    grouped.obs["region"] = pd.Categorical(rng.choice(["left", "right"], grouped.n_obs))
    grouped.obs["y"], grouped.obs["x"] = rng.uniform(0, 100, (2, grouped.n_obs))
    note_patches(grouped, PatchSettings())
    found = trust(grouped, "plain", shapes={"left": (100, 100), "right": (100, 100)})
    assert found.stability == pytest.approx(1, abs=0.02)
    assert abs(found.image) < 0.05
    assert abs(found.border) < 0.05
    assert found.cells == grouped.n_obs


def test_groups_that_follow_image_and_border_are_told(
    grouped: AnnData, note_patches: Callable[..., None]
) -> None:
    first = np.asarray(grouped.obs["plain"].cat.codes == 0)
    grouped.obs["region"] = pd.Categorical(np.where(first, "left", "right"))
    grouped.obs["y"] = np.where(first, 3.0, 50.0)
    grouped.obs["x"] = 50.0
    note_patches(grouped, PatchSettings())
    found = trust(grouped, "plain", shapes={"left": (100, 100), "right": (100, 100)})
    assert found.image > 0.3
    assert found.border == pytest.approx(found.image)


def test_whose_patch_reaches_over_the_border_is_told_in_pixels_of_the_image(
    grouped: AnnData, note_patches: Callable[..., None]
) -> None:
    first = np.asarray(grouped.obs["plain"].cat.codes == 0)
    grouped.obs["region"] = pd.Categorical(["left"] * grouped.n_obs)
    grouped.obs["y"] = np.where(first, 25.0, 50.0)
    grouped.obs["x"] = 50.0
    shapes = {"left": (100, 100)}
    assert trust(grouped, "plain", shapes=shapes).border is None  # of unknown size
    note_patches(grouped, PatchSettings(size=32, size_um=16), pixel_um=0.5)
    assert trust(grouped, "plain", shapes=shapes).border is None  # 32 pixels: none reaches over it
    note_patches(grouped, PatchSettings(size=32, size_um=16), pixel_um=0.25)
    assert trust(grouped, "plain", shapes=shapes).border > 0.3  # 64 pixels: the first group's


def test_what_cannot_be_told_is_left_open(grouped: AnnData) -> None:
    grouped.obs["region"] = pd.Categorical(["only"] * grouped.n_obs)
    note_edits(grouped, "plain", ("merge 2 into 1",))
    assert trust(grouped, "plain")[:3] == (None, None, None)


def test_of_many_cells_some_are_looked_at(grouped: AnnData) -> None:
    grouped.obs["region"] = pd.Categorical(["only"] * grouped.n_obs)
    assert trust(grouped, "plain", most=50, seeds=(1, 2)).cells == 50
