"""What a window holds, before it is closed and after it was opened again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from opening import show_image_file, show_mask_file
from same_work import journey, same_work

from napari_splicer.analysis.maps import add_map, find_map
from napari_splicer.analysis.projection import has_projection
from napari_splicer.analysis.whole import Whole
from napari_splicer.config import (
    ClusteringSettings,
    Component,
    ProjectionSettings,
    Region,
    load_run,
)
from napari_splicer.gui import commands, composing, editing, groupings
from napari_splicer.gui.map_choice import NUMBERS, MapChoice
from napari_splicer.gui.project.opening import Wanted, open_project
from napari_splicer.gui.readiness import resolve
from napari_splicer.images.panel import Marker, Panel
from napari_splicer.shares import finish


def test_components_and_settings_before_anything_is_made(window, tmp_path, open_again) -> None:
    window.session.settings = window.session.settings.with_values({"training.steps": 7})
    window.session.colours = {"around": "#123456"}
    window.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    same_work(window, again)
    assert again.session.table is None
    assert again.session.suggested == ()


def test_a_project_that_is_opened_has_no_steps_of_the_work_before(
    window, tmp_path, open_again
) -> None:
    before = window.session.components
    composing.remove(window.session, 0)
    window.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    assert again.session.components == before[1:]
    assert again.session.set_up.next_undo is None
    composing.add(again.session)
    opened = finish(open_project(Wanted(tmp_path / "a.splicer")))
    again.restore(opened)
    assert again.session.components == before[1:]
    assert again.session.set_up.next_undo is None


def test_a_trained_model_is_still_the_one_of_these_components(
    trained, tmp_path, open_again
) -> None:
    trained.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    same_work(trained, again)
    assert again.session.bundle.hash == trained.session.bundle.hash
    assert [m.step for m in again.session.metrics] == [m.step for m in trained.session.metrics]
    again.session.components = again.session.components[:1]
    assert journey(again)["model"] == ("stale", "trained")


def test_a_model_that_was_loaded_again_is_still_the_one_of_the_table(
    trained, tmp_path, open_again
) -> None:
    session = trained.session
    trained.run(commands.embed(session))
    session.bundle = replace(session.bundle)
    trained.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    assert "X_splicer" in again.session.table.obsm
    assert journey(again)["embed"][0] == "done"


def test_groups_selection_and_steps_come_back(grouped, tmp_path, open_again) -> None:
    session = grouped.session
    session.select(session.cells_of(0))
    editing.rename(session, 0, "immune")
    session.select([])
    session.history.undo()
    session.show_group(1, False)
    session.colour_by = "CD3"
    session.colour_ranges = {"CD3": (0.5, 9.0)}
    session.map_choice = MapChoice(NUMBERS, x="CD3", y="alike")
    session.measures = {"alike": np.linspace(0, 1, len(session.ids()))}
    grouped.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    same_work(grouped, again)
    new, old = again.session.history, session.history
    assert (new.next_undo, new.next_redo) == (old.next_undo, old.next_redo)
    assert again.session.map_choice == MapChoice(NUMBERS, x="CD3", y="alike")
    assert again.session.colour_ranges == {"CD3": (0.5, 9.0)}
    np.testing.assert_allclose(again.session.measures["alike"], session.measures["alike"])
    while old.undo():
        assert new.undo()
        same_work(grouped, again)
    while old.redo():
        assert new.redo()
        same_work(grouped, again)
    assert new.next_undo == old.next_undo


def test_groupings_come_back_by_age_and_so_do_those_that_were_removed(
    grouped, tmp_path, open_again
) -> None:
    session = grouped.session
    grouped.run(commands.cluster(session, ClusteringSettings(name="a_later", method="kmeans")))
    groupings.rename_grouping(session, "splicer_cluster", "z_first")
    grouped.save(tmp_path / "a.splicer")
    groupings.remove_grouping(session, "a_later")
    grouped.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    same_work(grouped, again)
    assert again.session.history.undo()
    assert again.session.clusterings == ("z_first", "a_later")
    again.save(tmp_path / "a.splicer")
    once_more = open_again(tmp_path / "a.splicer")
    same_work(again, once_more)
    assert once_more.session.history.undo()
    assert once_more.session.clusterings == ("splicer_cluster", "a_later")
    assert once_more.session.history.redo()
    assert once_more.session.history.redo()
    assert once_more.session.clusterings == ("z_first",)
    groupings.remove_grouping(once_more.session, "z_first")
    once_more.save(tmp_path / "a.splicer")
    empty = open_again(tmp_path / "a.splicer").session
    assert (empty.clusterings, empty.clustering, empty.groups) == ((), None, ())
    assert empty.history.undo()
    assert empty.clusterings == ("z_first",)


def test_what_was_exported_and_what_is_out_of_date_is_known(grouped, tmp_path, open_again) -> None:
    grouped.run(commands.export(grouped.session, tmp_path / "out"))
    grouped.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    same_work(grouped, again)
    assert journey(again)["export"] == ("done", "exported")
    assert again.session.exported == grouped.session.exported
    editing.recolour(again.session, 0, "#123456")
    again.save(tmp_path / "a.splicer")
    once_more = open_again(tmp_path / "a.splicer")
    assert journey(once_more)["export"] == ("stale", "exported")


def test_the_run_file_can_be_run(project, grouped) -> None:
    config = load_run(project / "run.toml")
    assert [c.name for c in config.components] == ["immune", "around"]
    assert config.inputs[0].image.endswith("left.ome.tif")
    assert config.training.steps == 4


def test_channels_renamed_and_dropped_by_a_panel_come_back(window, tmp_path, open_again) -> None:
    session = window.session
    channels = session.image.channels
    markers = tuple(
        Marker(channel=name, name=f"{name} x", keep=name != channels[1]) for name in channels
    )
    session.image = Panel(markers=markers, source="panel.csv").apply(session.image)
    session.panel_groups = {"all": session.image.channels}
    window.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    image = again.session.image
    assert image.channels == session.image.channels
    np.testing.assert_array_equal(image.read(0, 9, 0, 9), session.image.read(0, 9, 0, 9))
    assert again.session.panel_groups == session.panel_groups
    again.save(tmp_path / "b.splicer")
    assert open_again(tmp_path / "b.splicer").session.image.channels == image.channels


def test_a_painted_mask_is_kept_and_its_table_still_out_of_date(
    grouped, tmp_path, open_again
) -> None:
    layer = grouped.link.mask_layer
    layer.mode = "paint"
    layer.paint((3, 3), 9999)
    assert journey(grouped)["embed"][0] == "stale"
    grouped.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    np.testing.assert_array_equal(again.link.mask_layer.data, layer.data)
    assert journey(again)["embed"][0] == "stale"
    config = load_run(tmp_path / "a.splicer" / "run.toml")
    assert "a.splicer" in config.inputs[0].mask
    again.link.mask_layer.paint((30, 30), 9998)
    again.save(tmp_path / "a.splicer")
    once_more = open_again(tmp_path / "a.splicer")
    np.testing.assert_array_equal(once_more.link.mask_layer.data, again.link.mask_layer.data)


def test_how_layers_look_and_lie_comes_back(window, tmp_path, open_again) -> None:
    layer = window.link.layers[1]
    layer.colormap, layer.contrast_limits, layer.visible = "magma", (3.0, 90.0), False
    for each in window.link.layers:
        each.scale, each.translate = (0.5, 0.5), (10.0, 20.0)
        each.units = ("um", "um")
    mask = window.link.mask_layer
    mask.contour = 2
    window.viewer.layers.move(1, 0)
    window.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    found = again.viewer.layers[layer.name]
    assert again.viewer.layers.index(found) == 0
    assert found.colormap.name == "magma"
    assert tuple(found.contrast_limits) == (3.0, 90.0)
    assert not found.visible
    assert again.viewer.layers[mask.name].contour == 2
    np.testing.assert_array_equal(found.translate, (10.0, 20.0))
    assert again.session.image.pixel_size == (0.5, 0.5)


def test_results_of_every_image_come_back(grouped, images, tmp_path, open_again, field) -> None:
    field(images, "right", seed=1)
    left = grouped.session.groups
    show_image_file(grouped.link, str(images / "right.ome.tif"))
    show_mask_file(grouped.link, str(images / "right_mask.tif"))
    grouped.run(commands.embed(grouped.session))
    grouped.run(commands.cluster(grouped.session))
    editing.rename(grouped.session, 0, "of the right")
    grouped.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    same_work(grouped, again)
    for window in (grouped, again):
        window.link.show_image(next(c for c in window.link.images() if "left" in c.title))
    assert again.session.groups == left
    same_work(grouped, again)


def test_another_window_full_of_work_is_emptied_first(project, images, new_window, field) -> None:
    field(images, "right", seed=1)
    window = new_window()
    show_image_file(window.link, str(images / "right.ome.tif"))
    show_mask_file(window.link, str(images / "right_mask.tif"))
    window.run(commands.embed(window.session, with_model=False))
    window.session.select(window.session.ids()[:3])
    window.restore(finish(open_project(Wanted(project))))
    assert window.session.image.name == "left"
    assert len(window.session.selection) == 0
    assert window.session.history.next_undo is None
    assert {layer.metadata["splicer"]["path"] for layer in window.link.layers} == {
        str(images / "left.ome.tif"),
        str(images / "left_mask.tif"),
    }


@pytest.mark.parametrize("painted", [False, True])
def test_whether_a_mask_that_the_model_looks_at_has_changed_is_known_again(
    window, tmp_path, open_again, painted
) -> None:
    inside = np.asarray(window.session.cells.data).copy()
    tumour = window.viewer.add_labels(inside, name="tumour")
    window.link.use_regions([tumour])
    window.session.components = (
        Component(name="T", channels=("CD3",)),
        Component(name="in", channels=("CD8",), region=Region(kind="inside", mask="tumour")),
    )
    window.run(commands.train(window.session))
    window.run(commands.embed(window.session))
    tumour.name = "Labels"  # components go on knowing it by its name of then
    if painted:
        tumour.paint((80, 80), 9_999)
    window.save(tmp_path / "a.splicer")
    state = resolve(open_again(tmp_path / "a.splicer").session.snapshot()).steps["embed"]
    assert state.status == ("stale" if painted else "done")
    assert ("'tumour' has changed" in state.why) == painted


def test_groups_and_map_by_several_components_come_back(grouped, tmp_path, open_again) -> None:
    session = grouped.session
    both = tuple(f"chunk:{component.name}" for component in session.components[:2])
    session.settings = session.settings.with_values({"projection.source": both})
    grouped.run(commands.cluster(session, ClusteringSettings(name="both", source=both)))
    groupings.remove_grouping(session, "splicer_cluster")
    groupings.remove_grouping(session, "both")
    session.history.undo()
    grouped.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    same_work(grouped, again)
    assert Whole.of(again.session.table, "both").settings.source == both
    assert has_projection(again.session.table, session.settings.projection)
    again.session.history.redo()
    assert again.session.clusterings == ()
    again.session.history.undo()
    assert Whole.of(again.session.table, "both").settings.source == both


def test_the_map_of_a_component_comes_back_without_being_computed(
    grouped, tmp_path, open_again
) -> None:
    table = grouped.session.table
    settings = ProjectionSettings(source=f"chunk:{grouped.session.components[0].name}")
    grouped.save(tmp_path / "a.splicer")
    layout = np.random.default_rng(0).normal(size=(table.n_obs, 2)).astype(np.float32)
    key = add_map(table, layout, settings)
    grouped.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    same_work(grouped, again)
    assert find_map(again.session.table, settings) == key
    np.testing.assert_array_equal(again.session.table.obsm[key], layout)
