"""Cells are compared to one, or to the mean of several, by an angle that can be checked by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest

from napari_splicer.analysis import space, standardised
from napari_splicer.analysis.similarity import similarity
from napari_splicer.analysis.sources import available_sources
from napari_splicer.embedding.table import chunk_slices, record
from napari_splicer.errors import InvalidSettings, NoCells

if TYPE_CHECKING:
    from anndata import AnnData


def cosines(x: np.ndarray, rows: list[int]) -> np.ndarray:
    """Transcribe the definition: angles between z-scores, to the mean of some rows."""
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    towards = z[rows].mean(axis=0)
    return np.array([np.dot(row, towards) / np.sqrt(row @ row * (towards @ towards)) for row in z])


@pytest.mark.parametrize("rows", [[7], [7, 120, 30]])
def test_it_is_the_cosine_of_z_scores(table: AnnData, rows: list[int]) -> None:
    found = similarity(table, table.obs_names[rows].tolist())
    expected = cosines(np.asarray(table.obsm["X_splicer"], np.float64), rows)
    np.testing.assert_allclose(found.values, expected, atol=1e-5)
    others = np.setdiff1d(np.arange(table.n_obs), rows)
    assert found.order.tolist() == others[np.argsort(-found.values[others], kind="stable")].tolist()
    assert found.remarks == ()


def test_one_components_chunk_tells_another_story_than_the_rest(table: AnnData) -> None:
    cell = table.obs_names[200]  # of the group that the left half of the numbers tells
    columns = chunk_slices(table)["left"]
    found = similarity(table, [cell], "chunk:left")
    np.testing.assert_allclose(
        found.values,
        cosines(np.asarray(table.obsm["X_splicer"], float)[:, columns], [200]),
        atol=1e-5,
    )


def test_every_source_of_the_table_can_be_asked_for(table: AnnData, groups: np.ndarray) -> None:
    for source in available_sources(table):
        found = similarity(table, [table.obs_names[0]], source)
        assert found.values[0] == pytest.approx(1, abs=1e-5)
        if source != "chunk:right":  # which does not tell this group from the others
            assert (groups[found.order[:50]] == groups[0]).mean() > 0.8


def test_cells_are_found_by_name_in_whatever_order(table: AnnData) -> None:
    order = np.random.default_rng(0).permutation(table.n_obs)
    shuffled = table[order].copy()
    cell = table.obs_names[42]
    here, there = similarity(table, [cell]), similarity(shuffled, [cell])
    np.testing.assert_allclose(there.values, here.values[order], atol=1e-5)
    assert shuffled.obs_names[there.asked].tolist() == [cell]


def test_pieces_of_a_lazy_table_give_the_same(
    table: AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = similarity(table, [table.obs_names[3]], "combined").values
    monkeypatch.setattr(standardised, "PIECE", 64)
    table.X = da.from_array(np.asarray(table.X), chunks=(50, -1))
    table.obsm["X_splicer"] = da.from_array(np.asarray(table.obsm["X_splicer"]), chunks=(50, -1))
    found = similarity(table, [table.obs_names[3]], "combined").values
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_of_very_many_cells_some_tell_mean_and_spread(
    table: AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = similarity(table, [table.obs_names[3]]).values
    monkeypatch.setattr(standardised, "MANY", 100)
    monkeypatch.setattr(standardised, "_SAMPLE", 250)
    found = similarity(table, [table.obs_names[3]]).values
    assert np.abs(found - exact).max() < 0.1
    assert (found != exact).any()
    assert space.MANY == 200_000


def test_cells_without_values_are_left_out_and_counted(table: AnnData) -> None:
    table.obsm["X_splicer"][[5, 9]] = np.nan
    found = similarity(table, [table.obs_names[0], table.obs_names[5]])
    assert np.isnan(found.values[[5, 9]]).all()
    assert np.isfinite(np.delete(found.values, [5, 9])).all()
    assert not {0, 5, 9} & set(found.order.tolist())
    assert "2 cells" in found.remarks[0]
    alone = similarity(table, [table.obs_names[0]])
    np.testing.assert_allclose(found.values, alone.values)  # the empty cell has no say
    with pytest.raises(NoCells, match="no finite value in 'representation'"):
        similarity(table, [table.obs_names[9]])


def test_how_many_are_so_similar(table: AnnData) -> None:
    found = similarity(table, [table.obs_names[0]])
    for least in (-1.0, 0.0, 0.5, 1.1):
        assert found.count_above(least) == (found.values[1:] >= least).sum()
    assert found.nearest(3).tolist() == [0, *found.order[:3]]


def test_what_cannot_be_asked(table: AnnData) -> None:
    with pytest.raises(NoCells, match="does not have the cells nobody"):
        similarity(table, [table.obs_names[0], "nobody"])
    with pytest.raises(InvalidSettings, match="no 'chunk:up' to compare"):
        similarity(table, [table.obs_names[0]], "chunk:up")
    table.obsm["X_splicer"] = np.array([[1.0], [-1.0], [0.0]] * 100, np.float32)
    with pytest.raises(NoCells, match="the average cell"):
        similarity(table, [table.obs_names[2]])


def test_a_chunk_that_an_image_lacks_is_said(table: AnnData) -> None:
    record(table)["blank"] = {"region": np.array(["b"]), "component": np.array(["left"])}
    (remark,) = similarity(table, [table.obs_names[0]], "chunk:left").remarks
    assert "a component that b lacks" in remark
    assert similarity(table, [table.obs_names[0]]).remarks == ()
