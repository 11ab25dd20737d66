"""Pages and image are linked by id, wherever and however the mask lies.

Ids are sparse and shuffled; the table lacks a cell of the mask, and has one that the mask lacks.
"""

from __future__ import annotations

from types import SimpleNamespace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers.labels._labels_utils import get_contours

from napari_splicer.analysis.similarity import similarity
from napari_splicer.embedding.table import note_representation
from napari_splicer.gui import lessons, similar
from napari_splicer.gui.brush import BRUSH
from napari_splicer.gui.drawing import DRAWING
from napari_splicer.gui.layers import ViewerLink, link_for
from napari_splicer.gui.painting import EXAMPLES, GROUPS, SELECTED
from napari_splicer.gui.pointing import CELL
from napari_splicer.gui.snapshot import Facts
from napari_splicer.gui.widgets.similar_page import SimilarPage
from napari_splicer.gui.widgets.teach_page import TeachPage

ROWS, SIDE = 6, 12
PLACES = {
    "as it is": {},
    "scaled and moved": {"scale": (0.5, 0.5), "translate": (10, -20)},
    "turned": {"scale": (2.0, 2.0), "rotate": 30.0},
    "sheared": {"affine": np.array([[1, 0.2, 3], [0, 1, 4], [0, 0, 1]])},
}


@pytest.fixture
def mask() -> np.ndarray:
    """Square cells with sparse, shuffled ids between stripes of background."""
    ids = np.random.default_rng(0).choice(2**31, ROWS**2, replace=False).reshape(ROWS, ROWS) + 1
    pixels = ids.repeat(SIDE, 0).repeat(SIDE, 1)
    pixels[::SIDE] = pixels[:, ::SIDE] = 0
    return pixels.astype(np.uint32)


@pytest.fixture(params=[*PLACES, "many levels"])
def link(request, mask, qtbot) -> ViewerLink:
    """The cells but one, and one that the mask does not have, in a table in any order."""
    viewer = ViewerModel()
    place = PLACES.get(request.param, {"scale": (0.5, 0.5)})
    viewer.add_image(np.ones((2, *mask.shape)), channel_axis=0, name=["CD3", "PanCK"], **place)
    several = request.param == "many levels"
    levels = [mask, mask[::2, ::2], mask[::4, ::4]] if several else mask
    viewer.add_labels(levels, name="cells", multiscale=several, **place)
    made = link_for(viewer)
    made.kept = viewer  # links hold it weakly
    ids = np.append(np.unique(mask)[2:], 99).astype(np.int64)
    np.random.default_rng(1).shuffle(ids)
    table = ad.AnnData(
        np.ones((len(ids), 2), np.float32),
        obs=pd.DataFrame(
            {"instance_id": ids, "region": pd.Categorical(["field"] * len(ids)), "area": 121.0},
            index=[f"field-{i}" for i in ids],
        ),
        var=pd.DataFrame(index=["CD3", "PanCK"]),
    )
    places = [np.argwhere(mask == i).mean(axis=0) if i in mask else (0, 0) for i in ids]
    table.obs[["y", "x"]] = np.array(places)
    table.obsm["X_splicer"] = np.random.default_rng(2).normal(size=(len(ids), 4)).astype("f4")
    table.obsm["X_splicer_chunks"] = table.obsm["X_splicer"]
    note_representation(table, 4, {"all": slice(0, 4)})
    made.session.table = table
    for name in ("one", "two"):
        lessons.add_type(made.session, name)
    return made


def stroke(link: ViewerLink, points: list, alt: bool = False) -> None:
    """Press, move and release the left button at points of the mask, y and x in its pixels."""
    layer = link.own_layer(BRUSH)
    places = [link.mask_layer.data_to_world(point) for point in points]
    event = SimpleNamespace(
        button=1, type="mouse_press", position=places[0], modifiers=("Alt",) if alt else ()
    )
    (callback,) = layer.mouse_drag_callbacks
    drag = callback(layer, event)
    next(drag)
    for place in places[1:]:
        event.type, event.position = "mouse_move", place
        next(drag)
    event.type = "mouse_release"
    assert next(drag, "done") == "done"


def shown(link: ViewerLink, place: int) -> set[int]:
    session = link.session
    return {*similar.cells_at(session, lessons.examples(session, place)).tolist()}


def assert_outlined(link, inside) -> None:
    """The layer holds outlines as napari traces them."""
    traced = get_contours(inside.astype(np.uint8), 2, 0) > 0
    np.testing.assert_array_equal(finest(link.own_layer(SELECTED)) > 0, traced)


def test_every_cell_of_the_table_that_a_stroke_touches_is_an_example(link, mask) -> None:
    session = link.session
    session.brush = 0
    stroke(link, [(6, 6), (6, 40), (30, 40)])
    way = np.unique(np.concatenate([mask[6, 6:41], mask[6:31, 40]]))
    expected = {*way.tolist()} & {*session.ids().tolist()}
    assert shown(link, 0) == expected
    assert shown(link, 1) == set()
    session.brush = 1
    stroke(link, [(6, 40)])  # a click: of the second type now, and of no other
    clicked = int(mask[6, 40])
    assert shown(link, 1) == {clicked}
    assert shown(link, 0) == expected - {clicked}


def test_alt_takes_away_and_both_can_be_undone(link, mask) -> None:
    session = link.session
    session.brush = 0
    stroke(link, [(6, 6), (6, 60)])
    before = shown(link, 0)
    assert len(before) > 2
    stroke(link, [(6, 30), (6, 42)], alt=True)
    gone = {*np.unique(mask[6, 30:43]).tolist()}
    assert shown(link, 0) == before - gone
    session.history.undo()
    assert shown(link, 0) == before
    session.history.undo()
    assert shown(link, 0) == set()
    session.history.redo()
    assert shown(link, 0) == before


def test_a_stroke_over_nothing_is_no_step(link) -> None:
    session = link.session
    session.brush = 0
    before = session.history.next_undo
    stroke(link, [(-40, -40), (-30, -30)])
    stroke(link, [(0, 0), (0, 50)])  # between the cells
    stroke(link, [(6, 6), (6, 40)], alt=True)  # no examples there
    assert session.history.next_undo == before


def test_examples_are_outlined_in_the_image_by_id(link, mask, qtbot) -> None:
    session = link.session
    session.brush = 0
    stroke(link, [(20, 20), (20, 60)])
    qtbot.waitUntil(lambda: link.own_layer(EXAMPLES) is not None)
    layer = link.own_layer(EXAMPLES)
    inside = np.isin(mask, [*shown(link, 0)]).astype(np.uint8)
    np.testing.assert_array_equal(finest(layer), get_contours(inside, 3, 0))
    np.testing.assert_allclose(layer.data_to_world((3, 5)), link.mask_layer.data_to_world((3, 5)))
    session.brush = None
    qtbot.waitUntil(lambda: link.own_layer(EXAMPLES) is None)


def test_in_3d_no_stroke_begins(link) -> None:
    link.session.brush = 0
    link.viewer.dims.ndisplay = 3
    (callback,) = link.own_layer(BRUSH).mouse_drag_callbacks
    event = SimpleNamespace(button=1, type="mouse_press", position=(6.0, 6.0), modifiers=())
    assert next(callback(link.own_layer(BRUSH), event), "done") == "done"


def test_the_brush_comes_and_goes(link, qtbot) -> None:
    session, viewer = link.session, link.viewer
    session.brush = 1
    layer = link.own_layer(BRUSH)
    assert viewer.layers.selection.active is layer
    assert not layer.mouse_pan
    assert "example of two" in session.notice.text
    lessons.rename_type(session, 1, "tumour")
    assert "example of tumour" in session.notice.text
    lessons.remove_type(session, 1)
    assert session.brush is None
    assert link.own_layer(BRUSH) is None
    assert session.notice is None
    session.brush = 0
    viewer.layers.selection.active = link.mask_layer
    qtbot.waitUntil(lambda: session.brush is None)
    assert link.own_layer(BRUSH) is None
    session.brush = 0
    session.brush = None
    assert viewer.layers.selection.active is link.mask_layer  # as before
    session.brush = 0
    link.use_mask(None)
    assert session.brush is None


# similar ---------------------------------------------------------------------------------------


def finest(layer) -> np.ndarray:
    return np.asarray(layer.data[0] if layer.multiscale else layer.data)


def click(link: ViewerLink, point: tuple[float, float], keys: tuple[str, ...] = ()) -> None:
    """Press and release the left button on a point of the mask, without a move in between."""
    place = link.mask_layer.data_to_world(point)
    event = SimpleNamespace(button=1, type="mouse_press", position=place, modifiers=keys)
    drag = link._pointer._on_drag(link.viewer, event)
    next(drag)
    event.type = "mouse_release"
    assert next(drag, "done") == "done"


def test_a_clicked_cell_is_compared_and_all_are_painted_by_likeness(link, mask, qtbot) -> None:
    session = link.session
    page = SimilarPage(session)
    qtbot.addWidget(page)
    page.show()
    cell = int(mask[6, 40])
    click(link, (6, 40))
    qtbot.waitUntil(lambda: page._found is not None)
    assert session.sought.cells == (cell,)
    name = session.table.obs_names[session.ids() == cell][0]
    expected = similarity(session.table, [name], session.sought.source).values
    np.testing.assert_allclose(session.measures[f"like cell {cell}"], expected)
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is not None)
    painted = finest(link.own_layer(GROUPS))
    there = [int(i) for i in session.ids() if i in mask]
    shade = {i: int(np.unique(painted[mask == i]).item()) for i in there}
    likeness = dict(zip(session.ids().tolist(), expected, strict=True))
    ordered = sorted(there, key=likeness.get)
    assert [shade[i] for i in ordered] == sorted(shade.values())
    assert len(set(shade.values())) > 10
    missing = int(np.unique(mask)[1])  # only the mask has it
    assert missing not in session.ids()
    assert (painted[mask == missing] == 0).all()


def test_what_the_table_lacks_is_picked_but_not_asked_about(link, mask, qtbot) -> None:
    session = link.session
    page = SimilarPage(session)
    qtbot.addWidget(page)
    page.show()
    missing = int(np.unique(mask)[1])
    y, x = (int(v) for v in np.argwhere(mask == missing)[60])
    click(link, (y, x))
    assert session.picked == missing
    assert session.sought is None


def test_a_table_of_other_cells_is_not_asked_about_one_of_the_same_number(
    link, mask, qtbot
) -> None:
    session = link.session
    page = TeachPage(session)
    qtbot.addWidget(page)
    page.show()
    session.made_from = {"embed": session.snapshot().inputs()}
    place = {"scale": (4.0, 4.0), "rotate": 10.0}
    click(link, (6, 40))
    assert session.picked == int(mask[6, 40])
    flipped = mask[::-1, ::-1].copy()
    link.viewer.layers.remove(link.mask_layer)
    link.viewer.add_labels(flipped, name="better", **place)
    assert link.mask_layer.name == "better"
    assert session.table is not None
    assert not session.table_fits
    session.facts = Facts(cells=len(session.cells.cells()))
    y, x = (6, 40)
    click(link, (y, x), ("Shift",))
    cell = int(flipped[y, x])
    assert session.picked == cell
    assert session.selection.tolist() == []
    page.example_tools.add_picked(0)
    assert not session.lesson.types[0].cells
    assert "not the chosen ones" in page.example_tools.add.toolTip()
    outline = link.own_layer(CELL)
    assert outline.scale.tolist() == [4.0, 4.0]
    inside = np.argwhere(np.asarray(outline.data) > 0)[0]
    on_mask = link.mask_layer.world_to_data(outline.data_to_world(inside))
    assert flipped[tuple(np.round(on_mask).astype(int))] == cell


def test_the_most_alike_are_outlined_in_the_image(link, mask, qtbot) -> None:
    session = link.session
    page = SimilarPage(session)
    qtbot.addWidget(page)
    page.show()
    click(link, (6, 40))
    qtbot.waitUntil(lambda: page._found is not None)
    page.selector.count.setValue(9)
    page.selector.nearest.click()
    assert len(session.selection) == 10
    qtbot.waitUntil(lambda: link.own_layer(SELECTED) is not None)
    assert_outlined(link, np.isin(mask, session.selection))


def test_flying_to_a_picture_s_cell_finds_its_place(link, mask, qtbot) -> None:
    session = link.session
    for cell in (int(mask[6, 40]), int(mask[54, 18])):
        session.cell_requested.emit(cell)
        centre = np.argwhere(mask == cell).mean(axis=0)
        expected = link.mask_layer.data_to_world(centre)[-2:]
        step = np.abs(np.asarray(link.mask_layer.scale[-2:])).max()
        np.testing.assert_allclose(link.viewer.scene.camera.center[-2:], expected, atol=2 * step)
        outline = link.own_layer(CELL)
        assert finest(outline).sum() == (mask == cell).sum()
        corner = np.argwhere(finest(outline))[0]
        np.testing.assert_allclose(
            outline.data_to_world(corner),
            link.mask_layer.data_to_world(np.argwhere(mask == cell)[0]),
        )
    session.cell_requested.emit(99)  # the mask does not have it
    assert finest(link.own_layer(CELL)).sum() == 0 or not link.own_layer(CELL).visible


# teach and drawing -----------------------------------------------------------------------------


def test_strokes_of_two_types_teach_every_cell_of_the_table(link, mask, qtbot) -> None:
    session = link.session
    page = TeachPage(session)
    qtbot.addWidget(page)
    page.show()
    page.types.setCurrentCell(0, 1)
    page.example_tools.paint.click()
    assert session.brush == 0
    stroke(link, [(6, 6), (6, 60)])
    page.types.setCurrentCell(1, 1)  # the brush goes along with the type that is chosen
    assert session.brush == 1
    stroke(link, [(54, 6), (54, 60)])
    qtbot.waitUntil(lambda: session.clustering == "taught")
    groups = session.table.obs["taught"]
    assert groups.notna().all()
    for place, name in enumerate(("one", "two")):
        rows = lessons.examples(session, place)
        assert len(rows) > 3
        assert {*groups.iloc[rows]} == {name}
    page.example_tools.paint.click()
    assert session.brush is None


def test_shapes_select_the_cells_whose_centres_they_hold(link, mask, qtbot) -> None:
    session = link.session
    session.drawing_requested.emit()
    layer = link.own_layer(DRAWING)
    np.testing.assert_allclose(layer.data_to_world((3, 5)), link.mask_layer.data_to_world((3, 5)))
    layer.add_polygons(np.array([[1, 1], [1, 40], [40, 40], [40, 1]]))
    obs = session.table.obs
    within = ((obs[["y", "x"]] > 1) & (obs[["y", "x"]] < 40)).all(axis=1).to_numpy()
    assert within.sum() > 5
    assert session.selection.tolist() == sorted(session.ids()[within].tolist())
    qtbot.waitUntil(lambda: link.own_layer(SELECTED) is not None)
    assert_outlined(link, np.isin(mask, session.selection))
