"""Composition: the right counts and shares, tied to the session, and saved."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog

from napari_splicer.analysis.profiles import composition
from napari_splicer.gui import editing
from napari_splicer.gui.session import Session
from napari_splicer.gui.widgets.composition_page import EMPTY, CompositionPage
from napari_splicer.gui.widgets.theme import LIGHT

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def page(qtbot, session) -> CompositionPage:
    table = session.table.copy()
    table.obs["zone"] = pd.Categorical.from_codes(np.arange(90) % 4 // 2, ["core", "rim"])
    table.obs.loc[table.obs_names[:10], "zone"] = np.nan
    session.table = table
    page = CompositionPage(session)
    qtbot.addWidget(page)
    page.resize(500, 250)
    with qtbot.waitExposed(page):
        page.show()
    qtbot.waitUntil(lambda: page.bars.shown is not None)
    return page


def choose(page: CompositionPage, words: str) -> None:
    page.per.setCurrentText(words)
    assert page.per.currentText() == words
    page.per.activated.emit(page.per.currentIndex())


def centre(page: CompositionPage, part: int, group: int) -> QPoint:
    piece = next(p for p in page.bars.pieces() if (p.part, p.group) == (part, group))
    return piece.box.center().toPoint()


def test_counts_are_those_of_the_cells() -> None:
    groups = pd.Series(pd.Categorical(["b", "a", None, "b", "b"], ["a", "b", "empty"]))
    parts = pd.Series(pd.Categorical(["x", "x", "x", "y", None]))
    counts = composition(groups, parts)
    assert counts.to_dict("list") == {"x": [1, 1, 0], "y": [0, 1, 0]}
    assert counts.index.tolist() == ["a", "b", "empty"]


def test_of_one_image_there_is_a_bar_for_each_group(page, session) -> None:
    assert page.per.currentText() == "all cells"
    assert page.bars.shown.values.to_numpy().tolist() == [[30, 30, 30]]
    assert len({piece.box.top() for piece in page.bars.pieces()}) == 3
    piece = next(page.bars.pieces())
    assert "30 cells, 33.3% of these" in page.bars.tip(piece)
    for theme in (None, LIGHT):
        if theme is not None:
            page.set_theme(theme)
        picture = page.bars.grab().toImage()
        assert picture.pixelColor(centre(page, 0, 1)).name() == session.groups[1].colour


def test_of_several_images_each_has_a_bar(qtbot, page, session) -> None:
    table = session.table.copy()
    table.obs["region"] = pd.Categorical(["one"] * 60 + ["two"] * 30)
    session.table = table
    qtbot.waitUntil(lambda: page.bars.shown.values.index.tolist() == ["one", "two"])
    assert page.per.currentText() == "each image"
    assert page.bars.shown.values.sum(axis=1).tolist() == [60, 30]
    ends = {p.part: p.box.right() for p in page.bars.pieces()}
    assert ends[0] == pytest.approx(ends[1])


def test_a_piece_lights_up_its_group_and_a_click_selects_its_cells(qtbot, page, session) -> None:
    choose(page, "each zone")
    assert page.bars.shown.values.to_numpy().sum() == 80
    place = centre(page, 1, 2)
    qtbot.mouseMove(page.bars, place)
    qtbot.waitUntil(lambda: session.hovered_group == 2)
    qtbot.mouseClick(page.bars, LEFT, pos=place)
    expected = (session.codes() == 2) & np.asarray(session.table.obs["zone"] == "rim")
    np.testing.assert_array_equal(session.selection, np.sort(session.ids()[expected]))
    assert 0 < expected.sum() < 30
    choose(page, "all cells")
    qtbot.mouseClick(page.bars, LEFT, pos=centre(page, 0, 0))
    np.testing.assert_array_equal(session.selection, np.sort(session.cells_of(0)))


def test_edited_groups_and_removed_annotations_follow(qtbot, page, session) -> None:
    choose(page, "each zone")
    editing.rename(session, 0, "tumour")
    qtbot.waitUntil(lambda: page.bars.shown.values.columns[0] == "tumour")
    assert page.per.currentText() == "each zone"
    del session.table.obs["zone"]
    session.clusterings_changed.emit()
    assert page.per.currentText() == "all cells"
    qtbot.waitUntil(lambda: len(page.bars.shown.values) == 1)


@pytest.mark.parametrize("part", ["all cells", "each zone"])
@pytest.mark.parametrize("name", ["a.csv", "a.png", "a.svg"])
def test_it_is_saved(qtbot, page, tmp_path, monkeypatch, part, name) -> None:
    choose(page, part)
    path = tmp_path / name
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    page.save.ask()
    qtbot.waitUntil(lambda: page.save.text() == "Saved ✓", timeout=60_000)
    assert path.stat().st_size > 0
    if name.endswith("csv"):
        written = pd.read_csv(path, index_col=0)
        assert written.to_numpy().tolist() == page.bars.shown.values.to_numpy().tolist()


def test_says_what_is_missing(qtbot) -> None:
    page = CompositionPage(Session())
    qtbot.addWidget(page)
    assert page.message == EMPTY
    assert not page.save.isEnabled()
