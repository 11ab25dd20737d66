"""A channel is renamed by hand; what it can't be called is said."""

from __future__ import annotations

import pytest

from napari_splicer.gui.steps.channel_names import ChannelNames


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
