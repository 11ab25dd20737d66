"""Pictures of cells lead to the cells; chunks tell what they hold."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt

from napari_splicer.embedding.table import note_representation
from napari_splicer.errors import UnusableChannel
from napari_splicer.gui import editing
from napari_splicer.gui.session import Session
from napari_splicer.gui.widgets import chunk_table, gallery
from napari_splicer.gui.widgets.chunk_table import ChunkTable
from napari_splicer.gui.widgets.gallery import BORDERLINE, Gallery
from napari_splicer.gui.widgets.matrix_view import Matrix, MatrixView
from napari_splicer.gui.widgets.save_button import SaveButton
from napari_splicer.images.image import MultiplexImage
from napari_splicer.shares import finish


@pytest.fixture
def image(session) -> MultiplexImage:
    pixels = np.random.default_rng(0).gamma(2, 10, (5, 128, 128)).astype(np.float32)
    return MultiplexImage.from_array(pixels, list(session.table.var_names))


@pytest.fixture
def shown(qtbot, session, image) -> Gallery:
    session.image = image
    shown = Gallery(session)
    qtbot.addWidget(shown)
    shown.resize(330, 260)
    with qtbot.waitExposed(shown):
        shown.show()
    qtbot.waitUntil(lambda: shown.pictures.count() > 0)
    return shown


def _cells(shown: Gallery) -> list[int]:
    return shown.pictures.cells


def test_shows_cells_of_the_chosen_group(qtbot, shown, session):
    assert set(_cells(shown)) <= set(session.cells_of(0))
    shown.group.setCurrentIndex(2)
    qtbot.waitUntil(lambda: set(_cells(shown)) <= set(session.cells_of(2)))
    typical = _cells(shown)
    shown.kind.setCurrentText(BORDERLINE)
    qtbot.waitUntil(lambda: _cells(shown) != typical)


def test_channels_that_can_not_be_ticked_say_why(shown, session, image):
    menu = shown.channels.button.menu()
    assert menu.toolTipsVisible()
    first, second, third, *_ = shown.channels.actions_by_channel.values()
    for action in (first, second, third):
        action.setChecked(True)
    assert third.isEnabled()
    assert "Tick" in third.toolTip()
    session.image = image.with_pixel_size(0.5)  # lists the channels anew
    first, *_, fifth = shown.channels.actions_by_channel.values()
    assert not fifth.isEnabled()
    assert "untick one" in fifth.toolTip()
    first.setChecked(False)
    assert fifth.isEnabled()


def test_click_selects_and_flies_to_the_cell(qtbot, shown, session):
    requested = []
    session.cell_requested.connect(requested.append)
    place = shown.pictures.visualItemRect(shown.pictures.item(1)).center()
    qtbot.mouseClick(shown.pictures.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert requested == [_cells(shown)[1]]
    assert list(session.selection) == requested


def test_up_to_three_channels_can_be_chosen(qtbot, shown):
    actions = shown.channels.actions_by_channel
    for name in ("DAPI", "CD3", "CD20"):
        actions[name].trigger()
    qtbot.waitUntil(
        lambda: "CD20" in shown.channels.legend.text() and "DAPI" in shown.channels.legend.text()
    )
    assert not actions["PanCK"].isEnabled()
    shown.channels.button.menu().actions()[0].trigger()  # automatic
    assert shown.channels.chosen == ()
    assert actions["PanCK"].isEnabled()


def test_recolouring_a_group_does_not_read_the_image_again(shown, session):
    asked = []
    shown._errand.ask = lambda *arguments: asked.append(arguments)
    editing.recolour(session, 0, "#123456")
    assert asked == []
    editing.rename(session, 0, "tumour")
    assert shown.group.itemText(0) == "tumour"


def test_gallery_says_what_is_missing(qtbot, session):
    empty = Gallery(Session())
    qtbot.addWidget(empty)
    assert empty.message == gallery.EMPTY
    without_image = Gallery(session)
    qtbot.addWidget(without_image)
    assert without_image.message == gallery.NO_IMAGE


def test_pictures_that_come_after_their_image_has_gone_are_not_shown(qtbot, shown, session):
    shown.group.setCurrentIndex(2)
    session.image = None
    shown._ask()
    qtbot.waitUntil(lambda: not shown._errand.busy)
    assert shown.message == gallery.NO_IMAGE


def test_chunks_tell_the_markers_that_they_hold(qtbot, session, make_table):
    session.table = make_table(cells=240)
    chunks = ChunkTable(session)
    qtbot.addWidget(chunks)
    qtbot.waitUntil(lambda: chunks.matrix.matrix is not None, timeout=20_000)
    r2 = chunks.matrix.matrix.values
    assert list(r2.index) == ["immune", "nuclei"]
    assert list(r2.columns) == list(session.table.var_names)
    assert r2.loc["immune", "CD3"] > 0.3 > r2.loc["nuclei", "CD3"]
    tip = chunks.matrix.matrix.tip(0, r2.columns.get_loc("CD3"))
    assert tip.startswith("immune tells")
    assert "component (row)" in chunks.heading.text()
    assert "marker (column)" in chunks.heading.text()
    chunks.matrix.column_clicked.emit("CD3")
    assert session.colour_by == "CD3"


def test_chunks_tell_how_much_they_repeat_each_other(qtbot, session, make_table):
    table = make_table(cells=240)
    rng = np.random.default_rng(0)
    parts = table.obsm["X_splicer_chunks"][:, :4]
    again = parts @ np.linalg.qr(rng.normal(size=(4, 4)))[0]  # the same, turned
    other = rng.normal(size=(240, 4))
    table.obsm["X_splicer_chunks"] = np.hstack([parts, again, other]).astype(np.float32)
    chunks = {"immune": slice(0, 4), "repeated": slice(4, 8), "other": slice(8, 12)}
    note_representation(table, 6, chunks)
    session.table = table
    page = ChunkTable(session)
    qtbot.addWidget(page)
    qtbot.waitUntil(lambda: page.matrix.matrix is not None, timeout=20_000)
    page.about.setCurrentText(chunk_table.OTHERS)
    likeness = page.matrix.matrix.values
    assert list(likeness.index) == list(likeness.columns) == list(chunks)
    assert likeness.loc["immune", "repeated"] == pytest.approx(1, abs=1e-3)
    assert likeness.loc["immune", "other"] < 0.3
    assert "repeat" in page.heading.text()
    tip = page.matrix.matrix.tip
    assert "they repeat each other" in tip(0, 1)
    assert "repeat each other" not in tip(0, 2)
    assert "immune is most like repeated (1.00)" in tip(0, 0)
    assert page.save.title == "Components × components"
    page.matrix.column_clicked.emit("repeated")
    assert session.colour_by is None, "that is no marker"
    page.about.setCurrentText(chunk_table.MARKERS)
    assert list(page.matrix.matrix.values.columns) == list(table.var_names)


def test_measuring_chunks_can_be_stopped_and_begun_again(
    qtbot, session, make_table, monkeypatch
) -> None:
    def slowly(*_):
        for share in np.linspace(0, 1, 600):
            yield float(share)
            time.sleep(0.1)

    session.table = make_table(cells=240)
    monkeypatch.setattr(chunk_table, "_measure", slowly)
    chunks = ChunkTable(session)
    qtbot.addWidget(chunks)
    chunks.show()
    qtbot.waitUntil(lambda: "left" in chunks._work.left.text(), timeout=20_000)
    assert chunks._work.isVisible()
    assert 0 < chunks._work.bar.value() < 1000
    qtbot.mouseClick(chunks._work.cancel, Qt.MouseButton.LeftButton)
    assert chunks.message == "Stopped before it was done."
    qtbot.waitUntil(lambda: not chunks._work.errand.busy, timeout=1500)
    monkeypatch.undo()
    qtbot.mouseClick(chunks.again, Qt.MouseButton.LeftButton)
    assert chunks.message.startswith("Measuring")
    qtbot.waitUntil(lambda: chunks.matrix.matrix is not None, timeout=20_000)
    assert chunks.message == ""


def test_chunks_that_cannot_be_measured_say_why_and_offer_to_try_again(
    qtbot, session, make_table, monkeypatch
) -> None:
    def fails(*_):
        yield 0.1
        raise UnusableChannel("CD3 holds no number.", "Leave it out.")

    session.table = make_table(cells=240)
    monkeypatch.setattr(chunk_table, "_measure", fails)
    chunks = ChunkTable(session)
    qtbot.addWidget(chunks)
    chunks.show()
    qtbot.waitUntil(lambda: "CD3 holds no number" in chunks.message, timeout=20_000)
    assert chunks.again.isVisible()


def test_chunks_of_cells_that_lack_a_marker(make_table):
    table = make_table(cells=60)
    intensities = np.array(table.X)
    intensities[:50, 0] = np.nan  # missing in most
    intensities[3, 1] = np.nan  # missing in one cell
    r2, _ = finish(
        chunk_table._measure(
            table.obsm["X_splicer_chunks"], {"a": slice(0, 4)}, intensities, tuple(table.var_names)
        )
    )
    assert np.isnan(r2.loc["a", "DAPI"])
    assert np.isfinite(r2.loc["a", ["CD3", "CD20", "PanCK", "Ki-67"]]).all()


def test_what_is_nothing_has_no_sign(qtbot):
    values = pd.DataFrame([[-0.001, -0.04]], index=["a"], columns=["CD3", "CD20"])
    view = MatrixView()
    qtbot.addWidget(view)
    view.set_matrix(Matrix(values, np.zeros((1, 2)), ("#000000",), lambda *_: ""))
    assert [view.model().index(0, i).data() for i in range(2)] == ["0.00", "-0.04"]
    assert chunk_table._tip(values, 0, 0).endswith("(R² 0.00)")


def test_chunks_say_what_is_missing(qtbot, make_table):
    session = Session()
    chunks = ChunkTable(session)
    qtbot.addWidget(chunks)
    assert chunks.message == chunk_table.EMPTY
    session.table = make_table(cells=9)
    assert "Too few cells" in chunks.message


def test_of_a_table_that_is_gone_nothing_is_left_to_save(qtbot, session):
    chunks = ChunkTable(session)
    qtbot.addWidget(chunks)
    save = chunks.findChild(SaveButton)
    qtbot.waitUntil(save.isEnabled, timeout=20_000)
    session.table = None
    assert not save.isEnabled()
