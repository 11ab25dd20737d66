"""Annotations of a project: they come back, and so do the steps on them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from same_work import same_work

from napari_splicer.analysis.annotations import Annotations
from napari_splicer.gui.annotating import remove_annotation, take_annotations
from napari_splicer.gui.categories import categories_of


def test_annotations_come_back_and_are_shown(grouped, tmp_path, open_again) -> None:
    session = grouped.session
    grouped.save(tmp_path / "a.splicer")
    sites = pd.Categorical.from_codes(np.arange(len(session.ids())) % 3 - 1, ["rim", "core"])
    columns = pd.DataFrame(
        {"site of it": sites, "age": np.arange(len(sites)) / 2}, index=session.table.obs_names
    )
    take_annotations(session, "sites.csv", Annotations(columns, told=len(sites)))
    grouped.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    same_work(grouped, again)
    assert again.session.colour_by == "site of it"
    for name in columns.columns:
        pd.testing.assert_series_equal(again.session.table.obs[name], columns[name])
    remove_annotation(session, "site of it")
    grouped.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    assert "site of it" not in again.session.table.obs
    again.save(tmp_path / "a.splicer")
    once_more = open_again(tmp_path / "a.splicer").session
    history, table = once_more.history, once_more.table
    assert history.next_undo == "Remove site of it"
    assert history.undo()
    assert once_more.colour_by == "site of it"
    pd.testing.assert_series_equal(table.obs["site of it"], columns["site of it"])
    assert list(table.obs.columns).index("site of it") == list(table.obs.columns).index("age") - 1
    assert history.undo()
    assert once_more.colour_by is None
    assert not {"site of it", "age"} & {*table.obs.columns}
    assert history.redo()
    pd.testing.assert_series_equal(table.obs["age"], columns["age"])
    assert history.redo()
    assert "site of it" not in table.obs


def take_sites(session) -> pd.DataFrame:
    """Bring an annotation of two categories; return what it says."""
    sites = pd.Categorical.from_codes(np.arange(len(session.ids())) % 2, ["rim", "core"])
    columns = pd.DataFrame({"site": sites}, index=session.table.obs_names)
    take_annotations(session, "sites.csv", Annotations(columns, told=len(sites)))
    return columns


def test_colours_that_a_removed_annotation_has_come_back_with_it(
    grouped, tmp_path, open_again
) -> None:
    session = grouped.session
    take_sites(session)
    session.table.uns["site_colors"] = ["#102030", "#405060"]
    remove_annotation(session, "site")
    grouped.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer").session
    assert again.history.undo()
    assert categories_of(again, "site").colours == ("#102030", "#405060")


def test_annotations_before_a_step_that_are_damaged_cost_the_steps_alone(
    grouped, tmp_path, open_again
) -> None:
    session = grouped.session
    columns = take_sites(session)
    grouped.save(tmp_path / "a.splicer")
    record = tmp_path / "a.splicer" / "splicer-project.json"
    said = record.read_text()
    assert '"categories"' in said
    record.write_text(re.sub(r'"rim",\s*"core"', '"rim"', said))
    again = open_again(tmp_path / "a.splicer").session
    assert "not of these cells and categories" in again.notice.text
    assert again.history.next_undo is None
    pd.testing.assert_series_equal(again.table.obs["site"], columns["site"])
    assert again.groups == session.groups


def test_a_column_that_no_file_gives_comes_back_only_in_its_window(
    grouped, tmp_path, open_again
) -> None:
    session = grouped.session
    session.table.obs["by hand"] = np.arange(len(session.ids())).astype(object)
    session.select(session.ids()[:2])
    remove_annotation(session, "by hand")
    grouped.save(tmp_path / "a.splicer")
    assert open_again(tmp_path / "a.splicer").session.history.next_undo == "Select 2 cells"
    assert session.history.undo()
    assert "by hand" in session.table.obs
