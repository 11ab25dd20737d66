"""Groups over a mask: right for every id, lazy where the mask is, small to recolour."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Labels
from napari.layers.labels._labels_utils import get_contours

from napari_splicer.errors import InvalidSettings
from napari_splicer.gui.id_index import IdIndex
from napari_splicer.gui.outlines import outlined
from napari_splicer.gui.overlay import ClusterLookup

SPARSE = np.array([2**32 - 1, 3, 70_000, 2**31, 12])
GROUPS = ["b", "a", "b", "c", "a"]


def _mask(dtype=np.uint32) -> np.ndarray:
    """Hold the cells of SPARSE, and cell 5 that no table knows, between stripes of background."""
    mask = np.zeros((24, 30), np.uint64)
    for column, cell in enumerate([*SPARSE, 5]):
        mask[2:20, 5 * column : 5 * column + 4] = cell
    return mask.astype(dtype)


def _expected(mask: np.ndarray) -> np.ndarray:
    code = {int(i): "abc".index(g) + 1 for i, g in zip(SPARSE, GROUPS, strict=True)}
    return np.vectorize(lambda cell: code.get(int(cell), 0))(mask)


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64, np.int64])
def test_sparse_ids_in_any_order_are_mapped(dtype):
    lookup = ClusterLookup.from_groups(SPARSE, GROUPS)
    codes = lookup.apply(_mask(dtype))
    assert codes.dtype == np.uint8
    np.testing.assert_array_equal(codes, _expected(_mask(dtype)))


@settings(max_examples=60, deadline=None)
@given(
    cells=st.lists(st.integers(1, 2**32 - 1), unique=True, min_size=1, max_size=30),
    strangers=st.lists(st.integers(0, 2**32 - 1), max_size=10),
    seed=st.integers(0, 99),
)
def test_any_ids_get_their_own_group(cells, strangers, seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 300, len(cells))
    of = {cell: f"{group:03}" for cell, group in zip(cells, groups, strict=True)}
    lookup = ClusterLookup.from_groups(cells, list(of.values()))
    mask = rng.choice([*cells, *strangers], (7, 11)).astype(np.uint32)
    names = np.array(["", *lookup.groups])[lookup.apply(mask)]
    expected = np.vectorize(lambda cell: of.get(int(cell), ""))(mask)
    np.testing.assert_array_equal(names, expected)


def test_dense_and_hashed_lookup_agree():
    rng = np.random.default_rng(0)
    ids = rng.permutation(500) + 1
    groups = rng.integers(0, 9, 500).astype(str)
    mask = rng.integers(0, 600, (64, 64)).astype(np.uint16)
    dense = ClusterLookup.from_groups(ids, groups)
    far = ClusterLookup.from_groups(np.append(ids, 2**40), np.append(groups, "0"))
    np.testing.assert_array_equal(dense.apply(mask), far.apply(mask))


def test_more_than_255_groups_need_two_bytes():
    lookup = ClusterLookup.from_groups(np.arange(1, 401), np.arange(400))
    codes = lookup.apply(np.arange(401, dtype=np.uint16).reshape(1, -1))
    assert codes.dtype == np.uint16
    np.testing.assert_array_equal(codes.ravel(), np.arange(401))


def test_cells_without_group_and_empty_tables_are_not_painted():
    lookup = ClusterLookup.from_groups([1, 2], pd.Categorical(["x", None]))
    np.testing.assert_array_equal(lookup.apply(np.array([0, 1, 2, 3])), [0, 1, 0, 0])
    empty = ClusterLookup.from_groups([], [])
    np.testing.assert_array_equal(empty.apply(np.array([[0, 7]])), [[0, 0]])
    assert empty.group_of(7) is None


def test_hidden_groups_vanish_and_come_back():
    lookup = ClusterLookup.from_groups(SPARSE, GROUPS)
    without_a = lookup.hide({"a"})
    np.testing.assert_array_equal(
        without_a.apply(_mask()), np.where(_expected(_mask()) == 1, 0, _expected(_mask()))
    )
    np.testing.assert_array_equal(without_a.hide(()).apply(_mask()), _expected(_mask()))
    assert without_a.group_of(3) == "a"


def test_lazy_masks_stay_lazy_and_keep_levels_and_chunks():
    @dask.delayed
    def explode() -> np.ndarray:
        raise AssertionError("the mask was read before anyone looked at it")

    unread = da.from_delayed(explode(), (1024, 1024), np.uint32).rechunk(256)
    lookup = ClusterLookup.from_groups(SPARSE, GROUPS)
    levels = lookup.overlay([unread, unread[::2, ::2]])
    assert [level.shape for level in levels] == [(1024, 1024), (512, 512)]
    assert levels[0].chunks == unread.chunks
    assert levels[0].dtype == np.uint8

    lazy = da.from_array(_mask(), chunks=(7, 9))
    np.testing.assert_array_equal(lookup.overlay([lazy])[0].compute(), _expected(_mask()))
    assert isinstance(lookup.overlay([_mask()])[0], np.ndarray)


def test_ids_missing_on_either_side_are_counted():
    index = IdIndex([4, 9, 2**32 - 1])
    assert index.compare([0, 9, 4, 5, 6, 6]) == (1, 2)
    np.testing.assert_array_equal(index.rows([[9, 5], [2**32 - 1, 0]]), [[1, -1], [2, -1]])


def test_rows_are_kept_for_the_next_time_and_found_anew_for_other_ids(monkeypatch):
    monkeypatch.setattr("napari_splicer.gui.id_index._FEWEST_KEPT", 1)
    index, ids = IdIndex([4, 9, 2**32 - 1]), np.array([9, 5, 4], np.uint32)
    assert index.rows_again(ids).tolist() == [1, -1, 0]
    assert index.rows_again(ids.copy()) is index.rows_again(ids)
    ids[0] = 4  # a stroke on the mask
    assert index.rows_again(ids).tolist() == [0, -1, 0]
    assert index.rows_again(ids[:1]).tolist() == [0]


def test_doubled_and_impossible_ids_are_refused():
    with pytest.raises(InvalidSettings, match="cell 3 more than once"):
        IdIndex([3, 4, 3])
    with pytest.raises(InvalidSettings, match="id 0"):
        IdIndex([3, 0])


def test_colormap_has_one_entry_per_group_and_paints_it():
    lookup = ClusterLookup.from_groups(SPARSE, GROUPS)
    colormap = lookup.colormap({"a": "#ff0000", "b": "#00ff00", "c": "#0000ff"})
    assert len(colormap.color_dict) == 3 + 2
    layer = Labels(lookup.overlay([_mask()])[0], colormap=colormap, features=lookup.features())
    np.testing.assert_allclose(layer.get_color(lookup.groups.index("b") + 1), [0, 1, 0, 1])
    np.testing.assert_allclose(colormap.map(0), 0)


def test_status_bar_names_the_cluster_and_the_cell():
    lookup = ClusterLookup.from_groups(SPARSE, GROUPS)
    overlay = Labels(lookup.overlay([_mask()])[0], features=lookup.features())
    status = overlay.get_status((5, 6), world=True)["value"]
    assert "cluster: a" in status
    assert "cells: 2" in status

    mask = Labels(_mask(), features=lookup.cell_features())
    assert "label: 3, cluster: a" in mask.get_status((5, 6), world=True)["value"]
    assert "No Properties" in mask.get_status((5, 26), world=True)["value"]  # cell 5: not in table


def test_cell_features_are_sorted_behind_a_background_row():
    lookup = ClusterLookup.from_groups(SPARSE, GROUPS)
    features = lookup.cell_features()
    assert list(features["index"]) == [0, *sorted(SPARSE)]
    assert list(features["label"]) == list(features["index"])
    assert list(features["cluster"]) == ["no group", "a", "a", "b", "c", "b"]


@pytest.mark.parametrize("width", [1, 2, 3])
def test_outlines_are_those_that_napari_traces(width) -> None:
    rng = np.random.default_rng(width)
    inside = (rng.random((60, 90)) < 0.9).astype(np.uint8)
    np.testing.assert_array_equal(outlined(inside, width), get_contours(inside, width, 0))
    whole = np.ones((5, 5), np.uint8)  # up to the image's edge, which is no border of a cell
    assert not outlined(whole, width).any()


@pytest.mark.parametrize("width", [1, 2, 3])
def test_cells_that_touch_have_an_outline_each(width) -> None:
    labels = np.repeat(np.repeat(np.arange(1, 13).reshape(3, 4), 11, 0), 9, 1)
    labels[::11] = 0
    lookup = ClusterLookup.from_groups([2, 3, 6, 7, 12], ["chosen"] * 5)
    (drawn,) = lookup.overlay([labels], outline=width)
    alone = [outlined((labels == cell).astype(np.uint8), width) for cell in (2, 3, 6, 7, 12)]
    np.testing.assert_array_equal(drawn, np.sum(alone, axis=0))


def test_a_lazy_level_is_outlined_as_one_in_memory_whatever_piece_is_looked_at() -> None:
    labels = (np.indices((40, 50)) // 9 * [[[10]], [[1]]]).sum(axis=0).astype(np.uint16)
    lookup = ClusterLookup.from_groups(np.arange(0, 60, 2)[1:], ["chosen"] * 29)
    for width in (1, 3):
        here, later = lookup.overlay([labels, da.from_array(labels, chunks=7)], outline=width)
        assert (here > 0).any()
        assert (later.shape, later.ndim, later.dtype, len(later)) == ((40, 50), 2, here.dtype, 40)
        np.testing.assert_array_equal(np.asarray(later), here)
        for key in (
            np.s_[4:19, 7:31],
            np.s_[:, 49:],
            np.s_[17],
            np.s_[..., -3],
            np.s_[3, 8],
            np.s_[::3, 5:41:2],
            np.s_[9:9, :4],
        ):
            np.testing.assert_array_equal(later[key], here[key])
    (stack,) = lookup.overlay([da.from_array(labels[None], chunks=7)], outline=3)
    np.testing.assert_array_equal(stack[0, 4:19, 7:31], here[4:19, 7:31])


def test_of_a_lazy_level_only_the_piece_that_is_looked_at_and_its_rim_are_read() -> None:
    read = []

    def block(labels: np.ndarray, block_info: dict | None = None) -> np.ndarray:
        if block_info:
            read.append(block_info[0]["chunk-location"])
        return labels

    lazy = da.ones((64, 64), chunks=8, dtype=np.uint16).map_blocks(block, dtype=np.uint16)
    (later,) = ClusterLookup.from_groups([1], ["a"]).overlay([lazy], outline=2)
    assert not read
    assert later[16:24, 18:22].shape == (8, 4)
    assert sorted(read) == [(1, 2), (2, 2), (3, 2)]
