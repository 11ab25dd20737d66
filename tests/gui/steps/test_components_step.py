from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QToolButton
from superqt import QElidingLabel

from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.steps.components_step import ComponentsStep

if TYPE_CHECKING:
    from napari_splicer.gui.widgets.component_row import ComponentRow

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def step(session, qtbot) -> ComponentsStep:
    made = ComponentsStep(session)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    return made


def names(session) -> list[str]:
    return [component.name for component in session.components]


def rows(step) -> list[ComponentRow]:
    return [step._rows.itemAt(i).widget() for i in range(step._rows.count())]


def test_an_empty_session_gets_the_first_suggestion(session, qtbot) -> None:
    session.components = ()
    step = ComponentsStep(session)
    qtbot.addWidget(step)
    qtbot.waitUntil(lambda: bool(session.components), timeout=30_000)
    actions = step.suggest_button.menu().actions()
    assert len(actions) >= 2
    actions[-1].trigger()
    assert names(session) == [c.name for c in step._suggested[-1].components]


def test_components_that_are_there_are_kept(step, session, qtbot) -> None:
    qtbot.waitUntil(lambda: bool(step._suggested))
    assert names(session) == ["immune", "around"]


def test_rows_can_be_duplicated_removed_and_edited_by_mouse(step, session, qtbot) -> None:
    duplicate = rows(step)[0].findChildren(QToolButton)[1]
    qtbot.mouseClick(duplicate, LEFT)
    assert names(session) == ["immune", "immune_2", "around"]
    qtbot.mouseClick(rows(step)[1].findChildren(QToolButton)[2], LEFT)
    assert names(session) == ["immune", "around"]
    qtbot.mouseClick(rows(step)[0].findChildren(QToolButton)[0], LEFT)
    assert step._editor is not None


def test_the_editor_changes_name_channels_and_region_at_once(step, session, qtbot) -> None:
    step.edit(0)
    editor = step._editor
    editor.picker.tick("CD20")
    editor.picker.tick("CD45", ticked=False)
    assert session.components[0].channels == ("CD3", "CD8", "CD20")
    editor.name.setText("lymphocytes")
    editor.name.editingFinished.emit()
    assert names(session)[0] == "lymphocytes"
    editor.region.setCurrentIndex(editor.region.findText("this cell"))
    editor.region.activated.emit(0)
    assert session.components[0].region.kind == "cell"


def test_a_name_that_is_taken_is_refused(step, session) -> None:
    step.edit(0)
    step._editor.name.setText("around")
    step._editor.name.editingFinished.emit()
    assert names(session) == ["immune", "around"]
    assert step._editor.name.text() == "immune"


def test_searching_narrows_the_channels(step) -> None:
    step.edit(0)
    picker = step._editor.picker
    picker._search.setText("cd")
    shown = [
        picker._list.item(i).text()
        for i in range(picker._list.count())
        if not picker._list.item(i).isHidden()
    ]
    assert shown == [name for name in step.session.image.channels if "CD" in name]
    assert picker.chosen == ("CD45", "CD3", "CD8")


def test_regions_offer_the_further_masks(step, session, tissue) -> None:
    session.regions = {"tumour": tissue.cells}
    step.edit(1)
    words = [step._editor.region.itemText(i) for i in range(step._editor.region.count())]
    assert "inside tumour" in words
    assert "the centre of the patch" in words
    assert step._editor.region.currentText() == "around this cell"


def test_a_new_component_is_opened_and_named_apart(step, session) -> None:
    step.add()
    step.add()
    assert names(session)[2:] == ["component", "component_2"]
    assert step._editing == 3


def test_the_strip_shows_the_picked_cell_and_then_another(step, session, qtbot) -> None:
    cell = int(session.cells.cells()["id"].iloc[2])
    session.picked = cell
    shown, strip = [], step.preview.strip
    original = strip.show_preview
    strip.show_preview = lambda preview: (shown.append(preview.cell), original(preview))
    qtbot.waitUntil(lambda: cell in shown, timeout=30_000)
    assert strip.titles == ("All together", "immune", "around")
    step.preview.show_another_cell()
    assert session.picked is None
    qtbot.waitUntil(lambda: len(shown) > 1, timeout=30_000)


def test_a_component_without_channels_is_told_in_the_strip(step, session, qtbot) -> None:
    step.add()
    qtbot.waitUntil(lambda: "has no channel" in step.preview.strip._words.text(), timeout=30_000)
    assert step.preview.strip.titles == ()


def test_suggestions_and_pictures_go_with_the_image(step, session, qtbot) -> None:
    strip = step.preview.strip
    qtbot.waitUntil(lambda: bool(step._suggested) and bool(strip.titles), timeout=30_000)
    assert step.suggest_button.isEnabled()
    session.image = session.facts = None
    qtbot.waitUntil(lambda: not strip.titles)
    assert not step.suggest_button.isEnabled()
    assert not step.suggest_button.menu().actions()


def test_the_editor_closes_when_channels_get_other_names(step, session) -> None:
    step.edit(0)
    session.image = session.image.with_channels([f"m{i}" for i in range(12)])
    assert step._editor is None


def test_without_an_image_nothing_can_be_added(step, session) -> None:
    session.image = None
    step.show_readiness(resolve(session.snapshot()))
    assert not step.add_button.isEnabled()
    assert "Choose an image first" in step.add_button.toolTip()
    assert not step.preview.another.isEnabled()


def test_a_name_is_no_markup(step, session) -> None:
    step.edit(0)
    step._editor.name.setText("<b>CD4+</b>")
    step._editor.name.editingFinished.emit()
    name = rows(step)[0].findChild(QElidingLabel)
    assert name.textFormat() == Qt.TextFormat.PlainText


def test_the_reason_of_a_suggestion_is_said_until_a_component_is_changed(
    step, session, qtbot
) -> None:
    qtbot.waitUntil(lambda: bool(step._suggested), timeout=30_000)
    assert not step.reason.isVisible()
    suggestion = step._suggested[-1]
    step.take(suggestion)
    assert step.reason.isVisible()
    assert step.reason.text() == f"{suggestion.title}. {suggestion.reason}"
    step.remove(0)
    assert not step.reason.isVisible()
