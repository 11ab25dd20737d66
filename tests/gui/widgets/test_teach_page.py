"""Cells are shown as examples by clicks, buttons and keys; the rest follows by itself."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QColorDialog, QLineEdit

from napari_splicer.analysis.whole import take_out
from napari_splicer.config import PatchSettings, RunConfig
from napari_splicer.embedding.table import record
from napari_splicer.gui import lessons
from napari_splicer.gui.session import Session
from napari_splicer.gui.snapshot import Job
from napari_splicer.gui.widgets import teach_page
from napari_splicer.gui.widgets.teach_page import TeachPage
from napari_splicer.gui.widgets.type_table import CELLS, COLOUR, EXAMPLES, NAME
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask


@pytest.fixture
def page(qtbot, session) -> TeachPage:
    pixels = np.random.default_rng(0).gamma(2, 10, (5, 128, 128)).astype(np.float32)
    session.image = MultiplexImage.from_array(pixels, list(session.table.var_names))
    session.cells = LabelMask.from_array(np.zeros((128, 128), np.uint8))
    page = TeachPage(session)
    qtbot.addWidget(page)
    page.resize(735, 260)
    with qtbot.waitExposed(page):
        page.show()
    return page


@pytest.fixture
def taught(qtbot, page, session) -> TeachPage:
    """Three examples of each of two types."""
    for group in (0, 1):
        lessons.add_type(session, "ab"[group])
        lessons.show(session, group, session.cells_of(group)[:3])
    qtbot.waitUntil(lambda: session.clustering == "taught", timeout=60_000)
    return page


def _pick(session, cell) -> None:
    session.picked = int(cell)
    session.cell_clicked.emit(int(cell))


def _text(page, row, column) -> str:
    return page.types.item(row, column).text()


def test_it_says_how_to_begin(qtbot, page):
    empty = TeachPage(Session())
    qtbot.addWidget(empty)
    assert empty.message == teach_page.EMPTY
    assert page.message == ""
    assert page.says.text() == teach_page.HOW
    for control in (page.next, page.unsure, page.example_tools.add, page.example_tools.remove):
        assert not control.isEnabled()
        assert "first" in control.toolTip()


def test_advice_has_all_room_until_there_are_examples(qtbot, page, session):
    for _ in range(2):
        lessons.add_type(session)
    assert page.says.text() == teach_page.HOW
    assert page.gallery.isHidden()
    lessons.show(session, 0, session.ids()[:1])
    assert page.says.text() == teach_page.ANOTHER
    assert not page.gallery.isHidden()


def test_buttons_need_no_more_room_than_the_longer_line_of_them(page):
    tools = page.example_tools
    lines = ((tools.new, tools.remove, tools.paint, tools.follow), (tools.add, tools.add_selected))
    needed = max(
        sum(widget.minimumSizeHint().width() for widget in line) + 4 * (len(line) - 1)
        for line in lines
    )
    assert tools.minimumSizeHint().width() <= needed


def test_clicks_and_a_button_teach_every_cell(qtbot, page, session):
    kind = session.codes()
    tools = page.example_tools
    for group, name in enumerate(("tumour", "immune")):
        tools.new.click()
        editor = page.types.findChildren(QLineEdit)[-1]
        editor.setText(name)
        qtbot.keyClick(editor, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda group=group, name=name: page.types.item(group, 1).text() == name)
        for cell in session.ids()[kind == group][:3]:
            _pick(session, cell)
            assert f"Make cell {cell} an example of {name} (key {group + 1})" in tools.add.toolTip()
            tools.add.click()
    assert page.says.text() == teach_page.LEARNING
    qtbot.waitUntil(lambda: lessons.is_kept(session), timeout=60_000)  # scikit-learn is loaded
    groups = np.asarray(session.table.obs["taught"])
    assert (groups[kind == 0] == "tumour").all()
    assert (groups[kind == 1] == "immune").all()
    assert [_text(page, row, NAME) for row in (0, 1)] == ["tumour", "immune"]
    assert [_text(page, row, EXAMPLES) for row in (0, 1)] == ["3", "3"]
    assert sum(int(_text(page, row, CELLS)) for row in (0, 1)) == 90
    qtbot.waitUntil(lambda: "100% are told rightly (guessing: 50%)" in page.says.text())


def test_examples_that_overlap_are_no_test(qtbot, taught, session):
    record(session.table).update(
        config=RunConfig(patches=PatchSettings(size=32)).model_dump_json(),
        pixel_sizes={
            "region": np.array(["field"]),
            "y_um": np.array([0.5]),
            "x_um": np.array([0.5]),
        },
    )
    session.table.obs[["y", "x"]] = 50.0
    lessons.show(session, 0, session.cells_of(0)[3:4])
    named = "can't be said yet: examples of <b>a</b>, <b>b</b> lie so close"
    qtbot.waitUntil(lambda: named in taught.says.text())


def test_every_click_teaches_as_long_as_that_is_ticked(taught, session):
    taught.types.setCurrentCell(1, NAME)
    cells = session.ids()[session.table.obs["kind"] == "3"]
    _pick(session, cells[0])
    assert len(lessons.examples(session, 1)) == 3
    taught.example_tools.follow.click()
    _pick(session, cells[1])
    session.picked = int(cells[2])  # flown to, not clicked
    assert session.ids()[lessons.examples(session, 1)].tolist()[3:] == [cells[1]]


def test_a_key_shows_the_clicked_cell_as_a_type(qtbot, taught, session):
    cell = session.ids()[session.table.obs["kind"] == "3"][0]
    _pick(session, cell)
    taught.types.setFocus()
    qtbot.keyClick(taught.types, Qt.Key.Key_2)
    assert session.ids()[lessons.examples(session, 1)][-1] == cell
    qtbot.keyClick(taught.types, Qt.Key.Key_9)  # there is no such type
    assert len(lessons.examples(session, 1)) == 4


def test_selected_cells_are_added_all_at_once(taught, session):
    taught.types.setCurrentCell(0, NAME)
    assert not taught.example_tools.add_selected.isEnabled()
    session.select(session.ids()[session.table.obs["kind"] == "1"])
    assert taught.example_tools.add_selected.text() == "Add 30 selected"
    taught.example_tools.add_selected.click()
    assert len(lessons.examples(session, 0)) == 30


def test_an_example_is_taken_out_by_its_picture(qtbot, taught, session):
    taught.types.setCurrentCell(0, NAME)
    cells = session.ids()[lessons.examples(session, 0)].tolist()
    pictures = taught.gallery.pictures
    qtbot.waitUntil(lambda: pictures.cells == cells[::-1])
    requested = []
    session.cell_requested.connect(requested.append)
    place = pictures.visualItemRect(pictures.item(0)).center()
    qtbot.mouseClick(pictures.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert requested == [cells[-1]]
    qtbot.keyClick(pictures, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: pictures.cells == cells[1::-1])
    session.history.undo()
    qtbot.waitUntil(lambda: pictures.cells == cells[::-1])
    assert not taught.gallery.out.isEnabled()
    pictures.item(1).setSelected(True)
    taught.gallery.out.click()
    qtbot.waitUntil(lambda: pictures.cells == [cells[2], cells[0]])


def test_an_example_that_does_not_fit_is_marked(qtbot, taught, session):
    wrong = session.ids()[session.table.obs["kind"] == "2"][10]
    lessons.show(session, 0, [wrong])
    taught.types.setCurrentCell(0, NAME)
    pictures = taught.gallery.pictures
    qtbot.waitUntil(lambda: pictures.count() == 4 and pictures.item(0).text() == f"{wrong} ?")
    assert "is it right?" in pictures.item(0).toolTip()


def test_uncertain_cells_are_flown_to_one_by_one(qtbot, taught, session):
    requested = []
    session.cell_requested.connect(requested.append)
    count = len(taught._taught.proposed)
    for _ in range(count + 1):
        taught.next.click()
    assert len(set(requested)) == count
    assert requested[0] == requested[-1]
    session.picked = requested[0]
    assert f"Cell {requested[0]} is taken for" in taught.says.text()


def test_uncertainty_colours_map_and_image(qtbot, taught, session):
    taught.unsure.click()
    assert session.colour_by == "uncertainty of taught"
    session.colour_by = None
    assert not taught.unsure.isChecked()


def test_components_have_a_say_as_they_are_ticked(qtbot, taught, session):
    actions = {action.text(): action for action in taught.sources.menu().actions()}
    actions["component immune"].trigger()
    actions = {action.text(): action for action in taught.sources.menu().actions()}
    actions["looks (the model's numbers)"].trigger()
    assert session.lesson.sources == ("chunk:immune",)
    assert taught.sources.text() == "component immune"
    actions = {action.text(): action for action in taught.sources.menu().actions()}
    actions["component immune"].trigger()  # the last one stays
    assert session.lesson.sources == ("chunk:immune",)
    qtbot.waitUntil(lambda: lessons.is_kept(session))


def test_nothing_is_written_while_the_table_is_exported(qtbot, taught, session):
    session.job = Job(1, "export")
    lessons.show(session, 0, session.cells_of(0)[:1])
    lessons.show(session, 1, session.ids()[[0]])
    qtbot.waitUntil(lambda: taught._taught is not None)
    assert not lessons.is_kept(session)
    session.job = None
    assert lessons.is_kept(session)


def test_too_few_types_leave_what_was_taught(qtbot, taught, session):
    groups = session.table.obs["taught"].copy()
    taught.types.setCurrentCell(1, NAME)
    taught.example_tools.remove.click()
    assert taught.says.text() == teach_page.ANOTHER
    assert session.table.obs["taught"].equals(groups)
    session.history.undo()
    qtbot.waitUntil(lambda: "told rightly" in taught.says.text())


def test_types_taught_anew_of_another_table_stay_behind_its_groups(qtbot, taught, session):
    table = session.table.copy()
    for name in ("taught", "taught_uncertainty"):
        del table.obs[name]
    del table.uns["splicer"]["clusterings"]["taught"]
    session.clustering = None
    session.table = table
    session.clustering = "kind"
    qtbot.waitUntil(lambda: "taught" in session.clusterings, timeout=60_000)
    assert session.clustering == "kind"
    lessons.show(session, 0, session.ids()[session.codes() == 0][5:6])
    qtbot.waitUntil(lambda: session.clustering == "taught", timeout=60_000)


def test_the_brush_is_put_down_with_the_page(taught, session):
    session.brush = 0
    assert taught.example_tools.paint.isChecked()
    taught.hide()
    assert session.brush is None


def test_without_their_mask_no_cell_is_flown_to(qtbot, taught, session):
    qtbot.waitUntil(taught.next.isEnabled)
    session.cells = None
    assert not taught.next.isEnabled()
    assert "step ① Image" in taught.next.toolTip()


def test_another_page_goes_on_where_one_was_closed(qtbot, taught, session):
    names = session.clusterings
    again = TeachPage(session)
    qtbot.addWidget(again)
    qtbot.waitUntil(lambda: again.next.isEnabled())
    assert session.clusterings == names
    assert _text(again, 0, EXAMPLES) == "3"


def test_a_swatch_asks_for_another_colour(qtbot, taught, session):
    taught.types.cellClicked.emit(0, COLOUR)
    dialog = taught.types.findChild(QColorDialog)
    dialog.colorSelected.emit(dialog.currentColor().fromString("#123456"))
    dialog.close()
    assert session.lesson.types[0].colour == "#123456"
    qtbot.waitUntil(lambda: session.groups[0].colour == "#123456")


def test_what_comes_back_with_a_table_is_no_new_teaching(qtbot, taught, session):
    """As when another image was looked at, whose cells have mean intensities only."""
    table, lesson = session.table, session.lesson
    first, before = session.clusterings[0], table.obs["taught"].copy()
    session.clustering = first
    other = table.copy()
    other.obs_names = [f"other_{name}" for name in other.obs_names]
    del other.obs["taught"], other.obsm["X_splicer"]
    session.table = None
    session.lesson = lessons.TaughtSettings()
    session.table = other
    session.table = None
    session.lesson = lesson
    session.table = table
    session.clustering = first
    qtbot.waitUntil(lambda: not taught._errand.asked and taught._taught is not None)
    assert session.clustering == first
    assert session.lesson == lesson
    assert session.table.obs["taught"].equals(before)
    anew = session.table.copy()  # described anew: types wait behind what was shown
    take_out(anew, "taught")
    session.table = anew
    qtbot.waitUntil(lambda: "taught" in session.clusterings)
    assert session.clustering == first


def test_what_is_undone_is_no_teaching_that_is_to_be_seen(qtbot, taught, session):
    qtbot.waitUntil(lambda: taught._taught is not None)
    lessons.recolour_type(session, 0, "#123456")
    session.history.undo()
    qtbot.waitUntil(lambda: taught._taught is not None and taught._kept)
    first = session.clustering = session.clusterings[0]
    anew = session.table.copy()
    take_out(anew, "taught")
    session.table = anew
    qtbot.waitUntil(lambda: "taught" in session.clusterings)
    assert session.clustering == first
