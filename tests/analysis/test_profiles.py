from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from napari_splicer.analysis.features import scaled_intensities
from napari_splicer.analysis.profiles import (
    Profiles,
    histograms,
    profile,
    similar_order,
    top_markers,
)
from napari_splicer.errors import InvalidSettings, MissingChannels

if TYPE_CHECKING:
    from anndata import AnnData


@pytest.fixture
def clustered(table: AnnData, groups: np.ndarray) -> AnnData:
    table.obs["kind"] = pd.Categorical.from_codes(groups, [*"ABCD", "empty"])
    return table


def test_each_group_is_told_by_its_marker(clustered: AnnData) -> None:
    profiles = profile(clustered, "kind")
    assert profiles.scores.shape == profiles.medians.shape == (5, 6)
    assert profiles.scores.loc[[*"ABCD"]].idxmax(axis=1).tolist() == ["m0", "m1", "m2", "m3"]
    assert profiles.medians.loc["B", "m1"] > 90
    assert profiles.medians.loc["B", "m0"] < 30
    assert profiles.scores.loc["empty"].isna().all()
    words = top_markers(profiles, 2)
    assert words["D"].startswith("high m3")
    assert words["empty"] == "close to the average"


def test_the_mean_over_all_cells_is_zero(clustered: AnnData) -> None:
    profiles = profile(clustered, "kind")
    sizes = profiles.counts.sum(axis=1)
    np.testing.assert_allclose(
        (profiles.scores.fillna(0).T @ sizes) / clustered.n_obs, 0, atol=1e-6
    )


def test_counts_are_per_image(clustered: AnnData) -> None:
    counts = profile(clustered, "kind").counts
    assert counts.columns.tolist() == ["a", "b"]
    assert counts.sum(axis=1).tolist() == [120, 90, 60, 30, 0]
    assert counts.loc["A", "b"] == 40


def test_cells_without_a_group_shift_no_count(clustered: AnnData) -> None:
    clustered.obs["kind"] = clustered.obs["kind"].where(np.arange(clustered.n_obs) % 3 > 0)
    profiles = profile(clustered, "kind")
    assert profiles.counts.index.tolist() == profiles.scores.index.tolist() == [*"ABCD", "empty"]
    sizes = clustered.obs["kind"].value_counts()
    assert profiles.counts.sum(axis=1).to_dict() == sizes.to_dict()


def test_similar_rows_and_columns_come_to_lie_side_by_side(clustered: AnnData) -> None:
    scores = pd.DataFrame([[5.0, 0], [0, 5], [5, 0.1], [0.1, 5]], index=[*"abcd"])
    order = [scores.index[i] for i in similar_order(scores)]
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset("ac"), frozenset("bd")}
    profiles = profile(clustered, "kind")
    ordered = profiles.ordered()
    assert sorted(ordered.scores.index) == sorted(profiles.scores.index)
    assert ordered.medians.index.equals(ordered.counts.index)
    pd.testing.assert_frame_equal(
        ordered.scores.loc[profiles.scores.index, profiles.scores.columns], profiles.scores
    )


def test_a_marker_without_any_value_is_missing_not_zero(clustered: AnnData) -> None:
    clustered.X[:, 5] = np.nan
    clustered.X[:, 4] = 3
    profiles = profile(clustered, "kind")
    assert profiles.scores["m5"].isna().all()
    assert (profiles.scores["m4"].dropna() == 0).all()
    assert "m5" not in " ".join(top_markers(profiles).values())


def test_words_name_what_is_low_too() -> None:
    scores = {"CD3": [2.0, -2.0], "panCK": [-1.0, 1.0], "DNA": [0.1, -0.1]}
    frame = pd.DataFrame(scores, index=["T", "E"])
    words = top_markers(Profiles(frame, frame, frame))
    assert words == {"T": "high CD3; low panCK", "E": "high panCK; low CD3"}


def test_what_is_no_clustering_is_refused(clustered: AnnData) -> None:
    for name in ("nothing", "instance_id"):
        with pytest.raises(InvalidSettings, match=f"no clustering '{name}'"):
            profile(clustered, name)


def test_histograms_count_every_known_cell_in_its_group(table: AnnData, groups: np.ndarray) -> None:
    table.obs["kind"] = pd.Categorical(np.where(groups == 0, None, groups.astype(str)))
    table.X[3, 1] = np.nan
    marker = str(table.var_names[1])
    found = histograms(table, "kind", marker, bins=8)
    known = (groups != 0) & (np.arange(len(groups)) != 3)
    assert found.counts.to_numpy().sum() == known.sum()
    assert found.counts.loc["1"].sum() == (known & (groups == 1)).sum()
    of_one = scaled_intensities(table)[known & (groups == 1), 1]
    expected, _ = np.histogram(of_one.clip(max=found.edges[-1]), found.edges)
    assert found.counts.loc["1"].tolist() == expected.tolist()


def test_histograms_of_an_unknown_marker_name_those_there_are(table: AnnData) -> None:
    table.obs["kind"] = pd.Categorical(["a"] * table.n_obs)
    with pytest.raises(MissingChannels, match="no marker ghost"):
        histograms(table, "kind", "ghost")
