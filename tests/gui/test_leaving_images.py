"""What becomes of results and masks when layers change while, or after, something was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel
from two_images import choose, left_and_right

from napari_splicer.events import Finished
from napari_splicer.gui import commands, editing
from napari_splicer.gui.layers import ViewerLink, link_for
from napari_splicer.gui.sample import open_sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anndata import AnnData

    from napari_splicer.gui.commands import Run


@pytest.fixture
def link() -> Iterator[ViewerLink]:
    viewer = left_and_right()
    yield link_for(viewer)
    viewer.layers.clear()


def begun(link: ViewerLink, run: Run) -> Run:
    commands.begin(link.session, run)
    return run


def ended(link: ViewerLink, run: Run, result: object) -> None:
    commands.apply(link.session, run, [Finished(run.stage, result=result)])


def embedded(link: ViewerLink, table: AnnData) -> None:
    ended(link, begun(link, commands.embed(link.session)), table)


def test_groups_made_for_an_image_that_was_left_wait_for_it(link, table) -> None:
    session = link.session
    embedded(link, table)
    run = begun(link, commands.cluster(session))
    grouped = table.copy()
    grouped.obs["splicer_cluster"] = grouped.obs["first"]
    grouped.uns["splicer_cluster_colors"] = grouped.uns["first_colors"]
    grouped.uns["splicer"]["clusterings"]["splicer_cluster"] = {}
    editing.rename(session, 0, "immune")
    choose(link, "left")
    ended(link, run, grouped)
    assert session.table is None
    choose(link, "right")
    assert session.table is grouped
    assert session.clustering == "splicer_cluster"
    assert "immune" in grouped.obs["first"].cat.categories


def test_a_table_that_came_late_is_not_lost_to_the_next_one(link, table) -> None:
    session = link.session
    run = begun(link, commands.embed(session))
    choose(link, "left")
    ended(link, run, table)
    other = table.copy()
    embedded(link, other)
    assert session.table is other
    choose(link, "right")
    assert session.table is table
    choose(link, "left")
    assert session.table is other


def test_an_export_of_an_image_that_was_left_is_not_that_of_the_next(link, table, tmp_path) -> None:
    session = link.session
    embedded(link, table)
    run = begun(link, commands.export(session, tmp_path))
    choose(link, "left")
    ended(link, run, (tmp_path / "cells.csv",))
    assert session.exported == ()
    assert "export" not in session.made_from


def test_painting_a_cell_puts_the_table_out_of_date(link, table) -> None:
    embedded(link, table)
    assert link.session.table_fits
    before = len(link.session.cells.cells())
    link.mask_layer.mode = "paint"
    link.mask_layer.paint((3, 3), 9999)
    assert not link.session.table_fits
    assert 9999 in set(link.session.cells.cells()["id"])
    link.mask_layer.data = np.where(link.mask_layer.data == 9999, 0, link.mask_layer.data)
    assert len(link.session.cells.cells()) <= before


def test_choosing_what_is_chosen_changes_nothing(link, table) -> None:
    embedded(link, table)
    image = link.session.image
    choose(link, "right")
    link.use_mask(link.mask_layer)
    assert link.session.image is image
    assert link.session.table_fits


def test_an_image_without_one_of_its_layers_keeps_its_mask(link) -> None:
    link.viewer.layers.remove(link.image_layers[0])
    choose(link, "right")
    assert len(link.session.image.channels) == 3
    assert link.session.cells.name == "right mask"


def test_without_image_a_trained_model_waits(session) -> None:
    run = commands.train(session)
    commands.begin(session, run)
    commands.apply(session, run, run.events())
    session.image = None
    assert commands.follow_up(session, run) is None
    assert session.notice.kind == "info"
    assert "model is trained and kept" in session.notice.text


def test_a_sample_opened_twice_is_two_images() -> None:
    viewer = ViewerModel()
    link = link_for(viewer)
    for _ in range(2):
        for data, settings, kind in open_sample():
            getattr(viewer, f"add_{kind}")(data, **settings)
    assert [c.channels for c in link.images()] == [12, 12]
    assert len(link.session.image.channels) == 12
    assert [c.title.split(" ·")[0] for c in link.images()] == [
        "synthetic tissue",
        "synthetic tissue (2)",
    ]
