from __future__ import annotations

import gc

import numpy as np
import pytest

from napari_splicer.gui import editing
from napari_splicer.gui.session import Session, session_for
from napari_splicer.gui.snapshot import Snapshot


class Thing:
    """Stands for a viewer: it can be held weakly."""


def test_a_field_signals_only_when_it_changes() -> None:
    session = Session()
    heard = []
    session.events.opacity.connect(lambda new, old: heard.append((new, old)))
    session.opacity = 0.6
    session.opacity = 0.2
    assert heard == [(0.2, 0.6)]


def test_selection_is_sorted_unique_and_silent_when_equal() -> None:
    session = Session()
    heard = []
    session.events.selection.connect(lambda new: heard.append(new.tolist()))
    session.select([7, 2, 7])
    session.select(np.array([2, 7]))
    session.select([])
    assert heard == [[2, 7], []]


def test_a_new_table_brings_its_groups(table) -> None:
    session = Session()
    session.table = table
    assert session.clustering == "first"
    assert [(g.name, g.colour, g.count) for g in session.groups] == [
        ("1", "#ff0000", 4),
        ("2", "#00ff00", 2),
    ]
    assert session.cells_of(1).tolist() == [2, 30]


def test_a_new_table_drops_what_it_does_not_have(table) -> None:
    session = Session(table=table)
    session.select([1, 2, 99])
    session.colour_by = "CD3"
    fewer = table[table.obs["instance_id"] < 9, ["PanCK"]].copy()
    session.table = fewer
    assert session.selection.tolist() == [1, 2]
    assert session.colour_by is None


def test_renaming_a_group_reaches_the_table(table) -> None:
    session = Session()
    session.table = table
    assert editing.rename(session, 0, " tumour ")
    assert session.groups[0].name == "tumour"
    assert table.obs["first"].tolist().count("tumour") == 4


def test_two_groups_never_share_a_name(table) -> None:
    session = Session()
    session.table = table
    assert not editing.rename(session, 0, "2")
    assert "There is a group 2 already." in session.notice.text
    assert not editing.rename(session, 0, "  ")
    assert [g.name for g in session.groups] == ["1", "2"]


def test_recolouring_reaches_the_table(table) -> None:
    session = Session()
    session.table = table
    editing.recolour(session, 1, "#0000ff")
    assert list(table.uns["first_colors"]) == ["#ff0000", "#0000ff"]
    assert session.groups[1].colour == "#0000ff"


def test_a_hidden_group_stays_hidden_when_renamed(table) -> None:
    session = Session()
    session.table = table
    session.show_group(1, False)
    editing.rename(session, 1, "stroma")
    assert [g.visible for g in session.groups] == [True, False]
    session.show_group(1, True)
    assert all(g.visible for g in session.groups)


def test_without_a_table_there_is_nothing_to_edit() -> None:
    session = Session()
    editing.recolour(session, 0, "#000000")
    session.show_group(0, False)
    assert not editing.rename(session, 0, "x")
    assert session.groups == ()
    assert session.ids().tolist() == session.codes().tolist() == []


def test_run_numbers_increase() -> None:
    session = Session()
    assert session.next_run() < session.next_run()


def test_one_session_per_viewer_and_none_after_it() -> None:
    viewer = Thing()
    session = session_for(viewer)
    assert session_for(viewer) is session
    assert session_for(Thing()) is not session
    from napari_splicer.gui.session import _SESSIONS

    before = len(_SESSIONS)
    del viewer
    gc.collect()
    assert len(_SESSIONS) < before


def test_renaming_and_recolouring_put_an_export_out_of_date(table) -> None:
    for edit in (
        lambda session: editing.rename(session, 0, "immune"),
        lambda session: editing.recolour(session, 0, "#123456"),
    ):
        session = Session()
        session.table = table
        session.made_from = {"export": Snapshot(table=table)}
        edit(session)
        assert session.made_from["export"].table is not table


@pytest.mark.parametrize("name", ["NA", "NaN", "n/a", "None", "null"])
def test_a_name_that_tables_take_for_a_missing_value_is_refused(session, table, name) -> None:
    session.table = table
    assert not editing.rename(session, 0, name)
    assert f"can't be called {name}" in session.notice.text
    assert session.groups[0].name == "1"


@pytest.mark.parametrize("name", ["Na+ channel", "naive", "1.5", "a,b", 'say "NA"', "#1"])
def test_names_that_come_back_from_a_table_are_taken(session, table, name) -> None:
    session.table = table
    assert editing.rename(session, 0, name)
    assert session.groups[0].name == name


def test_no_group_is_under_the_mouse_that_is_not_there_any_more(session, table) -> None:
    session.table = table
    session.hovered_group = 1
    editing.merge(session, [0, 1])
    assert len(session.groups) == 1
    assert session.hovered_group is None
    session.hovered_group = 0
    session.clustering = None
    assert session.hovered_group is None
