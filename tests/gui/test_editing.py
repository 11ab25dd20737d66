"""Groups edited by hand, and every edit undone and done again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_splicer.analysis.clustering import clusterings
from napari_splicer.analysis.edited import edit_again, edited_groups
from napari_splicer.analysis.groups import edits_of
from napari_splicer.analysis.palette import PALETTE, UNASSIGNED
from napari_splicer.analysis.regrouping import Groups
from napari_splicer.config import ClusteringSettings
from napari_splicer.embedding.table import read_table
from napari_splicer.export.tables import write_h5ad, write_zarr
from napari_splicer.gui import commands, editing, groupings, history
from napari_splicer.gui.session import Session


@pytest.fixture
def session(table) -> Session:
    """Cells 9, 7, 4 and 1 in group 1; 2 and 30 in group 2."""
    session = Session()
    session.table = table
    return session


def seen(session: Session) -> dict[str, tuple[str, list[int]]]:
    """Return colour and cells of every group, as the table holds them."""
    return {
        group.name: (group.colour, session.cells_of(i).tolist())
        for i, group in enumerate(session.groups)
    }


def edit_everything(session: Session) -> None:
    """Do one of every edit."""
    editing.rename(session, 0, "tumour")
    editing.recolour(session, 0, "#0000ff")
    session.select([9, 2])
    editing.group_selection(session, "mixed")
    editing.split(session, "tumour", np.array([0, 1, 0]))
    names = [group.name for group in session.groups]
    editing.merge(session, [names.index("tumour a"), names.index("tumour b")])
    editing.delete(session, [names.index("2")])
    session.select([])


def test_every_edit_can_be_undone_and_done_again(session) -> None:
    first, words = seen(session), []
    edit_everything(session)
    last = seen(session)
    assert last == {
        "tumour a": ("#0000ff", [7, 4, 1]),
        "mixed": (PALETTE[0], [9, 2]),
        UNASSIGNED: ("#4D4D4D", [30]),
    }
    while session.history.next_undo is not None:
        words.append(session.history.next_undo)
        assert session.history.undo()
    assert seen(session) == first
    assert session.selection.size == 0
    assert edits_of(session.table, "first") == ()
    while session.history.redo():
        pass
    assert seen(session) == last
    assert words[-1] == "Rename 1 to tumour"
    assert len(words) == 8


def test_a_selection_becomes_a_group_and_leaves_the_others(session) -> None:
    session.select([9, 2])
    assert editing.free_group_name(session) == "3"
    assert editing.group_selection(session, "3")
    assert seen(session) == {
        "1": ("#ff0000", [7, 4, 1]),
        "2": ("#00ff00", [30]),
        "3": (PALETTE[0], [9, 2]),
    }


def test_nothing_selected_makes_no_group(session) -> None:
    session.select([99])
    assert not editing.group_selection(session, "ghost")
    assert session.history.next_undo == "Select 1 cell"


def test_a_name_that_is_taken_is_refused_and_said(session) -> None:
    session.select([9])
    assert not editing.group_selection(session, "2")
    assert session.notice is not None
    assert "2" in session.notice.text
    assert editing.group_selection(session, "other")
    assert session.notice is None


def test_unassigned_cells_cannot_be_deleted(session) -> None:
    editing.delete(session, [1])
    assert [editing.can_be_deleted(session, i) for i in range(2)] == [True, False]


def test_a_step_that_changes_nothing_is_not_kept(session) -> None:
    session.select([])
    editing.recolour(session, 0, "#ff0000")
    editing.merge(session, [0])
    assert session.history.next_undo is None
    assert not session.history.undo()


def test_a_new_step_ends_what_could_be_done_again(session) -> None:
    session.select([9])
    session.history.undo()
    assert session.history.next_redo == "Select 1 cell"
    session.select([2])
    assert session.history.next_redo is None
    assert not session.history.redo()


def test_an_edit_is_undone_in_its_own_clustering(session, table) -> None:
    table.obs["second"] = table.obs["first"].copy()
    table.uns["splicer"]["clusterings"]["second"] = {}
    editing.rename(session, 0, "tumour")
    session.clustering = "second"
    session.history.undo()
    assert session.clustering == "first"
    assert [group.name for group in session.groups] == ["1", "2"]


def test_other_cells_have_no_history(session, table) -> None:
    session.select([9])
    session.table = table[:3].copy()
    assert session.history.next_undo is None


def test_the_same_cells_grouped_once_more_keep_theirs(session, table) -> None:
    session.select([9])
    session.table = table.copy()
    assert session.history.next_undo == "Select 1 cell"


def test_a_clustering_made_anew_forgets_its_edits_alone(session) -> None:
    session.select([9])
    editing.rename(session, 0, "tumour")
    session.history.forget("first")
    assert session.history.next_undo == "Select 1 cell"


def test_the_oldest_steps_give_way(session, monkeypatch) -> None:
    monkeypatch.setattr(history, "MOST_STEPS", 2)
    for cell in (9, 2, 7):
        session.select([cell])
    assert session.history.undo()
    assert session.history.undo()
    assert not session.history.undo()
    assert session.selection.tolist() == [9]


def test_an_export_is_out_of_date_after_an_edit_and_its_undoing(session) -> None:
    made = session.snapshot()
    session.made_from = {"export": made}
    editing.merge(session, [0, 1])
    assert session.made_from["export"].table is None


def add_second(session: Session) -> None:
    """Add a second grouping, in which cell 9 stands alone."""
    groups = pd.Categorical(["b", "a", "a", "a", "a", "a"])
    session.table.obs["second"] = groups
    session.table.uns["second_colors"] = ["#0000ff", "#ffff00"]
    session.table.uns["splicer"]["clusterings"]["second"] = {"method": "kmeans", "clusters": 2}
    session.groups_edited()


def held(session: Session) -> dict[str, object]:
    """Return everything that the table holds of its groupings."""
    table = session.table
    colours = {k: list(v) for k, v in table.uns.items() if k.endswith("_colors")}
    noted = table.uns["splicer"]
    made = {name: noted["clusterings"][name].get("method") for name in session.clusterings}
    edits = {name: edits_of(table, name) for name in session.clusterings}
    codes = {name: table.obs[name].astype(str).tolist() for name in session.clusterings}
    assert set(noted["clusterings"]) == set(session.clusterings)
    return {"colours": colours, "made": made, "edits": edits, "codes": codes}


def test_a_grouping_is_renamed_with_all_that_belongs_to_it(session) -> None:
    add_second(session)
    editing.rename(session, 0, "tumour")
    session.show_group(1, False)
    before = held(session)
    assert groupings.rename_grouping(session, "first", " by looks ")
    assert session.clusterings == ("by_looks", "second")
    assert session.clustering == "by_looks"
    assert [group.name for group in session.groups] == ["tumour", "2"]
    assert [group.visible for group in session.groups] == [True, False]
    assert list(session.table.uns["by_looks_colors"]) == ["#ff0000", "#00ff00"]
    assert edits_of(session.table, "by_looks") == ("rename 1 to tumour",)
    assert session.table.uns["splicer"]["clusterings"]["by_looks"]["name"] == "by_looks"
    after = held(session)
    assert session.history.undo()
    assert held(session) == before
    assert session.clustering == "first"
    assert not session.groups[1].visible
    assert session.history.undo()  # the rename of the group, made under the old name
    assert session.groups[0].name == "1"
    assert session.history.redo()
    assert session.history.redo()
    assert held(session) == after


def test_a_grouping_that_is_not_shown_is_renamed_and_said(session) -> None:
    add_second(session)
    told = []
    session.clusterings_changed.connect(lambda: told.append(session.clusterings))
    assert groupings.rename_grouping(session, "second", "alone")
    assert session.clustering == "first"
    assert told == [("first", "alone")]


@pytest.mark.parametrize("wanted", ["", "first", "second", "SECOND", "instance_id", "..."])
def test_a_grouping_keeps_its_name_where_it_cannot_have_another(session, wanted) -> None:
    add_second(session)
    before = held(session)
    assert not groupings.rename_grouping(session, "first", wanted)
    assert held(session) == before
    assert (session.notice is not None) == (wanted not in ("", "first"))


def test_a_grouping_is_removed_and_brought_back_where_it_stood(session) -> None:
    add_second(session)
    session.made_from = {"export": session.snapshot()}
    before = held(session)
    groupings.remove_grouping(session, "first")
    assert session.clusterings == ("second",)
    assert session.clustering == "second"
    assert "first" not in session.table.obs
    assert "first_colors" not in session.table.uns
    assert session.made_from["export"].table is None  # what was exported is out of date
    groupings.remove_grouping(session, "second")
    assert (session.clusterings, session.clustering, session.groups) == ((), None, ())
    assert session.history.undo()
    assert session.history.undo()
    assert held(session) == before
    assert (session.clusterings, session.clustering) == (("first", "second"), "first")


def test_a_grouping_made_anew_forgets_what_it_was_called_before(session) -> None:
    add_second(session)
    editing.rename(session, 0, "tumour")
    groupings.rename_grouping(session, "first", "looks")
    session.select([9])
    session.history.forget("looks")
    assert session.history.next_undo == "Select 1 cell"
    session.history.undo()
    assert session.history.next_undo is None


def test_a_new_grouping_does_not_take_the_name_of_one_that_can_come_back(session) -> None:
    groupings.remove_grouping(session, "first")
    made = commands.cluster(session, ClusteringSettings(name="first"))
    assert made.config.clusterings[0].name == "first_2"


def test_groupings_stand_by_age_in_a_table_that_was_written(session, tmp_path) -> None:
    add_second(session)
    groupings.rename_grouping(session, "first", "z_oldest")
    groupings.rename_grouping(session, "second", "a_newest")
    for write, name in ((write_h5ad, "t.h5ad"), (write_zarr, "t.zarr")):
        session.table.obs.index.name = None
        session.table.obs["region"] = pd.Categorical(["left"] * 6)
        write(session.table, tmp_path / name)
        again = Session()
        again.table = read_table(tmp_path / name)
        assert again.clusterings == ("z_oldest", "a_newest")
        assert list(clusterings(again.table)) == ["z_oldest", "a_newest"]


def test_what_is_merged_named_and_coloured_can_be_made_again(session) -> None:
    found = session.table.copy()
    editing.rename(session, 1, "stroma, outer")
    editing.recolour(session, 1, "#0000ff")
    editing.rename(session, 0, "into it")
    told = edited_groups(session.table, "first")
    assert [(g.name, g.colour, g.found) for g in told.groups] == [
        ("into it", "#ff0000", ("1",)),
        ("stroma, outer", "#0000ff", ("2",)),
    ]
    assert edit_again(found, "first", told)
    assert Groups.of(found, "first").same_as(Groups.of(session.table, "first"))
    session.history.undo()
    editing.merge(session, [0, 1])
    assert edited_groups(session.table, "first") is None  # which names there were is not certain
    session.history.undo()
    editing.rename(session, 1, "stroma")
    editing.merge(session, [0, 1])
    assert edited_groups(session.table, "first").groups[0].found == ("1", "2")
    editing.split(session, "1", np.array([0, 1, 0, 1, 0, 1]))
    assert edited_groups(session.table, "first") is None


def test_a_name_that_only_looks_like_a_number_does_not_count(session) -> None:
    editing.rename(session, 1, "²")
    assert editing.free_group_name(session) == "2"
