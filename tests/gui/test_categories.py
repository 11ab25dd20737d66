"""What cells can be coloured by beside groups and markers: columns of numbers and of categories."""

from __future__ import annotations

import time

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from cells_in_groups import make_table

from napari_splicer.analysis.palette import group_colours
from napari_splicer.gui.categories import (
    MOST,
    categories_of,
    category_names,
    colour_names,
    said_of,
)
from napari_splicer.gui.numbers import values_of
from napari_splicer.gui.session import Session
from napari_splicer.gui.widgets.colouring import NOTHING, colouring_of


@pytest.fixture
def session() -> Session:
    table = make_table()
    table.obs["touches_border"] = np.arange(90) % 9 == 0
    table.obs["site"] = pd.Categorical.from_codes(np.arange(90) % 3 - 1, ["edge", "core"])
    table.obs["notes"] = pd.Categorical([f"note {i}" for i in range(90)])
    table.obs["CD3"] = pd.Categorical(["as the marker"] * 90)
    session = Session()
    session.table = table
    return session


def test_annotations_and_yes_and_no_are_offered_but_no_grouping_and_no_single_image(session):
    assert category_names(session) == ("touches_border", "site", "notes")
    assert {"area", "y", "x", "CD20", "site"} <= set(colour_names(session))
    table = make_table()
    table.obs["region"] = pd.Categorical(["a", "b"] * 45)
    session.table = table
    assert category_names(session) == ("region",)
    many = pd.Categorical.from_codes(np.arange(90), [str(i) for i in range(MOST + 1)])
    session.table.obs["many"] = many
    assert category_names(session) == ("region",)


def test_every_category_has_its_colour_and_cells_of_none_are_grey(session):
    session.colour_by = "site"
    found = colouring_of(session)
    assert found.names == ("edge", "core")
    assert found.limits is None
    colours = [found.colours[code] for code in found.codes[:3]]
    assert colours == [NOTHING, *group_colours(2)]
    session.table.uns["site_colors"] = ["#102030", "#405060"]
    assert colouring_of(session).colours[:2] == ("#102030", "#405060")
    session.table.uns["site_colors"] = ["#102030"]
    assert colouring_of(session).colours[:2] == group_colours(2)
    assert categories_of(session, "touches_border").names == (
        "not: touches the border",
        "touches the border",
    )
    assert categories_of(session, "CD3") is None, "the marker has that name"


def test_the_cell_under_the_mouse_is_told_its_category(session):
    cell = session.ids()[1]
    assert said_of(session, 1) == f"cell {cell} · group 2"
    session.colour_by = "site"
    assert said_of(session, 1) == f"cell {cell} · edge"
    assert said_of(session, 0) == f"cell {session.ids()[0]}"


def test_another_table_without_the_column_is_coloured_by_group(session):
    session.colour_by = "site"
    table = session.table.copy()
    session.table = table
    assert session.colour_by == "site"
    table = table.copy()
    del table.obs["site"]
    session.table = table
    assert session.colour_by is None


def test_a_million_cells_have_their_colours_at_once(session):
    count = 10**6
    names = pd.RangeIndex(count).astype(str)
    obs = pd.DataFrame({"instance_id": np.arange(count) + 1, "kind": "1"}, index=names)
    obs["kind"] = obs["kind"].astype("category")
    table = AnnData(np.zeros((count, 1), np.float32), obs=obs)
    table.uns["splicer"] = {"clusterings": {"kind": {}}}
    table.obs["site"] = pd.Categorical.from_codes(
        np.arange(count) % 40, [f"s{i}" for i in range(40)]
    )
    session.table = table
    session.colour_by = "site"
    start = time.perf_counter()
    found = colouring_of(session)
    assert time.perf_counter() - start < 1
    assert len(found.codes) == count


def test_a_marker_on_disk_is_read_once_for_all_its_colours(table) -> None:
    reads: list[int] = []

    def read(block: np.ndarray) -> np.ndarray:
        reads.append(len(block))
        return block

    values = np.asarray(table.X)
    meta = np.empty((0, 0), values.dtype)
    table.X = da.from_array(values, chunks=(3, 2)).map_blocks(read, meta=meta)
    session = Session(table=table)
    for group in (None, 0, 1, 0):
        session.hovered_group = group
        for _ in range(2):
            np.testing.assert_array_equal(values_of(session, "PanCK"), values[:, 1])
    assert len(reads) == 2  # a block each
    np.testing.assert_array_equal(values_of(session, "CD3"), values[:, 0])
    other = table.copy()
    other.X = da.from_array(values + 1)
    session.table = other
    np.testing.assert_array_equal(values_of(session, "PanCK"), values[:, 1] + 1)
