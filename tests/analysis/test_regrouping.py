"""Groups edited by hand keep what was not meant, and lose no cell."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_splicer.analysis.palette import PALETTE, UNASSIGNED, UNASSIGNED_COLOUR, group_colours
from napari_splicer.analysis.regrouping import Groups, next_colour


def groups(codes: list[int], names: str = "1 2 3") -> Groups:
    called = tuple(names.split())
    return Groups(np.array(codes), called, group_colours(len(called)))


def by_cell(edited: Groups) -> list[str | None]:
    return [edited.names[code] if code >= 0 else None for code in edited.codes]


def test_merged_groups_have_name_and_colour_of_the_first() -> None:
    merged = groups([0, 1, 2, 2, 0]).merged({2, 1})
    assert by_cell(merged) == ["1", "2", "2", "2", "1"]
    assert merged.colours == PALETTE[:2]


def test_others_keep_their_colours_when_a_group_is_taken_out() -> None:
    left = groups([0, 1, 2, 2, 0]).without({0})
    assert by_cell(left) == [UNASSIGNED, "2", "3", "3", UNASSIGNED]
    assert left.colours == (PALETTE[1], PALETTE[2], UNASSIGNED_COLOUR)


def test_cells_taken_out_later_join_those_taken_out_before() -> None:
    left = groups([0, 1, 2]).without({0}).without({0})
    assert by_cell(left) == [UNASSIGNED, UNASSIGNED, "3"]
    assert left.names == ("3", UNASSIGNED)


def test_a_new_group_stands_before_the_unassigned_and_empties_a_group() -> None:
    more = groups([0, 0, 1, 2]).without({2}).with_group(np.array([2, 3]), "rare")
    assert by_cell(more) == ["1", "1", "rare", "rare"]
    assert more.names == ("1", "rare")
    assert more.colours[1] == PALETTE[2]


def test_parts_of_a_group_are_called_after_it() -> None:
    parts = groups([0, 1, 1, 1, 2], "1 2 2b").split(1, np.array([0, 1, 0]))
    assert by_cell(parts) == ["1", "2a", "2c", "2a", "2b"]
    assert parts.colours[parts.names.index("2a")] == PALETTE[1]
    assert len(set(parts.colours)) == 4


def test_a_group_in_one_part_stays_as_it_is() -> None:
    whole = groups([0, 1, 1])
    assert whole.split(1, np.array([0, 0])) is whole


def test_cells_without_a_group_stay_so() -> None:
    assert by_cell(groups([0, -1, 1, -1]).merged({0, 1})) == ["1", None, "1", None]


@given(
    codes=st.lists(st.integers(-1, 4), min_size=1, max_size=30),
    chosen=st.sets(st.integers(0, 4), min_size=2, max_size=4),
)
def test_no_edit_moves_a_cell_that_was_not_meant(codes: list[int], chosen: set[int]) -> None:
    before = groups(codes, "a b c d e")
    for after in (before.merged(chosen), before.without(chosen)):
        for code, old, new in zip(codes, by_cell(before), by_cell(after), strict=True):
            if code not in chosen:
                assert new == old
        kept = dict(zip(before.names, before.colours, strict=True))
        for name, colour in zip(after.names, after.colours, strict=True):
            assert kept.get(name, UNASSIGNED_COLOUR) == colour


def test_a_table_holds_the_edited_groups() -> None:
    table = anndata.AnnData(obs=pd.DataFrame(index=["a", "b", "c"]))
    table.obs["groups"] = pd.Categorical(["1", "2", None])
    edited = Groups.of(table, "groups").renamed(1, "tumour").recoloured(0, "#123456")
    edited.put(table, "groups")
    assert table.obs["groups"].tolist() == ["1", "tumour", np.nan]
    assert list(table.uns["groups_colors"]) == ["#123456", PALETTE[1]]


@pytest.mark.parametrize("count", [0, 1, 7, 64, 65])
def test_the_next_colour_is_the_one_used_least(count: int) -> None:
    used = group_colours(count)
    assert list(used).count(next_colour(used)) == (1 if count >= 64 else 0)
