"""How a step stands can be read on the buttons of both themes."""

from __future__ import annotations

import re

import pytest
from napari.utils.theme import get_theme
from readable import contrast

from napari_splicer.gui.readiness import StepState
from napari_splicer.gui.widgets.step_header import StepHeader
from napari_splicer.gui.widgets.theme import DARK, LIGHT


@pytest.mark.parametrize(("name", "theme"), [("dark", DARK), ("light", LIGHT)])
@pytest.mark.parametrize("status", ["done", "stale", "running", "blocked"])
def test_every_state_can_be_read(qtbot, name, theme, status) -> None:
    header = StepHeader(3, "Model", "Trains")
    qtbot.addWidget(header)
    header.set_theme(theme)
    header.show_state(StepState(status, "", "12 ch"))
    (colour,) = re.findall(r"color: (#\w+)", header._state.styleSheet())
    button = get_theme(name).primary.as_hex()
    assert contrast(colour, button) >= 3.8
    header.setChecked(True)
    assert "color: #" not in header._state.styleSheet()


def test_what_is_blocked_without_a_word_recedes(qtbot) -> None:
    header = StepHeader(4, "Embed", "Describes")
    qtbot.addWidget(header)
    header.show_state(StepState("blocked", "There is no model yet."))
    assert "color: #" in header._name.styleSheet()
    header.show_state(StepState("ready"))
    assert "color: #" not in header._name.styleSheet()
