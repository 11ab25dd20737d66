"""Groups edited by hand, and every edit undone and done again."""

from __future__ import annotations

import numpy as np
import pytest

from napari_splicer.analysis.groups import edits_of
from napari_splicer.analysis.palette import PALETTE, UNASSIGNED
from napari_splicer.gui import editing, history
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
