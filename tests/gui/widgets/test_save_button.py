"""What a matrix shows is saved as a picture, a drawing, or numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_splicer.errors import InvalidSettings
from napari_splicer.export.matrix_figure import matrix_figure, write_matrix
from napari_splicer.gui.widgets.matrix_view import Matrix, MatrixView
from napari_splicer.gui.widgets.save_button import SaveButton

if TYPE_CHECKING:
    from pathlib import Path

VALUES = pd.DataFrame(
    [[0.5, np.nan], [-1.25, 2.0]], index=["tumour", "T cells"], columns=["A", "B"]
)
SHADES = np.array([[0.5, np.nan], [0.0, 1.0]])
COLOURS = ("#000000", "#ff0000", "#ffffff")


@pytest.fixture
def button(qtbot) -> SaveButton:
    view = MatrixView()
    view.set_matrix(Matrix(VALUES, SHADES, COLOURS, lambda *_: "", {"tumour": "#00ff00"}))
    button = SaveButton(view, "Groups × markers")
    button.view = view
    qtbot.addWidget(view)
    qtbot.addWidget(button)
    return button


@pytest.mark.parametrize(
    ("typed", "kind", "written"),
    [("map.png", "", "map.png"), ("map", "Drawing (*.svg)", "map.svg"), ("m.csv", "", "m.csv")],
)
def test_the_chosen_kind_is_written(
    button, qtbot, tmp_path: Path, monkeypatch, typed: str, kind: str, written: str
) -> None:
    asked = []

    def choose(parent, title, suggested, kinds):
        asked.append((suggested, kinds))
        return str(tmp_path / typed), kind

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    path = tmp_path / written
    explained = button.toolTip()
    qtbot.waitUntil(lambda: button.text() == "Saved ✓", timeout=60_000)
    assert button.toolTip() == f"{explained}\nSaved: {path}"
    button._again.timeout.emit()  # some seconds later
    assert button.text() == "Save …"
    assert asked[0][0].endswith("groups-x-markers.png")
    if written.endswith("csv"):
        pd.testing.assert_frame_equal(pd.read_csv(path, index_col=0), VALUES)
    elif written.endswith("svg"):
        assert "tumour" in path.read_text() or "<path" in path.read_text()
    else:
        colours = {colour for _, colour in Image.open(path).convert("RGB").getcolors(2**24)}
        assert {(255, 0, 0), (0, 255, 0), (0, 0, 0)} <= colours


def test_another_ending_is_refused(tmp_path: Path) -> None:
    figure = matrix_figure(VALUES, SHADES, COLOURS, title="x")
    with pytest.raises(InvalidSettings, match=r"\.png .* \.svg .* \.csv"):
        write_matrix(tmp_path / "map.bmp", VALUES, figure)
    assert list(tmp_path.iterdir()) == []


def test_with_nothing_to_save_it_can_not_be_pressed(qtbot, button) -> None:
    explained = button.toolTip()
    assert button.isEnabled()
    button.view.set_matrix(None)
    assert not button.isEnabled()
    assert button.toolTip() == "There is nothing to save yet"
    button.view.set_matrix(Matrix(VALUES, SHADES, COLOURS, lambda *_: ""))
    assert button.isEnabled()
    assert button.toolTip() == explained


def test_what_was_shown_is_saved_though_it_is_gone_when_the_dialog_closes(
    button, qtbot, tmp_path, monkeypatch
) -> None:
    path = tmp_path / "a.csv"

    def choose(*words):
        button.view.set_matrix(None)
        return str(path), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    button.ask()
    qtbot.waitUntil(path.exists)
