"""The Explorer in a real viewer: layers, map and cells stay one."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from napari.layers.labels._labels_utils import get_contours
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication

from napari_splicer.embedding.table import note_representation
from napari_splicer.gui import lessons
from napari_splicer.gui.docks import open_explorer
from napari_splicer.gui.explorer_widget import ExplorerWidget
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.session import session_for
from napari_splicer.gui.view import camera_of, look_at, shows_all

pytestmark = pytest.mark.gui

MARKERS = ["DAPI", "CD3", "PanCK"]
ROWS = 8  # of cells, in a square
CELL = 12  # px


@pytest.fixture
def mask() -> np.ndarray:
    """Return square cells with sparse, shuffled ids between stripes of background."""
    ids = np.random.default_rng(0).choice(2**31, ROWS**2, replace=False).reshape(ROWS, ROWS) + 1
    mask = ids.repeat(CELL, 0).repeat(CELL, 1)
    mask[::CELL] = mask[:, ::CELL] = 0
    return mask.astype(np.uint32)


@pytest.fixture
def table(mask) -> ad.AnnData:
    """Return the mask's cells but one, and a cell that the mask does not have, shuffled."""
    rng = np.random.default_rng(1)
    ids = np.append(np.unique(mask)[2:], 99).astype(np.int64)
    rng.shuffle(ids)
    codes = np.arange(len(ids)) % 2
    places = [np.argwhere(mask == i).mean(axis=0) if i in mask else (0, 0) for i in ids]
    table = ad.AnnData(
        (rng.gamma(2, 5, (len(ids), 3)) + 20 * codes[:, None] * [0, 1, 0]).astype(np.float32),
        obs=pd.DataFrame(
            {
                "instance_id": ids,
                "region": pd.Categorical(["field"] * len(ids)),
                "area": 121.0,
                "y": [y for y, _ in places],
                "x": [x for _, x in places],
                "groups": pd.Categorical.from_codes(codes, ["a", "b"]),
            },
            index=[f"field-{i}" for i in ids],
        ),
        var=pd.DataFrame(index=MARKERS),
    )
    table.obsm["X_umap"] = (codes[:, None] * [10.0, 0] + rng.normal(0, 1, (len(ids), 2))).astype(
        np.float32
    )
    chunks = rng.normal(size=(len(ids), 6)).astype(np.float32)
    table.obsm.update(X_splicer=chunks, X_splicer_chunks=chunks)
    note_representation(table, 6, {"one": slice(0, 3), "two": slice(3, 6)})
    table.uns["groups_colors"] = ["#ff0000", "#00ff00"]
    table.uns["splicer"]["clusterings"] = {"groups": {}}
    return table


@pytest.fixture
def viewer(make_napari_viewer, mask):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1200, 800)
    rng = np.random.default_rng(2)
    image = rng.gamma(2, 5, (3, *mask.shape)).astype(np.float32)
    viewer.add_image(image, channel_axis=0, name=MARKERS)
    viewer.add_labels(mask, name="cells", scale=(0.5, 0.5))
    for layer in viewer.layers:
        layer.scale = (0.5, 0.5)
    return viewer


def _open(viewer) -> ExplorerWidget:
    explorer = ExplorerWidget(viewer)
    viewer.window.add_dock_widget(explorer, area="bottom", name="SpliCER Explorer")
    QApplication.processEvents()
    return explorer


def _ready(qtbot, explorer: ExplorerWidget) -> None:
    qtbot.waitUntil(lambda: explorer.chunks.matrix.matrix is not None, timeout=90_000)
    qtbot.waitUntil(lambda: explorer.heat_map.matrix.matrix is not None)
    qtbot.waitUntil(lambda: explorer.gallery.pictures.count() > 0)
    qtbot.waitUntil(lambda: len(explorer.map._cloud._batches) == 2)


def test_empty_explorer_teaches_and_fills_when_there_is_a_table(qtbot, viewer, table):
    explorer = _open(viewer)
    assert explorer.is_empty
    session_for(viewer).table = table
    _ready(qtbot, explorer)
    assert not explorer.is_empty
    overlay = next(layer for layer in viewer.layers if layer.name == "SpliCER groups")
    painted = {overlay.get_color(code)[0] for code in (1, 2)}
    assert painted == {1.0, 0.0}  # red and green, as on the map
    np.testing.assert_allclose(overlay.scale, viewer.layers["cells"].scale)


def test_selection_on_the_map_is_outlined_in_the_viewer(qtbot, viewer, table, mask):
    session = session_for(viewer)
    session.table = table
    explorer = _open(viewer)
    _ready(qtbot, explorer)
    corners = np.array([[5.0, -9.0], [5.0, 9.0], [20.0, 9.0], [20.0, -9.0]])
    explorer.map.view.lassoed.emit(corners, Qt.KeyboardModifier.NoModifier)
    np.testing.assert_array_equal(session.selection, np.sort(session.cells_of(1)))
    qtbot.waitUntil(lambda: "SpliCER selection" in [layer.name for layer in viewer.layers])
    inside = np.isin(mask, session.selection).astype(np.uint8)
    outlined = viewer.layers["SpliCER selection"].data
    np.testing.assert_array_equal(outlined, get_contours(inside, 2, 0))


def test_click_on_the_map_centres_the_viewer_on_that_cell(qtbot, viewer, table):
    session = session_for(viewer)
    session.table = table
    explorer = _open(viewer)
    _ready(qtbot, explorer)
    row = int(np.flatnonzero(session.ids() != 99)[5])
    x, y = table.obsm["X_umap"][row]
    place = QPointF(float(x), float(y))
    explorer.map.view.clicked.emit(place, Qt.KeyboardModifier.NoModifier)
    expected = 0.5 * table.obs[["y", "x"]].to_numpy()[row]
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], expected, atol=0.5)
    assert session.picked == session.ids()[row]


def test_cells_like_the_one_clicked_are_painted_by_likeness(qtbot, viewer, table, mask):
    session = session_for(viewer)
    row, empty = (int(i) for i in np.flatnonzero(table.obs["instance_id"] != 99)[[5, 8]])
    table.obsm["X_splicer"][empty] = np.nan
    session.table = table
    explorer = _open(viewer)
    _ready(qtbot, explorer)
    explorer.pages.setCurrentWidget(explorer.similar)
    x, y = table.obsm["X_umap"][row]
    explorer.map.view.clicked.emit(QPointF(float(x), float(y)), Qt.KeyboardModifier.NoModifier)
    qtbot.waitUntil(lambda: explorer.similar.pictures.count() > 1)
    cell = int(session.ids()[row])
    assert session.colour_by == f"like cell {cell}"
    overlay = viewer.layers["SpliCER groups"]
    qtbot.waitUntil(lambda: np.asarray(overlay.data)[mask == cell].min() == 64)  # the last shade
    nothing = np.asarray(overlay.data)[mask == int(session.ids()[empty])]
    assert (nothing == 0).all()  # what can't be compared is not painted as unlike
    assert explorer.map.scale.isVisible()


def test_what_is_taught_is_painted_and_goes_on_in_another_dock(qtbot, viewer, table, mask):
    session = session_for(viewer)
    session.table = table
    explorer = _open(viewer)
    _ready(qtbot, explorer)
    explorer.pages.setCurrentWidget(explorer.teach)
    for group, colour in ((0, "#0000ff"), (1, "#ffffff")):
        lessons.add_type(session)
        lessons.recolour_type(session, group, colour)
        lessons.show(session, group, session.cells_of(group)[:4])
    qtbot.waitUntil(lambda: session.clustering == "taught", timeout=60_000)
    overlay = viewer.layers["SpliCER groups"]
    cell = int(session.ids()[lessons.examples(session, 0)[1]])
    place = tuple(np.argwhere(mask == cell)[30])
    qtbot.waitUntil(
        lambda: tuple(overlay.get_color(np.asarray(overlay.data)[place])[:3]) == (0, 0, 1)
    )
    lesson, names = session.lesson, session.clusterings
    viewer.window.remove_dock_widget(explorer)
    explorer.deleteLater()
    again = _open(viewer)
    qtbot.waitUntil(lambda: again.teach.next.isEnabled(), timeout=20_000)
    assert (session.lesson, session.clusterings) == (lesson, names)


def test_a_cell_that_the_mask_lacks_and_one_that_the_table_lacks_do_no_harm(
    qtbot, viewer, table, mask
):
    session = session_for(viewer)
    session.table = table
    explorer = _open(viewer)
    _ready(qtbot, explorer)
    session.select([99])
    session.hovered = 99
    session.cell_requested.emit(99)
    session.hovered = int(np.unique(mask)[1])
    session.picked = int(np.unique(mask)[1])
    assert not explorer.map._label.isVisible()


def test_closing_and_reopening_loses_nothing(qtbot, viewer, table):
    session = session_for(viewer)
    session.table = table
    first = _open(viewer)
    _ready(qtbot, first)
    session.select(session.cells_of(0)[:3])
    session.colour_by = "CD3"
    listeners = len(session.events.selection)
    viewer.window.remove_dock_widget(first)
    first.deleteLater()
    qtbot.waitUntil(lambda: len(session.events.selection) < listeners)
    again = _open(viewer)
    qtbot.waitUntil(lambda: again.map.tools.count.text().startswith("3 of 64 cells"))
    assert again.map.colour_by.currentText() == "CD3"


def test_annotations_are_dropped_on_it(qtbot, viewer, table, mask, tmp_path):
    session = session_for(viewer)
    explorer = _open(viewer)
    path = tmp_path / "pathology.csv"
    zones = np.where(np.arange(64) % 4 == 0, "rim", "core")
    pd.DataFrame({"cell": table.obs["instance_id"], "zone": zones}).to_csv(path, index=False)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    copy, keys = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    left = Qt.MouseButton.LeftButton

    def drag() -> bool:
        enter = QDragEnterEvent(QPoint(20, 20), copy, data, left, keys)
        enter.ignore()
        QApplication.sendEvent(explorer, enter)
        return enter.isAccepted()

    assert not drag(), "there are no cells yet"
    session.table = table
    _ready(qtbot, explorer)
    assert drag()
    QApplication.sendEvent(explorer, QDropEvent(QPointF(20, 20), copy, data, left, keys))
    qtbot.waitUntil(lambda: session.colour_by == "zone", timeout=30_000)
    assert session.table.obs["zone"].astype(str).tolist() == zones.tolist()
    overlay = viewer.layers["SpliCER groups"]
    qtbot.waitUntil(lambda: list(overlay.features["cluster"]) == ["", "core", "rim"])
    cell = int(session.ids()[0])
    code = overlay.data[mask == cell][0]
    assert overlay.features["cluster"][code] == "rim"


def test_follows_napari_from_dark_to_light(qtbot, viewer, table):
    session_for(viewer).table = table
    explorer = _open(viewer)
    _ready(qtbot, explorer)
    dark = explorer.map.plot.backgroundBrush().color().lightnessF()
    viewer.theme = "light"
    qtbot.waitUntil(lambda: explorer.map.plot.backgroundBrush().color().lightnessF() > 0.7)
    assert dark < 0.3
    assert explorer.heat_map.matrix.theme.is_dark is False


def test_every_page_fits_into_300_px(qtbot, viewer, table):
    explorer = _open(viewer)
    session_for(viewer).table = table
    _ready(qtbot, explorer)
    viewer.window._qt_window.resizeDocks([explorer.parentWidget()], [300], Qt.Orientation.Vertical)
    for number in range(explorer.pages.count()):
        explorer.pages.setCurrentIndex(number)
        qtbot.wait(20)
        title = explorer.pages.tabText(number)
        assert explorer.minimumSizeHint().height() <= 300, title
        assert explorer.height() <= 300, title


@pytest.mark.parametrize("whole", [True, False])
def test_an_image_seen_whole_is_so_above_the_explorer_too(viewer, qtbot, whole):
    layers = link_for(viewer).image_layers
    QApplication.processEvents()
    look_at(viewer, layers)
    if not whole:
        camera_of(viewer).zoom *= 2
    zoom = camera_of(viewer).zoom
    canvas = viewer.window._qt_viewer.canvas.native
    height = canvas.height()
    open_explorer(viewer)
    qtbot.waitUntil(lambda: canvas.height() < height)
    qtbot.wait(300)
    assert shows_all(viewer, layers) == whole
    assert (camera_of(viewer).zoom < zoom) == whole
