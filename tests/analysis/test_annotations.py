"""What is known of cells from elsewhere comes into the table by the cells' numbers."""

from __future__ import annotations

import time

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from cells_in_groups import make_table

from napari_splicer.analysis.annotations import (
    MOST_CATEGORIES,
    annotation_names,
    carry_annotations,
    read_annotations,
)
from napari_splicer.errors import UnreadableFile
from napari_splicer.export.tables import flat_rows, write_h5ad


@pytest.fixture
def table() -> ad.AnnData:
    return make_table()


def known(table: ad.AnnData, **columns) -> pd.DataFrame:
    """Return a file's rows, shuffled."""
    rows = pd.DataFrame({"id": table.obs["instance_id"].to_numpy(), **columns})
    return rows.sample(frac=1, random_state=0)


@pytest.mark.parametrize("key", ["instance_id", "ID", "cell", "CellID", "Object"])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_columns_come_in_the_order_of_the_table_whatever_that_of_the_file(
    table, tmp_path, key, ending
) -> None:
    site = np.where(np.arange(90) % 3 == 0, "core", "edge")
    rows = known(table, site=site, age=np.linspace(0, 1, 90)).rename(columns={"id": key})
    path = tmp_path / f"cells.{ending}"
    rows.to_csv(path, index=False) if ending == "csv" else rows.to_parquet(path)
    found = read_annotations(path, table)
    assert found.columns["site"].astype(str).tolist() == site.tolist()
    np.testing.assert_allclose(found.columns["age"], np.linspace(0, 1, 90))
    assert (found.told, found.remarks) == (90, ())
    assert found.columns.index.equals(table.obs_names)


def test_semicolons_and_decimal_commas_as_spreadsheets_write_them(table, tmp_path) -> None:
    path = tmp_path / "cells.csv"
    rows = known(table, dose=np.arange(90) / 4, site="core")
    rows.to_csv(path, index=False, sep=";", decimal=",", encoding="utf-8-sig")
    found = read_annotations(path, table)
    np.testing.assert_allclose(found.columns["dose"], np.arange(90) / 4)
    assert found.columns["site"].cat.categories.tolist() == ["core"]


def test_few_whole_numbers_and_yes_and_no_are_categories_many_words_are_none(
    table, tmp_path
) -> None:
    path = tmp_path / "cells.csv"
    table = make_table(MOST_CATEGORIES + 2)
    count = table.n_obs
    columns = {"leiden": np.arange(count) % 12, "hit": np.arange(count) % 2 == 0}
    columns |= {"score": np.arange(count), "note": [f"cell {i}" for i in range(count)]}
    known(table, **columns).iloc[1:].to_csv(path, index=False)
    found = read_annotations(path, table)
    assert found.columns["leiden"].cat.categories.tolist() == [str(i) for i in range(12)]
    assert found.columns["hit"].cat.categories.tolist() == ["False", "True"]
    assert found.columns["score"].dtype == np.float64
    assert found.columns.isna().sum().tolist() == [1, 1, 1]
    assert "note" in found.remarks[0]


def test_cells_that_the_table_lacks_are_counted_and_columns_it_has_are_left_alone(
    table, tmp_path
) -> None:
    path = tmp_path / "cells.csv"
    rows = flat_rows(table).assign(site="core")
    more = rows.iloc[:3].assign(id=[1, 2, 3])
    pd.concat([rows.iloc[5:], more]).to_csv(path)  # with the numbers of its rows
    found = read_annotations(path, table)
    assert list(found.columns.columns) == ["site"]
    assert found.remarks[0] == "3 cells in it are not in the table, and left out."
    assert "area" in found.remarks[1]
    assert found.told == 85
    assert found.columns["site"].isna().sum() == 5


@pytest.mark.parametrize("separator", [",", ";"])
def test_images_that_are_called_by_numbers_keep_their_noughts(tmp_path, separator) -> None:
    table, path = make_table(), tmp_path / "cells.csv"
    table.obs["region"] = pd.Categorical(np.where(np.arange(90) % 2 == 0, "001", "002"))
    table.obs_names = [f"{name}-{i}" for name, i in table.obs[["region", "instance_id"]].to_numpy()]
    rows = known(table, Image=table.obs["region"].to_numpy(), site="core")
    rows.to_csv(path, index=False, sep=separator)
    found = read_annotations(path, table)
    assert (found.told, found.remarks) == (90, ())


def test_of_several_images_each_cell_is_known_by_both(tmp_path) -> None:
    one, other = make_table(), make_table()
    other.obs["region"] = pd.Categorical(["second"] * 90)
    other.obs_names = [f"second-{i}" for i in other.obs["instance_id"]]
    table = ad.concat([one, other], uns_merge="same")
    path = tmp_path / "cells.csv"
    rows = pd.concat(
        [known(one, image="field.ome.tif", site="a"), known(other, image="second", site="b")]
    )
    rows.to_csv(path, index=False)
    found = read_annotations(path, table)
    assert found.columns["site"].tolist() == ["a"] * 90 + ["b"] * 90
    alone = read_annotations(path, one)
    assert alone.columns["site"].tolist() == ["a"] * 90
    known(one, image="field.ome", site="a").to_csv(path, index=False)  # as exported before
    assert read_annotations(path, one).columns["site"].tolist() == ["a"] * 90
    assert alone.remarks == ("It also tells of another image.",)
    rows.drop(columns="image").to_csv(path, index=False)
    with pytest.raises(UnreadableFile, match=r"cells\.csv has no column .* which image"):
        read_annotations(path, table)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"cells\.csv can't be read as a table"),
        ("x,type\n1,a\n", r"cells\.csv has no column that says which cell .* x, type"),
        ("id,type\na,b\n", r"cell numbers in .*cells\.csv holds 'a'"),
        ("id,type\n1.5,b\n", r"holds '1\.5'"),
        ("id,type\n1,a\n1,b\n", r"tells of cell 1 twice"),
        ("id,type\n1,a\n2,b\n", r"None of the 2 cells in .*cells\.csv is in the table"),
        ("id,image,type\n1,other,a\n", r"tells of no cell in field; its images are other"),
    ],
)
def test_a_file_that_does_not_fit_is_told(table, tmp_path, text, words) -> None:
    path = tmp_path / "cells.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableFile, match=words):
        read_annotations(path, table)


def test_nothing_of_the_table_is_overwritten(table, tmp_path) -> None:
    path = tmp_path / "cells.csv"
    known(table, Kind="mine", CD3="marker", umap_1=0.5, taken="x").to_csv(path, index=False)
    with pytest.raises(UnreadableFile, match=r"no column to take.* Kind, CD3, umap_1, taken"):
        read_annotations(path, table, taken=["taken"])


def test_names_fit_into_files(table, tmp_path) -> None:
    path = tmp_path / "cells.csv"
    known(table, **{"T/B: which?": "T", "a b": "x"}).to_csv(path, index=False)
    found = read_annotations(path, table)
    assert list(found.columns.columns) == ["T_B_ which", "a b"]
    carry = table.copy()
    carry.obs[found.columns.columns] = found.columns
    write_h5ad(carry, tmp_path / "cells.h5ad")
    again = ad.read_h5ad(tmp_path / "cells.h5ad")
    assert annotation_names(again) == ("T_B_ which", "a b")
    assert "a b" in flat_rows(again)


def test_annotations_go_on_with_the_cells_that_are_still_there(table) -> None:
    table.obs["site"] = pd.Categorical(["core", "edge", None] * 30)
    table.obs["age"] = np.arange(90.0)
    other = make_table()[:3].copy()
    carry_annotations(table, other, np.array([4, -1, 3]))
    assert other.obs["site"].astype(object).fillna("").tolist() == ["edge", "", "core"]
    assert other.obs["age"].fillna(-1).tolist() == [4, -1, 3]


def test_a_million_cells_are_read_in_seconds(tmp_path) -> None:
    count = 10**6
    obs = pd.DataFrame({"instance_id": np.arange(count) + 1, "region": "field"})
    obs["region"] = obs["region"].astype("category")
    table = ad.AnnData(obs=obs.set_index(obs.index.astype(str)))
    path = tmp_path / "cells.parquet"
    words = pd.Categorical.from_codes(np.arange(count) % 9, [f"zone {i}" for i in range(9)])
    known(table, zone=words.astype(object), depth=np.arange(count) / 7).to_parquet(path)
    start = time.perf_counter()
    found = read_annotations(path, table)
    assert time.perf_counter() - start < 15
    assert found.columns["zone"].iloc[4] == "zone 4"
