"""Components come back by the keys for undo, wherever a person is in step Components."""

from __future__ import annotations

import pytest
from component_rows import LEFT, colours, drag, names, rows, shown
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QKeySequence
from qtpy.QtWidgets import (
    QApplication,
    QColorDialog,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_splicer.gui.steps.components_step import ComponentsStep
from napari_splicer.gui.widgets.undo_buttons import take_key


@pytest.fixture
def step(session, qtbot) -> ComponentsStep:
    return shown(session, qtbot)


class Dock(QWidget):
    """Hands undo and redo on to the page, as the dock does."""

    def __init__(self, page: ComponentsStep) -> None:
        super().__init__()
        self.page = page
        QVBoxLayout(self).addWidget(page)

    def keyPressEvent(self, event) -> None:
        """Take undo and redo."""
        if not take_key(event, self.page.history):
            super().keyPressEvent(event)


@pytest.fixture
def dock(step, qtbot) -> Dock:
    """The page in a dock that has the keys."""
    made = Dock(step)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


def undo(qtbot, times: int = 1) -> None:
    """Press the key for undo wherever the focus is."""
    for _ in range(times):
        QApplication.processEvents()
        qtbot.keySequence(QApplication.focusWidget(), QKeySequence.StandardKey.Undo)


def redo(qtbot) -> None:
    qtbot.keySequence(QApplication.focusWidget(), QKeySequence.StandardKey.Redo)


def test_a_removed_component_comes_back_by_the_key_at_once(dock, step, session, qtbot) -> None:
    before = session.components, colours(step)
    for _ in range(2):
        qtbot.mouseClick(rows(step)[0].findChildren(QToolButton)[2], LEFT)
    assert names(session) == []
    undo(qtbot, 2)
    assert (session.components, colours(step)) == before
    redo(qtbot)
    assert names(session) == ["around"]


def test_what_is_dragged_coloured_or_doubled_comes_back_by_the_key(
    dock, step, session, qtbot
) -> None:
    before = session.components, colours(step)
    list_ = step.rows
    drag(rows(step)[0].handle, list_.mapToGlobal(list_.rect().bottomLeft()).y())
    assert names(session) == ["around", "immune"]
    undo(qtbot)
    assert names(session) == ["immune", "around"]
    qtbot.mouseClick(rows(step)[1].findChildren(QToolButton)[1], LEFT)
    assert names(session) == ["immune", "around", "around_2"]
    undo(qtbot)
    qtbot.mouseClick(rows(step)[1].findChildren(QToolButton)[3], LEFT)
    dialog = step.findChild(QColorDialog)
    dialog.setCurrentColor(QColor("#123456"))
    dialog.accept()
    assert colours(step)["around"] == "#123456"
    assert step.undo.undo.toolTip().startswith("Undo: Colour component 'around'")
    step.undo.undo.click()
    assert (session.components, colours(step)) == before


def test_an_open_editor_shows_what_was_taken_back(dock, step, session, qtbot) -> None:
    one = session.components[0]
    step.edit(0)
    editor = step._editor
    editor.picker.tick("CD20")
    qtbot.keyClick(editor.name, Qt.Key.Key_End)
    qtbot.keyClicks(editor.name, " cells")
    qtbot.keyClick(editor.name, Qt.Key.Key_Return)
    editor.width.setFocus()
    editor.width.selectAll()
    qtbot.keyClicks(editor.width, "24")
    qtbot.keyClick(editor.width, Qt.Key.Key_Return)
    assert session.components[0].name == "immune cells"
    assert session.components[0].width == 24
    undo(qtbot)
    assert editor.width.value() == 0
    undo(qtbot)
    assert editor.name.text() == "immune"
    undo(qtbot)
    assert editor.picker.chosen == one.channels
    assert session.components[0] == one
    assert step._editor is editor
    editor.picker.tick("CD20")
    assert session.components[0].channels == (*one.channels, "CD20")


def test_letters_being_typed_are_taken_back_before_steps(dock, step, session, qtbot) -> None:
    step.remove(1)
    step.edit(0)
    name = step._editor.name
    name.setFocus()
    qtbot.keyClick(name, Qt.Key.Key_End)
    qtbot.keyClicks(name, "x")
    undo(qtbot)
    assert name.text() == "immune"
    assert names(session) == ["immune"]
    undo(qtbot)
    assert names(session) == ["immune", "around"]


def test_an_added_component_goes_with_its_editor_and_the_keys_stay_here(
    dock, step, session, qtbot
) -> None:
    step.move(0, 1)
    step.add()
    undo(qtbot)
    assert step._editor is None
    assert names(session) == ["around", "immune"]
    undo(qtbot)
    assert names(session) == ["immune", "around"]


def test_an_open_editor_follows_its_component_to_another_place(step, session) -> None:
    step.edit(0)
    step.move(0, 1)
    session.set_up.undo()
    step._editor.picker.tick("CD20")
    assert session.components[0].channels[-1] == "CD20"
    step.remove(1)
    assert step._editor is None


def test_own_components_come_back_after_a_suggestion_was_taken(step, session, qtbot) -> None:
    qtbot.waitUntil(lambda: bool(step.suggest_button.suggestions), timeout=30_000)
    own = session.components
    step.take(step.suggest_button.suggestions[0])
    assert session.components != own
    actions = step.suggest_button.menu().actions()
    assert actions[-1].text() == "Your own: They were here before a suggestion was taken."
    session.set_up.undo()
    assert session.components == own
    session.set_up.redo()
    actions[-1].trigger()
    assert session.components == own
    assert len(step.suggest_button.suggestions) == len(step.suggest_button.menu().actions())


def test_what_was_suggested_unasked_can_not_be_taken_back(session, qtbot) -> None:
    session.components = ()
    step = ComponentsStep(session)
    qtbot.addWidget(step)
    qtbot.waitUntil(lambda: bool(session.components), timeout=30_000)
    assert session.set_up.next_undo is None
    assert not step.undo.undo.isEnabled()
