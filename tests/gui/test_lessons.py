"""What a person teaches is on the session and in the table, and can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from cells_in_groups import make_table

from napari_splicer.analysis.groups import colours_of
from napari_splicer.analysis.teaching import taught_settings, teach
from napari_splicer.config import TaughtSettings
from napari_splicer.embedding.table import read_table
from napari_splicer.export.tables import write_h5ad
from napari_splicer.gui import editing, groupings, lessons
from napari_splicer.gui.numbers import values_of
from napari_splicer.gui.session import Session

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def taught_session() -> Session:
    """Two types with three examples each, kept in the table."""
    session = Session()
    session.table = make_table()
    for name, group in (("a", 0), ("b", 1)):
        lessons.add_type(session, name)
        lessons.show(session, group, session.cells_of(group)[:3])
    _teach(session)
    return session


def _teach(session: Session) -> None:
    lessons.take_free_name(session)
    lessons.keep(session, teach(session.table, session.lesson))


def test_types_have_names_and_colours_of_their_own() -> None:
    session = Session()
    assert lessons.add_type(session) == ""
    assert lessons.add_type(session) == ""
    assert [kind.name for kind in session.lesson.types] == ["type 1", "type 2"]
    assert len({kind.colour for kind in session.lesson.types}) == 2
    for name in ("type 2", "unassigned", "NA"):
        assert lessons.rename_type(session, 0, name) != ""
        assert lessons.add_type(session, name) != ""
    assert lessons.rename_type(session, 0, " tumour ") == ""
    lessons.recolour_type(session, 0, "#123456")
    assert (session.lesson.types[0].name, session.lesson.types[0].colour) == ("tumour", "#123456")
    lessons.remove_type(session, 0)
    assert [kind.name for kind in session.lesson.types] == ["type 2"]


def test_a_cell_is_an_example_of_the_type_it_was_last_shown_as(taught_session: Session) -> None:
    session = taught_session
    cell = int(session.ids()[lessons.examples(session, 0)[1]])
    assert lessons.show(session, 1, [cell, 12345]) == 1  # the other is not in the table
    assert len(lessons.examples(session, 0)) == 2
    assert session.ids()[lessons.examples(session, 1)][-1] == cell
    lessons.take_out(session, [cell])
    assert len(lessons.examples(session, 1)) == 3


def test_every_step_can_be_undone_and_done_again(taught_session: Session) -> None:
    session = taught_session
    lesson = session.lesson
    lessons.show(session, 0, session.cells_of(0)[3:5])
    assert session.history.next_undo == "Show 2 cells as a"
    more = session.lesson
    session.history.undo()
    assert session.lesson == lesson
    assert not session.history.next_undo.startswith("Show 2 cells")
    session.history.redo()
    assert session.lesson == more
    lessons.choose_sources(session, ["intensity"])
    session.history.undo()
    assert session.lesson.sources == ("representation",)


def test_what_is_learned_is_a_clustering_with_its_uncertainty(taught_session: Session) -> None:
    session = taught_session
    assert session.clustering == "taught"
    assert [group.name for group in session.groups] == ["a", "b"]
    assert [group.colour for group in session.groups] == [k.colour for k in session.lesson.types]
    assert lessons.counts(session) == {group.name: group.count for group in session.groups}
    unsure = values_of(session, "uncertainty of taught")
    np.testing.assert_array_equal(unsure, session.table.obs["taught_uncertainty"])
    assert lessons.is_kept(session)
    lessons.show(session, 0, session.cells_of(0)[3:5])
    assert not lessons.is_kept(session)
    _teach(session)
    assert session.clusterings == ("kind", "taught")


def test_types_are_seen_when_they_first_come(taught_session: Session) -> None:
    session = taught_session
    session.colour_by = "CD3"
    lessons.show(session, 0, session.cells_of(0)[3:5])
    _teach(session)
    assert session.colour_by == "CD3"  # chosen since
    session.clustering = "kind"
    lessons.show(session, 0, session.ids()[[0]])
    _teach(session)
    assert session.colour_by is None


def test_groups_that_were_edited_by_hand_are_not_taught_over(taught_session: Session) -> None:
    session = taught_session
    session.select(session.ids()[:4])
    assert editing.group_selection(session, "mine")
    lessons.take_free_name(session)
    assert session.lesson.name == "taught"  # nothing new was shown
    lessons.add_type(session, "c")
    lessons.show(session, 2, session.cells_of(0)[5:8])
    _teach(session)
    assert session.clusterings == ("kind", "taught", "taught_2")
    assert "mine" in session.table.obs["taught"].cat.categories
    assert list(session.measures) == ["uncertainty of taught_2"]
    session.history.undo()
    assert session.lesson.name == "taught_2"  # the edited groups stay as they are


def test_names_and_colours_given_in_a_legend_are_the_lessons_too(taught_session: Session) -> None:
    session = taught_session
    before = session.lesson
    editing.rename(session, 1, "B cell")
    editing.recolour(session, 1, "#123456")
    kind = session.lesson.types[1]
    assert (kind.name, kind.colour, kind.cells) == ("B cell", "#123456", before.types[1].cells)
    assert lessons.is_kept(session)
    lessons.take_free_name(session)
    assert session.lesson.name == "taught"
    session.history.undo()
    session.history.undo()
    assert session.lesson == before
    assert [group.name for group in session.groups] == ["a", "b"]
    session.clustering = "kind"
    editing.rename(session, 0, "a")  # of another clustering
    assert session.lesson == before


def test_a_column_of_the_table_is_never_taught_over() -> None:
    session = Session()
    session.table = make_table()
    session.table.obs["taught_uncertainty"] = 1.0
    for group in (0, 1):
        lessons.add_type(session)
        lessons.show(session, group, session.cells_of(group)[:2])
    _teach(session)
    assert session.clustering == "taught_2"
    assert (session.table.obs["taught_uncertainty"] == 1).all()


def test_a_saved_table_brings_its_lesson_back(taught_session: Session, tmp_path: Path) -> None:
    write_h5ad(taught_session.table, tmp_path / "cells.h5ad")
    session = Session()
    session.table = read_table(tmp_path / "cells.h5ad")
    lessons.resume(session)
    assert session.lesson == taught_session.lesson
    assert lessons.is_kept(session)
    assert "uncertainty of taught" in session.measures
    assert colours_of(session.table, "taught") == [k.colour for k in session.lesson.types]
    lessons.show(session, 0, session.ids()[[8]])
    _teach(session)
    assert taught_settings(session.table, "taught") == session.lesson


def test_another_image_keeps_the_types_and_its_own_examples(taught_session: Session) -> None:
    session = taught_session
    first, lesson = session.table, session.lesson
    session.table = make_table(seed=7)
    lessons.resume(session)
    assert session.lesson == lesson
    assert len(lessons.examples(session, 0)) == 0
    session.table = first
    lessons.resume(session)
    assert len(lessons.examples(session, 0)) == 3


def test_without_a_table_nothing_can_be_shown() -> None:
    session = Session()
    lessons.add_type(session)
    assert lessons.show(session, 0, [1, 2]) == 0
    assert lessons.counts(session) == {}
    assert not lessons.is_kept(session)
    lessons.take_free_name(session)
    assert session.lesson == TaughtSettings(types=session.lesson.types)


def test_a_taught_grouping_takes_its_examples_along(taught_session: Session, tmp_path) -> None:
    session = taught_session
    old, taught = session.lesson, session.lesson.name
    session.colour_by = f"uncertainty of {taught}"
    unsure = values_of(session, session.colour_by).copy()
    assert groupings.rename_grouping(session, taught, "types")
    assert session.lesson == old.model_copy(update={"name": "types"})
    assert lessons.is_kept(session)
    assert taught_settings(session.table, "types") == session.lesson
    assert session.colour_by == "uncertainty of types"
    np.testing.assert_array_equal(values_of(session, session.colour_by), unsure)
    assert f"{taught}_uncertainty" not in session.table.obs
    groupings.remove_grouping(session, "types")
    assert session.lesson == TaughtSettings()
    assert session.colour_by is None
    assert "uncertainty of types" not in session.measures
    assert "types_uncertainty" not in session.table.obs
    assert session.history.undo()
    assert session.history.undo()
    assert session.lesson == old
    assert lessons.is_kept(session)
    np.testing.assert_array_equal(session.measures[f"uncertainty of {taught}"], unsure)


def test_what_is_taught_anew_does_not_take_the_name_of_what_was_removed(
    taught_session: Session,
) -> None:
    session = taught_session
    taught = session.lesson.name
    groupings.remove_grouping(session, taught)
    for name, group in (("a", 0), ("b", 1)):
        lessons.add_type(session, name)
        session.clustering = session.clusterings[0]
        lessons.show(session, group, session.cells_of(group)[:3])
    _teach(session)
    assert session.lesson.name == f"{taught}_2"
    assert taught in session.history.groupings
