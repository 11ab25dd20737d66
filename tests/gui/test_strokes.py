from __future__ import annotations

import gc
from dataclasses import replace
from types import SimpleNamespace
from weakref import ref

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import Component, Region
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.project.provenance import Provenance
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.strokes import StrokeWatch


@pytest.fixture
def layer() -> Labels:
    return Labels(np.zeros((30, 30), int))


@pytest.fixture
def told(layer) -> tuple[StrokeWatch, list[int]]:
    """A watch, and its state at each change that it told of."""
    states: list[int] = []
    watch = StrokeWatch(lambda: states.append(watch.state))
    watch.watch(layer)
    return watch, states


def test_every_stroke_is_told_and_every_undone_one(layer, told) -> None:
    watch, states = told
    untouched = watch.state
    layer.paint((5, 5), 3)
    layer.paint((20, 20), 4)
    layer.undo()
    layer.redo()
    layer.undo()
    layer.undo()
    first, second = states[:2]
    assert states == [first, second, first, second, first, untouched]
    layer.undo()  # nothing left
    layer.refresh()
    assert len(states) == 6


def test_another_stroke_after_an_undone_one_is_another_state(layer, told) -> None:
    _, states = told
    layer.paint((5, 5), 3)
    layer.undo()
    layer.paint((9, 9), 3)
    assert len(set(states)) == 3


def test_more_strokes_than_napari_keeps(layer, told) -> None:
    _, states = told
    for i in range(103):
        layer.paint((i % 29, 3), i + 1)
    for _ in range(100):
        layer.undo()
    assert states[103:] == [*states[101:2:-1], states[2]]
    assert len(set(states)) == 103


def test_other_pixels_make_all_states_new(layer, told) -> None:
    _, states = told
    layer.paint((5, 5), 3)
    layer.data = np.ones((30, 30), int)
    assert len(states) == 2
    assert states[0] != states[1]


def test_a_layer_left_is_watched_no_more(layer, told) -> None:
    watch, states = told
    watch.watch(None)
    layer.paint((5, 5), 3)
    layer.undo()
    assert states == []


def test_after_undoing_the_cells_are_those_before_and_results_fit_again(
    tissue, table, qtbot
) -> None:
    viewer = ViewerModel()
    viewer.add_image(np.asarray(tissue.image.data), metadata={"channels": [*tissue.image.channels]})
    mask = viewer.add_labels(np.asarray(tissue.cells.data).copy(), name="cells")
    session = link_for(viewer).session
    before = set(session.cells.cells()["id"])
    session.made_from = {"embed": replace(session.snapshot(), table=None)}
    session.table = table
    assert resolve(session.snapshot()).steps["embed"].status == "done"
    mask.paint((80, 80), 9_999)
    assert set(session.cells.cells()["id"]) - before == {9_999}
    assert resolve(session.snapshot()).steps["embed"].status == "stale"
    mask.undo()
    assert set(session.cells.cells()["id"]) == before
    assert resolve(session.snapshot()).steps["embed"].status == "done"
    mask.redo()
    assert 9_999 in set(session.cells.cells()["id"])
    assert resolve(session.snapshot()).steps["embed"].status == "stale"


def test_a_stroke_on_a_mask_that_the_model_looks_at_makes_results_out_of_date_until_undone(
    tissue, table
) -> None:
    viewer = ViewerModel()
    viewer.add_image(np.asarray(tissue.image.data), metadata={"channels": [*tissue.image.channels]})
    viewer.add_labels(np.asarray(tissue.cells.data).copy(), name="cells")
    other = viewer.add_labels(np.asarray(tissue.cells.data).copy(), name="vessels")
    tumour = viewer.add_labels(np.asarray(tissue.cells.data).copy(), name="tumour")
    link = link_for(viewer)
    session = link.session
    link.use_regions([tumour, other])
    parts = [Component(name="in", channels=("CD3",), region=Region(kind="inside", mask="tumour"))]
    decomposition = Decomposition(tuple(parts))
    session.bundle = SimpleNamespace(
        decomposition=decomposition,
        channels=decomposition.channels,
        hash="",
        can_do_without=False,
    )
    session.made_from = {"embed": replace(session.snapshot(), table=None)}
    table.obsm["X_splicer"] = np.zeros((table.n_obs, 2), np.float32)
    session.table = table

    def status() -> str:
        return resolve(session.snapshot()).steps["embed"].status

    tumour.paint((80, 80), 9_999)
    assert status() == "stale"
    assert "The mask 'tumour' has changed" in resolve(session.snapshot()).steps["embed"].why
    tumour.undo()
    assert status() == "done"
    other.paint((80, 80), 9_999)
    assert status() == "done"
    link.use_regions([tumour])
    assert status() == "done"
    link.use_regions([other])
    assert status() == "stale"


def test_an_undone_stroke_is_told_of_layers_that_are_not_in_use() -> None:
    viewer = ViewerModel()
    layer = viewer.add_labels(np.zeros((30, 30), int))
    told = []
    provenance = Provenance(viewer)
    provenance.changed.connect(lambda: told.append(provenance.pixels(layer).state))
    untouched = provenance.pixels(layer).state
    assert not provenance.is_changed(layer)
    layer.paint((5, 5), 3)
    assert provenance.is_changed(layer)
    layer.undo()
    assert not provenance.is_changed(layer)
    layer.refresh()
    assert told[-1] == untouched
    assert len(set(told)) == 2
    layer.data = np.ones((30, 30), int)
    assert provenance.is_changed(layer)


def test_a_layer_is_held_by_none_of_those_who_watch_it() -> None:
    watch = StrokeWatch(lambda: None)
    layer = Labels(np.zeros((30, 30), int))
    watch.watch(layer)
    gone = ref(layer)
    del layer
    gc.collect()
    assert gone() is None
    assert watch.state is not None
    watch.watch(None)
