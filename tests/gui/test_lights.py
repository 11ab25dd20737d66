"""Pictures of cells are shown as the viewer shows its channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_splicer.gui.layers import link_for
from napari_splicer.gui.naming import rename_channels
from napari_splicer.gui.snapshot import Light

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.fixture
def viewer(qtbot: QtBot) -> ViewerModel:
    made = ViewerModel()
    for name, colour in (("CD3", "green"), ("CD8", "gray")):
        pixels = np.arange(64, dtype=np.uint16).reshape(8, 8)
        made.add_image(pixels, name=name, colormap=colour, contrast_limits=(0, 50))
    return made


def test_a_channels_light_follows_its_layer(viewer: ViewerModel, qtbot: QtBot) -> None:
    session = link_for(viewer).session
    assert session.lights == {"CD3": Light("#00ff00", 0, 50), "CD8": Light("#ffffff", 0, 50)}
    viewer.layers["CD8"].contrast_limits = (5, 20)
    viewer.layers["CD8"].colormap = "magenta"
    viewer.layers["CD8"].gamma = 0.7
    wanted = Light("#ff00ff", 5, 20, 0.7)
    qtbot.wait_until(lambda: session.lights["CD8"] == wanted)


def test_lights_are_known_by_the_names_given_in_step_1(viewer: ViewerModel, qtbot: QtBot) -> None:
    session = link_for(viewer).session
    rename_channels(session, session.image.with_channels(["T cells", "CD8"]))
    assert set(session.lights) == {"T cells", "CD8"}


def test_a_layer_with_all_channels_tells_no_colours(qtbot: QtBot) -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((3, 8, 8), np.uint8), axis_labels=("c", "y", "x"))
    session = link_for(viewer).session
    assert len(session.image.channels) == 3
    assert session.lights == {}
