"""Shapes drawn on the image select the cells in them."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_splicer.gui import commands
from napari_splicer.gui.drawing import DRAWING, in_ellipse
from napari_splicer.gui.layers import ViewerLink, link_for

BOX = [[0, 0], [0, 80], [80, 80], [80, 0]]


@pytest.fixture
def link(make_napari_viewer, tissue) -> ViewerLink:
    """A viewer with image, mask and a table of intensities; the mask lies elsewhere, scaled."""
    viewer = make_napari_viewer()
    image, cells = np.asarray(tissue.image.data), np.asarray(tissue.cells.data)
    where = {"scale": (0.5, 0.5), "translate": (10, 20)}
    viewer.add_image(image, channel_axis=0, name=list(tissue.image.channels), **where)
    viewer.add_labels(cells, name="cells", **where)
    link = link_for(viewer)
    session = link.session
    run = commands.embed(session, with_model=False)
    commands.begin(session, run)
    commands.apply(session, run, run.events())
    return link


def inside_box(link: ViewerLink) -> list[int]:
    table = link.session.table
    within = ((table.obs[["y", "x"]] > 0) & (table.obs[["y", "x"]] < 80)).all(axis=1)
    return sorted(table.obs.loc[within, "instance_id"].astype(int))


def test_a_shape_selects_and_is_forgotten(link, qtbot) -> None:
    session = link.session
    session.drawing_requested.emit()
    layer = link.own_layer(DRAWING)
    assert link.viewer.layers.selection.active is layer
    assert layer.mode == "add_polygon_lasso"
    assert "Draw around cells" in session.notice.text
    layer.add_polygons(np.array(BOX))
    assert session.selection.tolist() == inside_box(link)
    qtbot.waitUntil(lambda: len(layer.data) == 0)
    assert layer.scale.tolist() == [0.5, 0.5]


def test_keys_add_and_take_away(link, qtbot, monkeypatch) -> None:
    session = link.session
    session.select(session.ids()[:5])
    session.drawing_requested.emit()
    layer = link.own_layer(DRAWING)
    held = Qt.KeyboardModifier.ShiftModifier
    monkeypatch.setattr(QApplication, "keyboardModifiers", lambda: held)
    layer.add_rectangles(np.array(BOX))
    both = set(session.ids()[:5].tolist()) | set(inside_box(link))
    assert set(session.selection.tolist()) == both
    qtbot.waitUntil(lambda: len(layer.data) == 0)
    held = Qt.KeyboardModifier.AltModifier
    layer.add_rectangles(np.array(BOX))
    assert set(session.selection.tolist()) == both - set(inside_box(link))


def test_choosing_another_layer_ends_it(link, qtbot) -> None:
    link.session.drawing_requested.emit()
    other = next(layer for layer in link.layers if isinstance(layer, Labels))
    link.viewer.layers.selection.active = other
    qtbot.waitUntil(lambda: link.own_layer(DRAWING) is None)
    assert link.viewer.layers.selection.active is other
    assert link.session.notice is None


def test_it_ends_where_the_cells_are_others(link, tissue) -> None:
    session = link.session
    session.drawing_requested.emit()
    other = link.viewer.add_labels(np.asarray(tissue.cells.data), name="elsewhere", scale=(3, 3))
    link.use_mask(other)
    assert link.own_layer(DRAWING) is None
    assert session.notice is None


def test_of_tiles_the_word_goes_too(link) -> None:
    session = link.session
    session.settings = session.settings.with_values({"patches.sites": "grid"})
    run = commands.embed(session, with_model=False)
    commands.begin(session, run)
    commands.apply(session, run, run.events())
    session.drawing_requested.emit()
    assert "Draw around tiles" in session.notice.text
    session.settings = session.settings.with_values({"patches.sites": "cells"})
    assert link.own_layer(DRAWING) is None
    assert session.notice is None


def test_a_shape_that_comes_when_the_cells_are_gone_is_only_forgotten(link, qtbot) -> None:
    link.session.drawing_requested.emit()
    layer = link.own_layer(DRAWING)
    link.session.table = None
    layer.add_rectangles(np.array(BOX))
    qtbot.waitUntil(lambda: len(layer.data) == 0)
    assert link.session.selection.tolist() == []


def test_in_3d_nothing_is_drawn_but_it_is_said_where_to(link) -> None:
    link.viewer.dims.ndisplay = 3
    link.session.drawing_requested.emit()
    assert link.own_layer(DRAWING) is None
    assert "flat view" in link.session.notice.text


def test_without_cells_there_is_nothing_to_draw_around(make_napari_viewer) -> None:
    link = link_for(make_napari_viewer())
    link.session.drawing_requested.emit()
    assert link.own_layer(DRAWING) is None


def test_an_ellipse_is_no_box() -> None:
    turned = np.array([[0, 2], [2, 0], [4, 2], [2, 4]], float)  # a circle's box, on its corner
    points = np.array([[2, 2], [2, 3.3], [0.2, 2], [3.2, 3.2]])
    assert in_ellipse(points, turned).tolist() == [True, True, False, False]


def test_layers_selected_together_stay_so_in_the_window(link, qtbot) -> None:
    viewer = link.viewer
    chosen = set(viewer.layers[1:4])
    viewer.layers.selection.clear()
    viewer.layers.selection.update(chosen)
    link.session.picked = int(link.session.ids()[0])
    link.session.select(link.session.ids()[:2])
    qtbot.waitUntil(lambda: link.own_layer("selected") is not None)
    QApplication.processEvents()
    assert link.own_layer("cell") is not None
    assert set(viewer.layers.selection) == chosen
