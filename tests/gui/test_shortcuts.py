"""All keys are bound in one place, which the window and the documentation list."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent

from napari_splicer.gui import shortcuts
from napari_splicer.gui.shortcuts import SHORTCUTS, Gesture, Shortcut
from napari_splicer.gui.widgets.lasso import combine

GUI = Path(shortcuts.__file__).parent
OTHERS = sorted(set(GUI.rglob("*.py")) - {Path(shortcuts.__file__)})
NONE = Qt.KeyboardModifier.NoModifier
BY_NAME = {n: each for n, each in vars(shortcuts).items() if isinstance(each, Shortcut | Gesture)}
#: What binds a key, or asks whether one is held, in Qt and napari.
BINDING = {
    "Key",
    "KeyboardModifier",
    "QKeySequence",
    "QShortcut",
    "StandardKey",
    "EditKeyPressed",
    "setShortcut",
    "setShortcuts",
    "bind_key",
    "key",
    "keyCombination",
}
HELD = {"Shift", "Alt", "Control", "Ctrl", "Meta"}


def press(key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE, text: str = "") -> QKeyEvent:
    return QKeyEvent(QEvent.Type.KeyPress, key, modifiers, text)


def bound_in(source: str) -> list[str]:
    """Return what of a source binds keys by itself."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in BINDING:
            found.append(node.attr)
        elif isinstance(node, ast.Name | ast.alias):
            name = node.id if isinstance(node, ast.Name) else node.name
            found += [name] if name in BINDING - {"key"} else []
        elif isinstance(node, ast.Compare):
            texts = [part for part in ast.walk(node) if isinstance(part, ast.Constant)]
            found += [part.value for part in texts if part.value in HELD]
    return found


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(GUI)))
def test_no_other_file_binds_a_key(path: Path) -> None:
    assert not bound_in(path.read_text(encoding="utf-8")), "bind it in gui/shortcuts.py"


@pytest.mark.parametrize(
    "source",
    [
        "if event.key() == Qt.Key.Key_Delete: pass",
        "from qtpy.QtWidgets import QShortcut",
        "action.setShortcut('Ctrl+K')",
        "viewer.bind_key('k', act)",
        "takes = 'Alt' in event.modifiers",
    ],
)
def test_the_search_finds_what_binds_a_key(source: str) -> None:
    assert bound_in(source)


def test_every_shortcut_is_listed_and_bound() -> None:
    assert set(BY_NAME.values()) == set(SHORTCUTS)
    used = {
        node.id
        for path in OTHERS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name)
    }
    for name, each in BY_NAME.items():
        if isinstance(each, Shortcut) or each.held:
            assert name in used, f"nothing asks for {name}"


def test_keys_are_told_apart(qapp) -> None:
    up, down = press(Qt.Key.Key_Up), press(Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert shortcuts.MOVE_COMPONENT.place(up) is None
    assert shortcuts.MOVE_COMPONENT.place(down) == 1
    keypad = Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.KeypadModifier
    assert shortcuts.MOVE_COMPONENT.place(press(Qt.Key.Key_Up, keypad)) == 0
    assert shortcuts.SHOW_AS_TYPE.place(press(Qt.Key.Key_3, text="3")) == 2
    assert shortcuts.SHOW_AS_TYPE.place(press(Qt.Key.Key_0, text="0")) is None
    assert shortcuts.HELP.matches(press(Qt.Key.Key_unknown, text="?"))  # on whatever keyboard
    assert shortcuts.UNDO.matches(press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier))
    assert not shortcuts.REDO.matches(press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier))
    assert shortcuts.CLEAR.matches(press(Qt.Key.Key_Escape))


def test_held_keys_are_those_of_qt_and_of_napari() -> None:
    assert shortcuts.ADD.among(Qt.KeyboardModifier.ShiftModifier)
    assert shortcuts.ADD.among({"Shift"})
    assert not shortcuts.ADD.among(NONE)
    assert not shortcuts.ADD.among(())
    both = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier
    assert shortcuts.KEEP_BOTH.among(both)
    assert combine(np.array([1, 2]), np.array([2, 3]), both).tolist() == [2]


def test_the_page_lists_all_and_opens_once(qtbot) -> None:
    from napari_splicer.gui.widgets.shortcut_page import ShortcutButton, ShortcutPage

    button = ShortcutButton()
    qtbot.addWidget(button)
    button.show()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    (page,) = button.findChildren(ShortcutPage)
    assert not page.isModal()
    for each in SHORTCUTS:
        assert each.does.split(":")[0] in page.text.text()
        assert each.native
    page.close()


def test_the_question_mark_opens_it_from_a_dock(qtbot, monkeypatch) -> None:
    from napari_splicer.gui import explorer_widget, main_widget

    for module, kind in (
        (main_widget, main_widget.SplicerWidget),
        (explorer_widget, explorer_widget.ExplorerWidget),
    ):
        asked: list[object] = []
        monkeypatch.setattr(module, "show_shortcuts", asked.append)
        dock = SimpleNamespace()
        kind.keyPressEvent(dock, press(Qt.Key.Key_Question, text="?"))
        assert asked == [dock]
