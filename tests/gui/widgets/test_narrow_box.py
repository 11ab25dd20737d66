from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QHelpEvent

from napari_splicer.gui.widgets.narrow_box import NarrowBox

LONG = "synthetic tissue · 12 layers, 768 × 768"


@pytest.fixture
def box(qtbot) -> NarrowBox:
    made = NarrowBox()
    made.tip = "The layers whose pixels hold the markers"
    made.addItems([LONG, "short"])
    qtbot.addWidget(made)
    made.resize(150, 24)
    made.show()
    return made


def hover(box: NarrowBox) -> str:
    middle = box.rect().center()
    box.event(QHelpEvent(QHelpEvent.Type.ToolTip, middle, box.mapToGlobal(QPoint(0, 0))))
    return box.toolTip()


def test_what_does_not_fit_is_elided_and_told_whole(box) -> None:
    assert box.shown.endswith("…")
    assert LONG.startswith(box.shown[:-1])
    assert hover(box) == f"{LONG}\n{box.tip}"


def test_what_fits_is_shown_whole(box) -> None:
    box.setCurrentIndex(1)
    assert box.shown == "short"
    assert hover(box) == box.tip
    box.setCurrentIndex(0)
    box.resize(600, 24)
    assert box.shown == LONG


def test_the_box_stays_narrow_and_is_painted(box) -> None:
    assert box.minimumSizeHint().width() < box.fontMetrics().horizontalAdvance(LONG)
    assert not box.grab().isNull()


def test_names_of_files_keep_their_ends(qtbot) -> None:
    box = NarrowBox(Qt.TextElideMode.ElideMiddle)
    box.addItem("Point2319_pt1041_20705_mask")
    qtbot.addWidget(box)
    box.resize(150, 24)
    assert "…" in box.shown
    assert box.shown.endswith("_mask")
