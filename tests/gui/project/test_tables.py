"""Tables written part by part are those that AnnData would have written whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata.tests.helpers import assert_equal

from napari_splicer.analysis.groups import note_edits
from napari_splicer.embedding.table import read_table
from napari_splicer.export.tables import write_zarr
from napari_splicer.gui.project.record import TableRecord
from napari_splicer.gui.project.tables import (
    Digests,
    TableNow,
    most_alike,
    write_changed,
    write_table,
)


@pytest.fixture
def cells(table):
    table.obs_names.name = None
    table.obs["region"] = pd.Categorical(["field"] * 6)
    table.obs["y"] = np.linspace(0, 1, 6)
    table.obs["touches_border"] = [True, False] * 3
    table.obsm["X_splicer"] = np.random.default_rng(0).random((6, 3), np.float32)
    table.obsm["spatial"] = np.zeros((6, 2))
    table.uns["feature_matrices"] = {"X_splicer": {"feature_columns": ["a", "b"]}}
    return table


def parts(table):
    return TableNow.of(table).digests(Digests())


def changed_from(table, before, folder):
    """Write a changed table beside the one it was, and read it."""
    write_table(TableNow.of(before), folder / "before.zarr")
    changed = {name for name, _ in parts(table).items() ^ parts(before).items()}
    write_changed(TableNow.of(table), folder / "after.zarr", folder / "before.zarr", changed)
    return changed, read_table(folder / "after.zarr")


def test_a_whole_table_is_what_anndata_writes(cells, tmp_path) -> None:
    write_table(TableNow.of(cells), tmp_path / "parts.zarr")
    write_zarr(cells, tmp_path / "whole.zarr")
    whole, by_parts = (read_table(tmp_path / f"{name}.zarr") for name in ("whole", "parts"))
    assert_equal(by_parts, whole)


def test_only_what_was_changed_is_written(cells, tmp_path) -> None:
    before = cells.copy()
    cells.obs["first"] = cells.obs["first"].cat.rename_categories({"1": "immune"})
    cells.uns["first_colors"] = np.array(["#0000ff", "#00ff00"])
    note_edits(cells, "first", ("rename 1 to immune",))
    changed, after = changed_from(cells, before, tmp_path)
    assert changed == {"obs/first", "uns"}
    write_zarr(cells, tmp_path / "whole.zarr")
    assert_equal(after, read_table(tmp_path / "whole.zarr"))
    write_zarr(before, tmp_path / "whole before.zarr")
    assert_equal(read_table(tmp_path / "before.zarr"), read_table(tmp_path / "whole before.zarr"))


def test_columns_and_matrices_come_and_go(cells, tmp_path) -> None:
    before = cells.copy()
    del cells.obs["first"]
    del cells.obsm["spatial"]
    cells.uns["splicer"] = {"clusterings": {}}
    cells.obs["second"] = pd.Categorical(list("ababab"))
    cells.obsm["X_umap"] = np.ones((6, 2), np.float32)
    cells.X = cells.X + 1
    changed, after = changed_from(cells, before, tmp_path)
    assert "obsm/X_splicer" not in changed
    assert "obs/_index" not in changed
    write_zarr(cells, tmp_path / "whole.zarr")
    assert_equal(after, read_table(tmp_path / "whole.zarr"))


def test_other_cells_are_another_table(cells, tmp_path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.zarr").mkdir()
    known = [TableRecord(kept="tables/a.zarr", parts=parts(cells))]
    assert most_alike(known, parts(cells), tmp_path) == known[0]
    assert most_alike(known, parts(cells[:5].copy()), tmp_path) is None
    assert most_alike(known, parts(cells), tmp_path / "elsewhere") is None


def test_an_edit_does_not_reach_what_is_being_written(cells) -> None:
    now = TableNow.of(cells)
    before = now.digests(Digests())
    cells.obs["first"] = pd.Categorical(["x"] * 6)
    note_edits(cells, "first", ("put together",))
    cells.uns["splicer"]["clusterings"]["second"] = {}
    assert now.digests(Digests()) == before


def rename_groups(table) -> None:
    table.obs["first"] = table.obs["first"].cat.rename_categories(["b", "a"])


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.uns.update(more=1),
        lambda t: t.uns["feature_matrices"]["X_splicer"].update(feature_columns=["a", "c"]),
        lambda t: t.obs.insert(0, "roundness", 1.5),
        lambda t: t.obs.insert(0, "second", t.obs["first"]),
        rename_groups,
        lambda t: setattr(t, "X", t.X * 2),
    ],
)
def test_every_change_is_noticed(cells, change) -> None:
    before = parts(cells)
    change(cells)
    assert parts(cells) != before
