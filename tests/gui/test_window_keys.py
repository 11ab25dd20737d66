"""Keys of a page hold wherever the focus is in its window, but where one types."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QLineEdit, QMainWindow, QTabWidget, QWidget

from napari_splicer.gui.shortcuts import SHOW_AS_TYPE, WindowKeys


class Canvas(QWidget):
    """What has keys of its own, as napari's canvas does."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def keyPressEvent(self, event) -> None:
        self.heard.append(event.text())


@pytest.fixture
def pressed() -> list[int]:
    return []


@pytest.fixture
def window(qtbot, pressed):
    """A window with a canvas, and a dock with a page among others."""
    window = QMainWindow()
    qtbot.addWidget(window)
    window.canvas, window.page, window.pages = Canvas(), QWidget(), QTabWidget()
    window.field = QLineEdit(window.page)
    window.pages.addTab(window.page, "page")
    window.pages.addTab(QWidget(), "other")
    dock = QDockWidget(window)
    dock.setWidget(window.pages)
    window.setCentralWidget(window.canvas)
    window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
    window.keys = WindowKeys(window.page, SHOW_AS_TYPE, pressed.append)
    window.keys.allow(2)
    with qtbot.waitExposed(window):
        window.show()
    QApplication.setActiveWindow(window)  # a display without window manager activates none
    window.canvas.setFocus()
    return window


def test_the_page_hears_what_is_pressed_on_the_canvas(qtbot, window, pressed) -> None:
    qtbot.keyClick(window.canvas, Qt.Key.Key_2)
    assert pressed == [1]
    assert window.canvas.heard == []


def test_keys_that_are_not_allowed_stay_with_the_canvas(qtbot, window, pressed) -> None:
    qtbot.keyClick(window.canvas, Qt.Key.Key_3)
    assert pressed == []
    assert window.canvas.heard == ["3"]
    window.keys.allow(3)
    qtbot.keyClick(window.canvas, Qt.Key.Key_3)
    assert pressed == [2]


def test_a_field_keeps_its_keys(qtbot, window, pressed) -> None:
    window.field.setFocus()
    qtbot.keyClick(window.field, Qt.Key.Key_1)
    assert pressed == []
    assert window.field.text() == "1"


def test_a_page_that_is_not_seen_hears_nothing(qtbot, window, pressed) -> None:
    window.pages.setCurrentIndex(1)
    qtbot.keyClick(window.canvas, Qt.Key.Key_1)
    assert pressed == []
    assert window.canvas.heard == ["1"]
    window.pages.setCurrentIndex(0)
    qtbot.keyClick(window.canvas, Qt.Key.Key_1)
    assert pressed == [0]
