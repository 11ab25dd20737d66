"""Results that come after another image was chosen go to their own cells, with the work on them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from two_images import choose, left_and_right

from napari_splicer.analysis.whole import take_out
from napari_splicer.config import CellType, TaughtSettings
from napari_splicer.events import Finished
from napari_splicer.gui import commands, editing
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.readiness import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anndata import AnnData

    from napari_splicer.gui.commands import Run
    from napari_splicer.gui.layers import ViewerLink


@pytest.fixture
def link() -> Iterator[ViewerLink]:
    viewer = left_and_right()
    yield link_for(viewer)
    viewer.layers.clear()


def begun(link: ViewerLink) -> Run:
    run = commands.embed(link.session)
    commands.begin(link.session, run)
    return run


def ended(link: ViewerLink, run: Run, result: AnnData) -> None:
    commands.apply(link.session, run, [Finished(run.stage, result=result)])


def of(table: AnnData, image: str) -> AnnData:
    found = table.copy()
    found.obs_names = [f"{image}_{number}" for number in found.obs["instance_id"]]
    return found


def work(link: ViewerLink, image: str) -> TaughtSettings:
    """Name a group, hide one and show examples."""
    session = link.session
    editing.rename(session, 0, f"{image} group")
    session.hidden = {"first": frozenset({"2"})}
    names = tuple(session.table.obs_names[:2])
    session.lesson = TaughtSettings(types=(CellType(name=image, cells=names),))
    return session.lesson


def test_cells_described_anew_keep_the_work_on_them_though_another_image_is_chosen(
    link, table
) -> None:
    session = link.session
    ended(link, begun(link), of(table, "right"))
    lesson = work(link, "right")
    run = begun(link)
    choose(link, "left")
    assert session.lesson == TaughtSettings()
    fresh = of(table, "right")
    take_out(fresh, "first")
    ended(link, run, fresh)
    assert session.table is fresh
    choose(link, "right")
    for _ in range(2):
        assert session.lesson == lesson
        assert [group.name for group in session.groups] == ["right group", "2"]
        assert [group.visible for group in session.groups] == [True, False]
        choose(link, "left")
        assert session.table is None
        choose(link, "right")


def overtaken(link: ViewerLink, table: AnnData) -> tuple[Run, TaughtSettings]:
    """Work on the left image while the right one's table is made; return the run that makes it."""
    late = begun(link)
    choose(link, "left")
    link.session.job = None
    ended(link, begun(link), of(table, "left"))
    lesson = work(link, "left")
    commands.begin(link.session, late)
    return late, lesson


def test_a_late_table_does_not_get_the_work_on_another_image(link, table) -> None:
    session = link.session
    late, lesson = overtaken(link, table)
    session.brush = 0
    ended(link, late, of(table, "right"))
    assert session.lesson == TaughtSettings()
    assert session.brush is None
    assert [group.name for group in session.groups] == ["1", "2"]
    assert all(group.visible for group in session.groups)
    assert session.history.next_undo is None
    choose(link, "right")
    choose(link, "left")
    assert session.lesson == lesson
    assert session.groups[0].name == "left group"
    assert "left group" in session.history.next_undo


def test_the_chosen_image_s_results_come_back_from_under_a_late_table(link, table) -> None:
    session = link.session
    late, _ = overtaken(link, table)
    mine = session.table
    ended(link, late, of(table, "right"))
    assert session.table is not mine
    assert (
        session.snapshot().image_of_cells is None
    )  # pictures of the left image are none of these cells
    choose(link, "left")
    assert session.table is mine
    assert session.groups[0].name == "left group"
    assert session.snapshot().image_of_cells is session.image
    choose(link, "right")
    assert [group.name for group in session.groups] == ["1", "2"]


def test_a_late_table_of_another_mask_leaves_this_one_s_groups_alone(link, table) -> None:
    """Both masks are of one image, so that groupings could go from one to the other."""
    session, first = link.session, link.mask_layer
    late = begun(link)
    second = link.viewer.add_labels(np.array(first.data), name="other mask")
    link.use_mask(second)
    session.job = None
    ended(link, begun(link), of(table, "right"))
    work(link, "second")
    commands.begin(session, late)
    fresh = of(table, "right")
    ended(link, late, fresh)
    assert session.table is fresh
    assert [group.name for group in session.groups] == ["1", "2"]
    link.use_mask(first)
    link.use_mask(second)
    assert [group.name for group in session.groups] == ["second group", "2"]
    assert [group.visible for group in session.groups] == [True, False]
    assert "second group" in session.history.next_undo


def test_after_the_layers_of_an_image_are_gone_the_next_begins_anew(link, table) -> None:
    session = link.session
    ended(link, begun(link), of(table, "right"))
    work(link, "right")
    for layer in [*link.image_layers, link.mask_layer]:
        link.viewer.layers.remove(layer)
    choose(link, "left")
    link.use_mask(next(layer for layer in link.masks() if layer.name == "left mask"))
    ended(link, begun(link), of(table, "left"))
    assert session.lesson == TaughtSettings()
    assert all(group.visible for group in session.groups)


def test_groups_made_for_an_image_that_was_left_forget_no_step_of_the_next(link, table) -> None:
    session = link.session
    ended(link, begun(link), of(table, "right"))
    choose(link, "left")
    ended(link, begun(link), of(table, "left"))
    choose(link, "right")
    run = commands.recluster(
        session, commands.DEFAULT_CLUSTERING.model_copy(update={"name": "first"})
    )
    commands.begin(session, run)
    choose(link, "left")
    editing.rename(session, 0, "immune")
    ended(link, run, of(table, "right"))
    assert "immune" in session.history.next_undo


def test_a_stroke_on_the_mask_loses_nothing_when_another_image_is_chosen(link, table) -> None:
    session, mask = link.session, link.mask_layer
    ended(link, begun(link), of(table, "right"))
    lesson = work(link, "right")
    mask.paint((2, 2), 9_999)
    choose(link, "left")
    assert session.table is None
    ended(link, begun(link), of(table, "left"))
    choose(link, "right")
    assert session.groups[0].name == "right group"
    assert session.lesson == lesson
    assert "right group" in session.history.next_undo
    assert not session.table_fits
    assert resolve(session.snapshot()).steps["embed"].status == "stale"


def test_results_of_a_mask_that_has_changed_since_they_were_saved_wait_too(link, table) -> None:
    session = link.session
    ended(link, begun(link), of(table, "right"))
    # As a project brings them whose files are not what they were.
    session.made_from = {"embed": replace(session.made_from["embed"], image=None, cells=None)}
    session.table = session.table.copy()
    editing.rename(session, 0, "stroma")
    choose(link, "left")
    assert session.table is None
    choose(link, "right")
    assert session.groups[0].name == "stroma"
    assert resolve(session.snapshot()).steps["embed"].status == "stale"


def test_groups_of_tiles_wait_for_their_image_though_the_tiles_are_others_by_now(
    link, table
) -> None:
    session = link.session
    session.settings = session.settings.with_values({"patches.sites": "grid"})
    ended(link, begun(link), of(table, "right"))
    editing.rename(session, 0, "stroma")
    session.settings = session.settings.with_values({"patches.stride": 40})
    assert not session.table_fits
    choose(link, "left")
    assert session.table is None
    choose(link, "right")
    assert session.groups[0].name == "stroma"


def test_files_may_be_replaced_for_this_image_only(link) -> None:
    session = link.session
    session.settings = session.settings.with_values({"export.overwrite": True})
    choose(link, "left")
    assert not session.settings.export.overwrite
