"""A channel is renamed by hand; what it can't be called is said."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_splicer.gui.steps.channel_names import ChannelNames
from napari_splicer.gui.widgets.undo_buttons import UndoButtons


@pytest.fixture
def names(qtbot, session) -> ChannelNames:
    widget = ChannelNames(session)
    qtbot.addWidget(widget)
    return widget


def test_refused_names_are_said_until_one_is_taken(names, session) -> None:
    first, second, *_ = session.image.channels
    for wanted, why in (
        ("", f"A channel needs a name, so {first} keeps its own."),
        (second, f"There is a channel {second} already, so {first} keeps its name."),
    ):
        names.table.item(0, 0).setText(wanted)
        assert session.notice.text == why
        assert names.table.item(0, 0).text() == first
        assert session.image.channels[0] == first
    names.table.item(0, 0).setText("CD45RO")
    assert session.notice is None
    assert session.image.channels[0] == "CD45RO"


def test_a_name_is_taken_back_by_the_button_above_the_table(names, session, qtbot) -> None:
    first = session.image.channels[0]
    buttons = names.findChild(UndoButtons)
    assert not buttons.undo.isEnabled()
    names.table.item(0, 0).setText("nuclei")
    assert buttons.undo.toolTip().startswith(f"Undo: Rename channel {first} to nuclei")
    qtbot.mouseClick(buttons.undo, Qt.MouseButton.LeftButton)
    assert names.table.item(0, 0).text() == first
    qtbot.mouseClick(buttons.redo, Qt.MouseButton.LeftButton)
    assert names.table.item(0, 0).text() == "nuclei"
