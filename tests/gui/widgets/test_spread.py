"""A marker's histograms follow the session's marker, and set it."""

from __future__ import annotations

import pytest

from napari_splicer.gui import editing
from napari_splicer.gui.numbers import values_of
from napari_splicer.gui.widgets.spread import EMPTY, Spread


@pytest.fixture
def spread(qtbot, session) -> Spread:
    panel = Spread(session)
    qtbot.addWidget(panel)
    qtbot.waitUntil(lambda: len(curves(panel)) == 3, timeout=60_000)
    return panel


def curves(panel: Spread) -> list:
    return panel.plot.listDataItems()


def test_every_group_has_a_curve_in_its_colour(spread, session) -> None:
    drawn = [item.opts["pen"].color().name() for item in curves(spread)]
    assert drawn == [group.colour for group in session.groups]


def test_the_marker_follows_the_map_and_leads_it(qtbot, spread, session) -> None:
    session.colour_by = "PanCK"
    assert spread.marker.currentText() == "PanCK"
    spread.marker.setCurrentText("CD3")
    spread.marker.activated.emit(1)
    assert session.colour_by == "CD3"
    session.measures = {"likeness": values_of(session, "CD3")}
    session.colour_by = "likeness"
    assert spread.marker.currentText() == "CD3"


def test_an_edited_group_is_drawn_anew(qtbot, spread, session) -> None:
    editing.merge(session, [0, 1])
    qtbot.waitUntil(lambda: len(curves(spread)) == 2)


def test_without_groups_it_teaches(qtbot, spread, session) -> None:
    session.table = None
    assert spread.message == EMPTY
