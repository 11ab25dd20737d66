"""What the map is made of: chosen, computed in a thread, kept in the table, stopped."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_splicer.analysis.maps import add_map, find_map, further_maps
from napari_splicer.analysis.projection import add_projection
from napari_splicer.config import ProjectionSettings
from napari_splicer.errors import UnusableChannel
from napari_splicer.gui import cell_places
from napari_splicer.gui.map_choice import COMPONENTS, MAP, NUMBERS, MapChoice
from napari_splicer.gui.naming import source_words
from napari_splicer.gui.widgets import map_finder
from napari_splicer.gui.widgets.cell_map import CellMap

if TYPE_CHECKING:
    from napari_splicer.gui.widgets.map_axes import MapAxes

IMMUNE, NUCLEI = "chunk:immune", "chunk:nuclei"


@pytest.fixture
def cell_map(qtbot, session) -> CellMap:
    add_projection(session.table, session.table.obsm["X_umap"], ProjectionSettings())
    cell_map = CellMap(session)
    qtbot.addWidget(cell_map)
    cell_map.resize(290, 300)
    with qtbot.waitExposed(cell_map):
        cell_map.show()
    return cell_map


@pytest.fixture
def slowly(monkeypatch) -> threading.Event:
    """Work for places does not end before this is set."""
    go_on = threading.Event()

    def waiting(work):
        def shares(*arguments):
            while not go_on.wait(0.01):
                yield 0.1
            return (yield from work(*arguments))

        return shares

    for name in ("laying_out", "along_components"):
        monkeypatch.setattr(map_finder, name, waiting(getattr(cell_places, name)))
    return go_on


def choose(axes: MapAxes, source: str) -> None:
    box = axes.source.box
    box.setCurrentIndex(box.findData(source))
    box.activated.emit(box.currentIndex())


def turn_to(axes: MapAxes, kind: str) -> None:
    axes.kind.setCurrentIndex(axes.kind.findData(kind))
    axes.kind.activated.emit(axes.kind.currentIndex())


def shown(cell_map: CellMap) -> np.ndarray:
    return cell_map._points[cell_map._placed]


def of(*sources: str) -> str:
    return f"UMAP of {source_words(sources)}"


def test_the_map_of_a_component_is_computed_once_and_says_what_it_is(qtbot, cell_map, session):
    axes, title = cell_map.axes, cell_map.ground.title
    assert title.text() == of("combined")
    assert title.isVisible()
    made = []
    session.map_made.connect(lambda: made.append(1))
    choose(axes, IMMUNE)
    qtbot.waitUntil(lambda: bool(made), timeout=60_000)
    assert title.text() == of(IMMUNE)
    key = find_map(session.table, ProjectionSettings(source=IMMUNE))
    np.testing.assert_allclose(shown(cell_map), session.table.obsm[key])
    immune = session.table.obsm["X_splicer_chunks"][:, 0]
    assert max(abs(np.corrcoef(axis, immune)[0, 1]) for axis in shown(cell_map).T) > 0.3
    choose(axes, "combined")
    assert title.text() == of("combined")
    np.testing.assert_allclose(shown(cell_map), session.table.obsm["X_umap"])
    choose(axes, IMMUNE)
    assert not axes.finder.work.asked
    assert title.text() == of(IMMUNE)
    assert len(made) == 1


def test_several_sources_make_one_map_once_all_are_ticked(qtbot, cell_map, session):
    axes = cell_map.axes
    choose(axes, IMMUNE)
    qtbot.waitUntil(lambda: not axes.finder.work.asked, timeout=60_000)
    menu = axes.source.several.menu()
    for action in menu.actions():
        if action.data() in ("intensity", NUCLEI):
            action.trigger()
    assert not axes.finder.work.asked
    menu.aboutToHide.emit()
    assert axes.finder.work.asked
    qtbot.waitUntil(lambda: not axes.finder.work.asked, timeout=60_000)
    assert cell_map.ground.title.text() == of("intensity", IMMUNE, NUCLEI)
    assert cell_map.ground.title.toolTip() == of("intensity", IMMUNE, NUCLEI)
    assert ("intensity", IMMUNE, NUCLEI) in [m.source for m in further_maps(session.table).values()]


def test_until_another_map_is_there_the_one_before_stays_with_its_title(
    qtbot, cell_map, session, slowly
):
    axes = cell_map.axes
    choose(axes, IMMUNE)
    qtbot.waitUntil(axes.finder.work.isVisible)
    assert cell_map.ground.title.text() == of("combined")
    assert len(shown(cell_map)) == session.table.n_obs
    slowly.set()
    qtbot.waitUntil(lambda: cell_map.ground.title.text() == of(IMMUNE), timeout=60_000)
    assert not axes.finder.work.isVisible()


def test_a_map_is_made_to_its_end_while_something_else_is_looked_at(
    qtbot, cell_map, session, slowly
):
    axes, title = cell_map.axes, cell_map.ground.title
    choose(axes, IMMUNE)
    qtbot.waitUntil(axes.finder.work.isVisible)
    choose(axes, "combined")
    turn_to(axes, NUMBERS)
    turn_to(axes, MAP)
    assert axes.finder.work.asked
    assert title.text() == of("combined")
    choose(axes, IMMUNE)
    choose(axes, "combined")
    slowly.set()
    qtbot.waitUntil(lambda: not axes.finder.work.asked, timeout=60_000)
    assert [m.source for m in further_maps(session.table).values()] == [IMMUNE]
    assert title.text() == of("combined")
    choose(axes, IMMUNE)
    assert title.text() == of(IMMUNE)


def test_stopping_a_map_leaves_what_is_looked_at_meanwhile(qtbot, cell_map, session, slowly):
    axes = cell_map.axes
    choose(axes, IMMUNE)
    qtbot.waitUntil(axes.finder.work.isVisible)
    choose(axes, "combined")
    axes.finder.work.cancel.click()
    assert cell_map.ground.title.text() == of("combined")
    assert not cell_map.ground.page.isVisible()
    slowly.set()
    qtbot.waitUntil(lambda: not axes.finder.work.errand.busy)
    assert further_maps(session.table) == {}


@pytest.mark.parametrize("kind", [MAP, COMPONENTS])
def test_what_was_stopped_says_so_and_how_to_go_on(qtbot, cell_map, session, slowly, kind):
    axes, page = cell_map.axes, cell_map.ground.page
    turn_to(axes, kind)
    choose(axes, IMMUNE)
    work = axes.finder.work if kind == MAP else axes.finder.finding
    qtbot.waitUntil(work.isVisible)
    work.cancel.click()
    assert not work.isVisible()
    assert page.isVisible()
    assert "component immune was stopped" in page.sentence
    assert not cell_map.ground.title.isVisible()
    assert len(shown(cell_map)) == 0
    slowly.set()
    qtbot.waitUntil(lambda: not work.errand.busy)
    assert further_maps(session.table) == {}
    page.again.click()
    qtbot.waitUntil(lambda: len(shown(cell_map)) == session.table.n_obs, timeout=60_000)
    assert not page.isVisible()
    assert cell_map.ground.title.text().endswith("of component immune")


@pytest.mark.parametrize("kind", [MAP, COMPONENTS])
def test_places_by_an_earlier_model_are_not_shown_for_the_present_one(
    qtbot, cell_map, session, make_table, slowly, kind
):
    axes = cell_map.axes
    slowly.set()
    turn_to(axes, kind)
    choose(axes, IMMUNE)
    work = axes.finder.work if kind == MAP else axes.finder.finding
    qtbot.waitUntil(lambda: not work.asked, timeout=60_000)
    assert len(shown(cell_map)) == session.table.n_obs
    slowly.clear()
    other = make_table()  # of the same cells
    for name in ("X_splicer", "X_splicer_chunks"):
        other.obsm[name] = other.obsm[name][::-1].copy()
    del other.obsm["X_umap"]
    session.table = other
    assert len(shown(cell_map)) == 0
    assert axes.source.sources == (("combined",) if kind == MAP else ("representation",))
    slowly.set()
    qtbot.waitUntil(lambda: not work.errand.busy)
    assert further_maps(other) == {}
    if kind == MAP:
        assert "Cluster" in cell_map.ground.page.sentence
        assert not cell_map.ground.page.again.isVisible()
    else:
        assert cell_map.ground.title.text() == "PCA of looks (the model's numbers)"


def test_a_map_that_comes_after_another_model_is_dropped(
    qtbot, cell_map, session, make_table, slowly
):
    choose(cell_map.axes, IMMUNE)
    qtbot.waitUntil(cell_map.axes.finder.work.isVisible)
    other = make_table()
    other.obsm["X_splicer_chunks"] = other.obsm["X_splicer_chunks"] + 1
    add_projection(other, other.obsm["X_umap"], ProjectionSettings())
    session.table = other
    slowly.set()
    qtbot.waitUntil(lambda: not cell_map.axes.finder.work.errand.busy)
    assert further_maps(other) == {}
    assert cell_map.ground.title.text() == of("combined")


def test_grouping_meanwhile_neither_stops_nor_loses_a_map(qtbot, cell_map, session, slowly):
    axes = cell_map.axes
    choose(axes, IMMUNE)
    qtbot.waitUntil(axes.finder.work.isVisible)
    session.table = session.table.copy()  # as grouping hands it over
    assert axes.finder.work.asked
    assert axes.source.sources == (IMMUNE,)
    slowly.set()
    qtbot.waitUntil(lambda: cell_map.ground.title.text() == of(IMMUNE), timeout=60_000)
    assert [m.source for m in further_maps(session.table).values()] == [IMMUNE]


@pytest.mark.parametrize("kind", [MAP, COMPONENTS])
def test_what_was_stopped_does_not_begin_again_by_itself_after_grouping(
    qtbot, cell_map, session, slowly, kind
):
    axes = cell_map.axes
    turn_to(axes, kind)
    choose(axes, IMMUNE)
    work = axes.finder.work if kind == MAP else axes.finder.finding
    qtbot.waitUntil(work.isVisible)
    work.cancel.click()
    session.table = session.table.copy()
    assert not work.asked
    assert cell_map.ground.page.again.isVisible()
    slowly.set()


def test_a_model_without_the_component_of_the_settings_computes_no_map_unasked(
    qtbot, cell_map, session, make_table
):
    session.settings = session.settings.with_values({"projection.source": "chunk:elsewhere"})
    table = make_table()
    table.obsm["X_splicer"] = table.obsm["X_splicer"] + 1
    del table.obsm["X_umap"]
    session.table = table
    assert not cell_map.axes.finder.work.asked
    assert "Cluster" in cell_map.ground.page.sentence


def test_another_explorer_goes_on_with_the_map_that_was_chosen(
    qtbot, cell_map, session, make_table
):
    choose(cell_map.axes, IMMUNE)
    qtbot.waitUntil(lambda: not cell_map.axes.finder.work.asked, timeout=60_000)
    cell_map.deleteLater()
    again = CellMap(session)
    qtbot.addWidget(again)
    assert again.ground.title.text() == of(IMMUNE)
    table = make_table()
    table.obsm["X_splicer"] = table.obsm["X_splicer"] + 1
    add_projection(table, table.obsm["X_umap"], ProjectionSettings())
    session.table = table  # of another model
    assert again.ground.title.text() == of("combined")
    last = CellMap(session)
    qtbot.addWidget(last)
    assert last.ground.title.text() == of("combined")
    assert not last.axes.finder.work.asked


def test_a_choice_that_is_taken_up_begins_no_map_that_is_not_there(qtbot, cell_map, session):
    """As when a project is opened whose map was stopped, or another image is turned to."""
    axes, title = cell_map.axes, cell_map.ground.title
    session.map_choice = MapChoice(MAP, (IMMUNE,))
    assert not axes.finder.work.asked
    assert title.text() == of("combined")
    session.map_choice = MapChoice(COMPONENTS, (IMMUNE,))
    qtbot.waitUntil(lambda: title.text() == "PCA of component immune", timeout=30_000)
    layout = np.arange(2.0 * session.table.n_obs).reshape(-1, 2).astype(np.float32)
    add_map(session.table, layout, ProjectionSettings(source=NUCLEI))
    session.map_choice = MapChoice(MAP, (NUCLEI,))
    assert title.text() == of(NUCLEI)
    assert axes.source.sources == (NUCLEI,)
    x, y = axes.y.itemText(1), axes.x.itemText(0)
    session.map_choice = MapChoice(NUMBERS, x=x, y=y)
    assert axes.finder.places.labels == (f"{x} (arcsinh)", f"{y} (arcsinh)")
    session.map_choice = MapChoice(MAP, ("chunk:of another model",))
    assert title.text() == of("combined")


def test_what_a_person_chooses_is_noted_for_the_project(qtbot, cell_map, session):
    axes = cell_map.axes
    choose(axes, IMMUNE)
    assert session.map_choice.kind == MAP
    assert session.map_choice.sources == (IMMUNE,)
    turn_to(axes, NUMBERS)
    axes.x.setCurrentIndex(1)
    axes.x.activated.emit(1)
    noted = session.map_choice
    assert (noted.kind, noted.x, noted.y) == (NUMBERS, axes.x.itemText(1), axes.y.currentText())


def test_a_component_that_tells_cells_no_further_is_said_not_to(qtbot, cell_map, session):
    session.table.obsm["X_splicer_chunks"][:, 4:] = 1
    choose(cell_map.axes, NUCLEI)
    with pytest.raises(UnusableChannel) as refused:
        list(cell_places.laying_out(session.table, ProjectionSettings(source=NUCLEI)))
    qtbot.waitUntil(lambda: cell_map.ground.page.isVisible())
    assert str(refused.value.message) in cell_map.ground.page.sentence


def test_where_images_lack_a_component_its_map_says_so(qtbot, cell_map, session):
    session.table.uns["splicer"]["blank"] = {"region": ["field"], "component": ["immune"]}
    choose(cell_map.axes, IMMUNE)
    assert cell_map.axes.remark.isVisible()
    assert "'chunk:immune' is of a component that field lacks" in cell_map.axes.remark.toolTip()
    choose(cell_map.axes, "combined")
    assert not cell_map.axes.remark.isVisible()


def test_without_a_model_there_is_nothing_to_choose(qtbot, cell_map, session, make_table):
    table = make_table()
    del table.obsm["X_splicer"], table.obsm["X_splicer_chunks"], table.uns["splicer"]["chunks"]
    add_projection(table, table.obsm["X_umap"], ProjectionSettings(source="intensity"))
    session.table = table
    assert not cell_map.axes.source.isVisible()
    assert cell_map.ground.title.text() == of("intensity")
    assert len(shown(cell_map)) == table.n_obs


def test_choice_and_title_have_room_in_a_low_and_narrow_explorer(qtbot, cell_map, session, slowly):
    choose(cell_map.axes, IMMUNE)
    qtbot.waitUntil(cell_map.axes.finder.work.isVisible)
    cell_map.resize(290, 230)
    qtbot.waitUntil(lambda: cell_map.height() == 230)
    axes = cell_map.axes
    for part in (axes.kind, axes.source.box, axes.finder.work.cancel, cell_map.ground.title):
        place = part.mapTo(cell_map, part.rect().bottomRight())
        assert cell_map.rect().contains(place)
    assert axes.kind.shown == "UMAP"
    assert cell_map.plot.height() > 60
    slowly.set()
