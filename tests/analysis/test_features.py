from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_splicer.analysis.features import (
    features,
    principal_components,
    scaled_intensities,
    standardise,
)
from napari_splicer.analysis.sources import available_sources
from napari_splicer.errors import InvalidSettings, UnusableChannel

if TYPE_CHECKING:
    from anndata import AnnData


@pytest.mark.parametrize(
    ("source", "width"),
    [("representation", 8), ("intensity", 6), ("combined", 14), ("chunk:left", 4)],
)
def test_every_source_gives_comparable_columns(table: AnnData, source: str, width: int) -> None:
    x = features(table, source)
    assert x.shape == (table.n_obs, width)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-5)
    if source != "combined":
        np.testing.assert_allclose(x.std(axis=0), 1, atol=1e-4)


def test_combined_weighs_both_blocks_the_same(table: AnnData) -> None:
    x = features(table, "combined")
    np.testing.assert_allclose(x[:, :8].var(axis=0).sum(), 7, rtol=1e-4)
    np.testing.assert_allclose(x[:, 8:].var(axis=0).sum(), 7, rtol=1e-4)


def test_a_chunk_holds_its_own_columns(table: AnnData) -> None:
    right = standardise(table.obsm["X_splicer_chunks"][:, 4:])
    np.testing.assert_array_equal(features(table, "chunk:right"), right)


def test_a_source_that_is_not_there_is_named_with_those_that_are(table: AnnData) -> None:
    with pytest.raises(InvalidSettings, match=r"no 'chunk:top'.*intensity.*chunk:left"):
        features(table, "chunk:top")
    del table.obsm["X_splicer"]
    table.uns.pop("splicer")
    assert available_sources(table) == ("intensity",)
    with pytest.raises(InvalidSettings, match=r"no 'combined'.*Choose one of: intensity\."):
        features(table, "combined")


def test_markers_that_never_change_are_left_out(table: AnnData) -> None:
    table.X[:, 2] = 7
    assert features(table, "intensity").shape[1] == 5
    table.X[:] = 0
    with pytest.raises(UnusableChannel, match="No number of 'intensity' differs"):
        features(table, "intensity")
    assert features(table, "combined").shape[1] == 8


def test_a_missing_marker_counts_as_average_and_an_unmeasured_cell_as_unknown(
    table: AnnData,
) -> None:
    table.X[::2, 1] = np.nan
    table.X[5] = np.nan
    x = features(table, "intensity")
    assert (x[::2, 1] == 0).all()
    assert np.isnan(x[5]).all()
    assert np.isfinite(np.delete(x, 5, axis=0)).all()


@settings(max_examples=50, deadline=None)
@given(arrays(np.float32, (7, 3), elements=st.floats(-1e6, 1e6, width=32) | st.just(np.nan)))
def test_standardise_never_gives_half_a_row_or_a_wild_value(x: np.ndarray) -> None:
    scores = standardise(x)
    unknown = np.isnan(scores)
    if scores.shape[1]:
        assert (unknown.all(axis=1) == np.isnan(x).all(axis=1)).all()
        assert (unknown.any(axis=1) == unknown.all(axis=1)).all()
    assert np.abs(scores[~unknown]).max(initial=0) <= 10


def test_intensities_are_scaled_per_channel_and_keep_their_order(table: AnnData) -> None:
    scaled = scaled_intensities(table)
    dimmer = table.copy()
    dimmer.X = table.X / 1000
    np.testing.assert_allclose(scaled_intensities(dimmer), scaled, rtol=1e-4)
    for column in range(table.n_vars):
        np.testing.assert_array_equal(np.argsort(scaled[:, column]), np.argsort(table.X[:, column]))


def test_a_marker_of_a_handful_of_cells_still_has_a_scale(table: AnnData) -> None:
    table.X[:, 0] = 0
    table.X[7, 0] = 50
    scaled = scaled_intensities(table)[:, 0]
    assert scaled[7] == pytest.approx(np.arcsinh(5))
    assert scaled.sum() == scaled[7]


def test_principal_components_are_the_same_for_the_same_seed() -> None:
    x = np.random.default_rng(0).normal(size=(200, 120)).astype(np.float32)
    first = principal_components(x, seed=3)
    assert first.shape == (200, 50)
    np.testing.assert_array_equal(first, principal_components(x, seed=3))
    np.testing.assert_array_equal(principal_components(x[:, :9]), x[:, :9])
    assert principal_components(x[:20]).shape == (20, 20)


def test_several_sources_stand_side_by_side_and_weigh_the_same(table: AnnData) -> None:
    left, right = (features(table, f"chunk:{name}") for name in ("left", "right"))
    both = features(table, ["chunk:left", "chunk:right"])
    np.testing.assert_array_equal(both, np.hstack([left, right]))
    np.testing.assert_array_equal(
        features(table, ["representation", "intensity"]), features(table, "combined")
    )
    wide = features(table, ("chunk:left", "intensity"))
    np.testing.assert_allclose(wide[:, :4], left * np.sqrt(10 / (2 * 4)), rtol=1e-6)
    np.testing.assert_allclose(wide[:, 4:].var(axis=0).sum(), 5, rtol=1e-4)


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        (["chunk:left", "chunk:top"], r"no 'chunk:top'.*intensity.*chunk:left"),
        (["chunk:left + chunk:right"], r"no 'chunk:left \+ chunk:right'.*chunk:left, chunk:right"),
        (["chunk:left", "chunk:left"], "by 'chunk:left' twice"),
        ([], "Nothing is named"),
    ],
)
def test_sources_that_are_missing_or_doubled_are_named(
    table: AnnData, sources: list[str], told: str
) -> None:
    with pytest.raises(InvalidSettings, match=told):
        features(table, sources)


def test_a_source_in_which_nothing_differs_is_named_beside_others(table: AnnData) -> None:
    table.obsm["X_splicer_chunks"][:, :4] = 1
    with pytest.raises(UnusableChannel, match="No number of 'chunk:left'"):
        features(table, ["chunk:right", "chunk:left"])
