"""Where the keyboard is can be seen, and Tab leads everywhere that can be seen."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton, QTableWidget, QVBoxLayout, QWidget

from napari_splicer.config import Component
from napari_splicer.gui.session import Session
from napari_splicer.gui.steps.channel_names import ChannelNames
from napari_splicer.gui.steps.page import fold
from napari_splicer.gui.widgets.component_list import ComponentList
from napari_splicer.gui.widgets.focus_ring import FocusRing
from napari_splicer.gui.widgets.theme import DARK


@pytest.fixture
def dock(qtbot) -> QWidget:
    made = QWidget()
    made.buttons = [QPushButton(name) for name in ("one", "two", "three")]
    made.ring = FocusRing(made)
    column = QVBoxLayout(made)
    for button in made.buttons:
        column.addWidget(button)
    made.fold = fold("more", "what few need")
    made.inside = QPushButton("inside")
    made.fold.addWidget(made.inside)
    column.addWidget(made.fold)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


def test_the_ring_follows_the_keyboard_but_no_click(dock, qtbot) -> None:
    one, two, three = dock.buttons
    one.setFocus()
    assert dock.ring.frame.parent() is one
    QTest.keyClick(one, Qt.Key.Key_Tab)
    assert dock.ring.frame.parent() is two
    dock.resize(500, 300)
    qtbot.waitUntil(lambda: two.width() > 400 and dock.ring.frame.size() == two.size())
    edge = dock.grab().toImage().pixelColor(two.geometry().topLeft() + QPoint(2, 1))
    assert edge.name() == DARK.accent
    QTest.mouseClick(three, Qt.MouseButton.LeftButton)
    assert three.hasFocus()
    assert dock.ring.frame is None


def test_coming_back_from_another_window_draws_no_ring_that_was_not_there(dock, qtbot) -> None:
    one, _, three = dock.buttons
    other = QPushButton("elsewhere")
    qtbot.addWidget(other)
    other.show()

    def there_and_back() -> None:
        other.activateWindow()
        qtbot.waitUntil(other.isActiveWindow)
        dock.activateWindow()
        qtbot.waitUntil(dock.isActiveWindow)

    QTest.mouseClick(three, Qt.MouseButton.LeftButton)
    there_and_back()
    assert three.hasFocus()
    assert dock.ring.frame is None
    one.setFocus()
    there_and_back()
    assert dock.ring.frame.parent() is one


def test_a_ring_survives_the_widget_it_was_around(dock, qtbot) -> None:
    one, two, _ = dock.buttons
    one.setFocus()
    one.deleteLater()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is not one)
    two.setFocus()
    assert dock.ring.frame.parent() is two


def test_tab_does_not_lead_into_a_closed_fold(dock) -> None:
    button = dock.fold.toggleButton()
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Tab)
    assert not dock.inside.hasFocus()
    dock.fold.expand()
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Tab)
    assert dock.inside.hasFocus()
    assert dock.inside.height() > 0


def test_tab_leaves_the_table_of_channel_names(qtbot, tissue) -> None:
    names = ChannelNames(Session(image=tissue.image))
    qtbot.addWidget(names)
    for table in names.findChildren(QTableWidget):
        assert not table.tabKeyNavigation()


def test_tab_leads_from_row_to_row_where_they_stand(qtbot) -> None:
    page = QWidget()
    first, last, rows = QPushButton("first"), QPushButton("last"), ComponentList()
    column = QVBoxLayout(page)
    for widget in (first, rows, last):
        column.addWidget(widget)
    qtbot.addWidget(page)
    parts = [Component(name=name, channels=("CD3",)) for name in ("a", "b")]
    for _ in range(2):  # made anew after every change
        rows.show_components(parts, ["#ff0000", "#00ff00"], None)
    qtbot.wait(20)  # until the rows before are gone
    with qtbot.waitExposed(page):
        page.show()
    page.activateWindow()
    first.setFocus()
    qtbot.waitUntil(first.hasFocus)
    met = []
    while not last.hasFocus() and len(met) < 30:
        focus = QApplication.focusWidget()
        met.append(focus)
        QTest.keyClick(focus, Qt.Key.Key_Tab)
    assert last.hasFocus()
    places = [met.index(row) for row in rows.rows]
    assert 0 < places[0] < places[1]
    assert all(rows.isAncestorOf(widget) for widget in met[1:])
