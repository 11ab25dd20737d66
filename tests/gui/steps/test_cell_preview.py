from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QLabel, QVBoxLayout, QWidget

from napari_splicer.gui.steps.cell_preview import CellPreview
from napari_splicer.gui.steps.model_variation import VariationPanel

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def preview(session, qtbot) -> CellPreview:
    made = CellPreview(session, "What each component sees")
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    return made


@pytest.fixture
def panel(session, qtbot) -> VariationPanel:
    made = VariationPanel(session)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    return made


@pytest.fixture
def pictures(monkeypatch) -> list[tuple[int, bytes]]:
    """Cells and composites in the order in which they were shown."""
    seen = []
    show = CellPreview._show_preview

    def watched(self, preview) -> None:
        seen.append((preview.cell, preview.tiles[0].pixels.tobytes()))
        show(self, preview)

    monkeypatch.setattr(CellPreview, "_show_preview", watched)
    return seen


def test_ticking_shows_the_same_cell_as_in_training(pictures, preview, session, qtbot) -> None:
    session.picked = int(session.cells.cells()["id"].iloc[2])
    qtbot.waitUntil(lambda: session.picked in [cell for cell, _ in pictures], timeout=30_000)
    assert not preview.words.isVisible()
    assert not preview.redraw.isVisible()
    before = len(pictures)
    preview.varied.click()
    qtbot.waitUntil(lambda: len(pictures) > before, timeout=30_000)
    assert "a second variation" in preview.words.text()
    qtbot.mouseClick(preview.redraw, LEFT)
    qtbot.waitUntil(lambda: len(pictures) > before + 1, timeout=30_000)
    (_, plain), (_, first), (_, second) = pictures[before - 1 :]
    assert len({plain, first, second}) == 3
    assert {cell for cell, _ in pictures[before - 1 :]} == {session.picked}


def test_every_strength_can_be_set_and_is_seen_at_once(pictures, panel, session, qtbot) -> None:
    session.picked = int(session.cells.cells()["id"].iloc[2])
    qtbot.waitUntil(lambda: session.picked in [cell for cell, _ in pictures], timeout=30_000)
    before = len(pictures)
    boxes = panel.form.findChildren(QDoubleSpinBox)
    grain = next(box for box in boxes if "Noise" in box.toolTip())
    grain.setValue(40)
    assert session.settings.augmentation.noise == 0.4
    qtbot.waitUntil(lambda: len(pictures) > before, timeout=30_000)
    styles = next(box for box in boxes if "Batch Styles" in box.toolTip())
    assert styles.text() == "not"
    styles.setValue(12.5)
    assert session.settings.augmentation.styles == 0.125
    for switch in panel.form.findChildren(QCheckBox):
        switch.click()
    assert not session.settings.augmentation.rotate
    assert not session.settings.augmentation.flip


def test_there_is_a_row_for_every_family(panel, session) -> None:
    rows = len(panel.form._shown)
    assert rows == len(type(session.settings.augmentation).model_fields)


def test_a_value_that_a_box_rounds_is_kept(panel, session) -> None:
    session.settings = session.settings.with_values(
        {"augmentation.noise": 1.5, "augmentation.scale": 0.12345}
    )
    assert session.settings.augmentation.noise == 1.5
    assert session.settings.augmentation.scale == 0.12345


def test_a_cell_is_shown_only_where_there_is_one(preview, session, qtbot) -> None:
    session.components = ()
    qtbot.waitUntil(lambda: "will be shown here" in preview.strip._words.text())


def test_the_title_is_read_in_a_narrow_dock_with_a_large_font(session, qtbot) -> None:
    dock = QWidget()
    qtbot.addWidget(dock)
    dock.setStyleSheet("font-size: 14pt")
    preview = CellPreview(session, "What each component sees")
    QVBoxLayout(dock).addWidget(preview)
    dock.setFixedSize(300, 500)
    with qtbot.waitExposed(dock):
        dock.show()
    title = next(
        label for label in preview.findChildren(QLabel) if label.text().startswith("What each")
    )
    room = title.fontMetrics().boundingRect(
        title.contentsRect(), Qt.TextFlag.TextWordWrap, title.text()
    )
    assert title.contentsRect().size().expandedTo(room.size()) == title.contentsRect().size()
