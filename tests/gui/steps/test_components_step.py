from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from component_rows import LEFT, colours, drag, names, rows, shown
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QColor, QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import (
    QApplication,
    QColorDialog,
    QLabel,
    QScrollArea,
    QToolButton,
)
from superqt import QElidingLabel

from napari_splicer.gui import composing
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.steps.components_step import ComponentsStep
from napari_splicer.gui.widgets.channel_picker import ChannelPicker
from napari_splicer.gui.widgets.suggestion_button import SOON
from napari_splicer.images.masks import LabelMask


@pytest.fixture
def step(session, qtbot) -> ComponentsStep:
    return shown(session, qtbot)


def test_an_empty_session_gets_the_first_suggestion(session, qtbot) -> None:
    session.components = ()
    step = ComponentsStep(session)
    qtbot.addWidget(step)
    qtbot.waitUntil(lambda: bool(session.components), timeout=30_000)
    actions = step.suggest_button.menu().actions()
    assert len(actions) >= 2
    actions[-1].trigger()
    assert names(session) == [c.name for c in step.suggest_button.suggestions[-1].components]


def test_suggestions_can_be_stopped_and_asked_for_again(session, qtbot, monkeypatch) -> None:
    go_on, suggested = threading.Event(), composing.suggested

    def waiting(now):
        go_on.wait()
        return suggested(now)

    monkeypatch.setattr(composing, "suggested", waiting)
    session.components = ()
    step = shown(session, qtbot)
    qtbot.waitUntil(step.suggesting.isVisible)
    assert not step.suggest_button.isEnabled()
    assert step.suggest_button.toolTip() == SOON
    step.suggesting.cancel.click()
    assert not step.suggesting.isVisible()
    assert "Stopped before components were suggested" in step.reason.text()
    go_on.set()
    qtbot.waitUntil(lambda: not step.suggesting.errand.busy)
    assert session.components == ()
    (again,) = step.suggest_button.menu().actions()
    assert step.suggest_button.isEnabled()
    again.trigger()
    qtbot.waitUntil(lambda: bool(session.components), timeout=30_000)
    assert "Stopped" not in step.reason.text()


def test_what_step_image_says_of_a_mask_is_no_notification_besides(session, qtbot) -> None:
    session.components = ()
    session.cells = LabelMask.from_array(np.zeros(session.image.shape, int), name="empty")
    shown = []
    notification_manager.notification_ready.connect(shown.append)
    step = ComponentsStep(session)
    qtbot.addWidget(step)
    qtbot.waitUntil(lambda: not step.suggesting.errand.busy, timeout=30_000)
    notification_manager.notification_ready.disconnect(shown.append)
    assert shown == []
    assert session.components == ()


def test_components_that_are_there_are_kept(step, session, qtbot) -> None:
    qtbot.waitUntil(lambda: bool(step.suggest_button.suggestions))
    assert names(session) == ["immune", "around"]


def test_rows_can_be_duplicated_removed_and_edited_by_mouse(step, session, qtbot) -> None:
    duplicate = rows(step)[0].findChildren(QToolButton)[1]
    qtbot.mouseClick(duplicate, LEFT)
    assert names(session) == ["immune", "immune_2", "around"]
    qtbot.mouseClick(rows(step)[1].findChildren(QToolButton)[2], LEFT)
    assert names(session) == ["immune", "around"]
    qtbot.mouseClick(rows(step)[0].findChildren(QToolButton)[0], LEFT)
    assert step._editor is not None


def test_the_click_that_ends_typing_in_the_editor_is_not_lost(session, qtbot) -> None:
    step = shown(session, qtbot)
    step.activateWindow()
    qtbot.mouseClick(rows(step)[0].findChildren(QToolButton)[0], LEFT)
    name = step._editor.name
    qtbot.waitUntil(name.hasFocus)
    name.selectAll()
    qtbot.keyClicks(name, "lymphocytes")
    qtbot.mousePress(pressed := rows(step)[1].findChildren(QToolButton)[1], LEFT)
    pressed.setFocus(Qt.FocusReason.MouseFocusReason)  # as a window in front does
    qtbot.wait(50)
    qtbot.mouseRelease(pressed, LEFT)
    assert names(session) == ["lymphocytes", "around", "around_2"]


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
    assert session.components[0].width is None
    editor.width.setValue(24)
    editor.width.editingFinished.emit()
    assert session.components[0].width == 24
    editor.width.setValue(0)
    editor.width.editingFinished.emit()
    assert session.components[0].width is None


def test_how_much_a_component_counts_is_told_and_changed(step, session) -> None:
    """A weight of a run file stays as it is until another one is typed: the box rounds."""
    first, second = session.components
    session.components = (first.model_copy(update={"weight": 1 / 3}), second)
    step.edit(0)
    editor = step._editor
    assert editor.weight.text() == "0.33 ×"
    editor.width.setValue(12)
    editor.width.editingFinished.emit()
    assert session.components[0].weight == 1 / 3
    editor.weight.setValue(2.5)
    editor.weight.editingFinished.emit()
    assert session.components[0].weight == 2.5
    said = " ".join(label.text() for label in rows(step)[0].findChildren(QLabel))
    assert "counts 2.5 ×" in said
    said = " ".join(label.text() for label in rows(step)[1].findChildren(QLabel))
    assert "counts" not in said


def test_a_name_that_is_taken_is_refused(step, session) -> None:
    step.edit(0)
    step._editor.name.setText("around")
    step._editor.name.editingFinished.emit()
    assert names(session) == ["immune", "around"]
    assert step._editor.name.text() == "immune"
    says = step._editor.says
    assert not says.isHidden()
    assert says.text() == "Another component is called around. It stays immune."
    step._editor.name.setText(" ")
    step._editor.name.editingFinished.emit()
    assert says.text() == "A component needs a name. It stays immune."
    step._editor.name.setText("lymphocytes")
    step._editor.name.editingFinished.emit()
    assert says.isHidden()


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
    qtbot.waitUntil(
        lambda: bool(step.suggest_button.suggestions) and bool(strip.titles), timeout=30_000
    )
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
    qtbot.waitUntil(lambda: bool(step.suggest_button.suggestions), timeout=30_000)
    assert not step.reason.isVisible()
    suggestion = step.suggest_button.suggestions[-1]
    step.take(suggestion)
    assert step.reason.isVisible()
    assert step.reason.text() == f"{suggestion.title}. {suggestion.reason}"
    step.remove(0)
    assert not step.reason.isVisible()


def test_rows_are_dragged_to_other_places(step, session) -> None:
    step.duplicate(0)
    assert names(session) == ["immune", "immune_2", "around"]
    QApplication.processEvents()
    list_ = step.rows
    drag(rows(step)[0].handle, list_.mapToGlobal(list_.rect().bottomLeft()).y())
    assert names(session) == ["immune_2", "around", "immune"]
    QApplication.processEvents()
    drag(rows(step)[2].handle, list_.mapToGlobal(list_.rect().topLeft()).y())
    assert names(session) == ["immune", "immune_2", "around"]
    QApplication.processEvents()
    place = rows(step)[1].geometry().center().y() + 2
    drag(rows(step)[0].handle, list_.mapToGlobal(QPoint(0, place)).y())
    assert names(session) == ["immune_2", "immune", "around"]
    assert [c.name for c in session.snapshot().config.components] == names(session)


def test_a_drag_given_up_moves_nothing(step, session, qtbot) -> None:
    handle = rows(step)[0].handle
    qtbot.mousePress(handle, LEFT)
    qtbot.keyClick(handle, Qt.Key.Key_Escape)
    qtbot.mouseRelease(handle, LEFT, pos=handle.rect().center() + QPoint(0, 200))
    assert names(session) == ["immune", "around"]


def test_alt_and_arrows_move_a_row_and_its_editor_stays(step, session, qtbot) -> None:
    step.edit(0)
    alt = Qt.KeyboardModifier.AltModifier
    qtbot.keyClick(rows(step)[0], Qt.Key.Key_Up, alt)
    assert names(session) == ["immune", "around"]
    qtbot.keyClick(rows(step)[0], Qt.Key.Key_Down, alt)
    assert names(session) == ["around", "immune"]
    step._editor.picker.tick("CD20")
    assert session.components[1].channels == ("CD45", "CD3", "CD8", "CD20")
    assert session.components[0].channels == ("PanCK",)


def drop(page, path) -> bool:
    """Drag a file over a page and drop it; return whether the page wanted it."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    copy, keys = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(20, 20), copy, data, LEFT, keys)
    enter.ignore()
    QApplication.sendEvent(page, enter)
    if not enter.isAccepted():
        return False
    assert page.drop.hint.isVisible()
    QApplication.sendEvent(page, QDropEvent(QPointF(20, 20), copy, data, LEFT, keys))
    assert not page.drop.hint.isVisible()
    return True


def test_a_panel_file_dropped_here_suggests_its_groups(step, session, tmp_path, qtbot) -> None:
    qtbot.waitUntil(lambda: bool(step.suggest_button.suggestions), timeout=30_000)
    session.suggested = session.components
    channels = session.image.channels
    panel = tmp_path / "panel.csv"
    lines = [f"{name},{'first' if i < 5 else 'second'}" for i, name in enumerate(channels)]
    panel.write_text("\n".join(["name,group", *reversed(lines)]) + "\n")
    assert drop(step, panel)
    assert session.notice.text == (
        "12 channel names were taken from panel.csv. Its 2 groups are suggested as components in "
        "step ②."
    )
    qtbot.waitUntil(lambda: bool(session.components), timeout=30_000)
    assert {"first", "second"} <= set(names(session))
    assert session.image.channels == channels


def test_what_a_dropped_file_lacks_is_said_and_nothing_changes(step, session, tmp_path) -> None:
    before = session.components, session.image
    panel = tmp_path / "panel.csv"
    panel.write_text("\n".join(["name", *session.image.channels]) + "\n")
    assert drop(step, panel)
    assert "no column 'group'" in session.notice.text
    panel.write_text("name,group\nCD3,immune\n")
    assert drop(step, panel)
    assert str(panel) in session.notice.text
    assert "From channel 2" in session.notice.text
    assert (session.components, session.image) == before
    assert not drop(step, tmp_path / "image.tif")


def test_sixty_channels_are_searched_at_once_and_ticked_by_enter(qtbot) -> None:
    channels = [f"CD{i}" for i in range(60)]
    picker = ChannelPicker(channels, ())
    qtbot.addWidget(picker)
    begun = time.perf_counter()
    qtbot.keyClicks(picker._search, "cd59")
    assert time.perf_counter() - begun < 0.5
    qtbot.keyClick(picker._search, Qt.Key.Key_Return)
    assert picker.chosen == ("CD59",)
    qtbot.keyClick(picker._search, Qt.Key.Key_Return)
    assert picker.chosen == ()


def test_a_colour_is_chosen_and_stays_while_others_change(step, session, qtbot) -> None:
    first = colours(step)
    qtbot.mouseClick(rows(step)[1].findChildren(QToolButton)[3], LEFT)
    dialog = step.findChild(QColorDialog)
    assert dialog.currentColor().name().upper() == first["around"]
    dialog.setCurrentColor(QColor("#123456"))
    dialog.accept()
    chosen = {"immune": first["immune"], "around": "#123456"}
    assert colours(step) == chosen
    step.move(1, 0)
    assert colours(step) == chosen
    step.duplicate(1)
    assert len(set(colours(step).values())) == 3
    assert colours(step).items() >= chosen.items()
    step.edit(0)
    step._editor.name.setText("outside")
    step._editor.name.editingFinished.emit()
    assert colours(step)["outside"] == "#123456"
    step.remove(0)
    assert colours(step)["immune"] == first["immune"]
    assert set(session.colours) == set(names(session))


def test_colours_follow_rows_that_are_moved(step, session) -> None:
    before = colours(step)
    step.move(0, 1)
    assert colours(step) == before


def bottom(widget, area) -> int:
    return widget.mapTo(area.viewport(), widget.rect().bottomLeft()).y()


def test_cell_and_editor_are_in_sight_however_many_rows_there_are(session, qtbot) -> None:
    one = session.components[0]
    session.components = tuple(one.model_copy(update={"name": f"c{i}"}) for i in range(9))
    area = QScrollArea()
    step = ComponentsStep(session)
    area.setWidget(step)
    area.setWidgetResizable(True)
    area.resize(360, 580)
    qtbot.addWidget(area)
    with qtbot.waitExposed(area):
        area.show()
    strip = step.preview.strip
    qtbot.waitUntil(lambda: len(strip.titles) == 10, timeout=30_000)
    qtbot.waitUntil(lambda: 0 < strip._pictures.width() <= area.viewport().width())
    qtbot.waitUntil(lambda: 100 < strip._pictures.height() < 0.4 * area.viewport().height())
    qtbot.waitUntil(lambda: bottom(strip, area) < 0.7 * area.viewport().height())
    assert area.verticalScrollBar().maximum() > 0

    area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
    step.edit(8)
    seen = range(area.viewport().height())
    qtbot.waitUntil(
        lambda: (
            bottom(strip, area) in seen
            and step._editor.height() > 100
            and bottom(step._editor, area) in seen
        )
    )
