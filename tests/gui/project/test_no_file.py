"""Images of a project that the plugin did not open from a file itself."""

from __future__ import annotations

import npe2
import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from opening import show_mask_file
from same_work import journey, layers

from napari_splicer.config import load_run
from napari_splicer.events import Finished
from napari_splicer.gui import commands
from napari_splicer.gui.docks import open_sample
from napari_splicer.gui.reading import OWN


def opened_by_napari(new_window, images, name: str = ""):
    """Open an image as if dropped on napari, with cells described by intensity.

    ``name`` is what the image is called; empty: as it is usual.
    """
    npe2.PluginManager.instance().discover()
    window = new_window()
    (layer,) = window.viewer.open(str(images / "left.ome.tif"), plugin="napari")
    if name:
        layer.metadata[OWN] = {"image": name}
        window.link.use_image(None)
        window.link.use_image(window.link.images()[0])
    show_mask_file(window.link, str(images / "left_mask.tif"))
    window.run(commands.embed(window.session, with_model=False))
    return window


def test_an_image_that_napari_opened_is_called_as_its_file(images, new_window) -> None:
    window = opened_by_napari(new_window, images)
    assert window.viewer.layers[0].name == "left.ome"
    assert window.session.image.name == "left"
    assert set(window.session.table.obs["region"]) == {"left"}
    assert window.link.images()[0].title == "left"
    assert commands.export_folder(window.session).name == "left"
    assert window.link.mask_layer.name == "left_mask"


def test_what_napari_opened_is_read_again_before_the_window_is_touched(
    images, new_window, tmp_path, open_again, monkeypatch
) -> None:
    window = opened_by_napari(new_window, images)
    record = window.save(tmp_path / "a.splicer")

    def refuse(*files: object, **how: object) -> None:
        pytest.fail("read in the window")

    monkeypatch.setattr(ViewerModel, "open", refuse)
    again = open_again(tmp_path / "a.splicer")
    one, other = (opened.viewer.layers["left.ome"] for opened in (window, again))
    np.testing.assert_array_equal(other.data, one.data)
    assert other.source.path == one.source.path
    kept = again.save(tmp_path / "b.splicer")
    assert kept.origins[0].reader == record.origins[0].reader


@pytest.mark.parametrize("left", [["one", "other"], ["other"]])
def test_which_layers_of_a_file_are_left_is_still_known_after_two_savings(
    left, images, new_window, tmp_path, open_again
) -> None:
    npe2.PluginManager.instance().discover()
    window = new_window()
    path = str(images / "left.ome.tif")
    for name in ("one", "other"):
        (layer,) = window.viewer.open(path, plugin="napari")
        layer.name = name
    if "one" not in left:
        window.viewer.layers.remove("one")
    places = [layer.place for layer in window.save(tmp_path / "a.splicer").layers]
    assert places == [0, 1][-len(left) :]
    again = open_again(tmp_path / "a.splicer")
    assert layers(again) == left
    assert [layer.place for layer in again.save(tmp_path / "b.splicer").layers] == places
    assert layers(open_again(tmp_path / "b.splicer")) == left


def test_an_image_is_still_called_as_in_the_table_of_a_project_of_before(
    images, new_window, tmp_path, open_again
) -> None:
    window = opened_by_napari(new_window, images, "left.ome")
    assert set(window.session.table.obs["region"]) == {"left.ome"}
    window.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    assert again.session.image.name == "left.ome"
    assert journey(again) == journey(window)
    again.run(commands.embed(again.session, with_model=False))
    assert set(again.session.table.obs["region"]) == {"left.ome"}
    (run,) = load_run(tmp_path / "a.splicer" / "run.toml").inputs
    assert run.name == "left.ome"
    again.save(tmp_path / "b.splicer")
    assert open_again(tmp_path / "b.splicer").session.image.name == "left.ome"


def test_a_sample_is_opened_again(tmp_path, open_again, new_window) -> None:
    npe2.PluginManager.instance().discover()
    window = new_window()
    open_sample(window.link.viewer)
    window.viewer.layers.remove("Ki67")
    window.link.use_image(window.link.images()[0])
    window.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    names = layers(window)
    assert layers(again) == names
    assert again.session.image.channels == window.session.image.channels
    assert again.link.mask_layer.name == "cell mask"
    again.save(tmp_path / "b.splicer")
    once_more = open_again(tmp_path / "b.splicer")
    assert layers(once_more) == names


@pytest.fixture
def in_memory(new_window, tissue, session, table):
    """A window whose image a program has put there."""
    window = new_window()
    pixels = np.asarray(tissue.image.data[:2])
    window.viewer.add_image(pixels, name="field", channel_axis=None)
    window.viewer.add_labels(np.asarray(tissue.cells.data), name="cells")
    table.obs["instance_id"] = tissue.cells.cells()["id"].iloc[:6].to_numpy()
    table.obs_names.name = None
    table.obs["region"] = pd.Categorical(["field"] * 6)
    run = commands.embed(window.session)
    commands.begin(window.session, run)
    commands.apply(window.session, run, [Finished("embed", result=table)])
    return window


def test_an_image_from_memory_is_said_to_be_left_out(in_memory, tmp_path, open_again) -> None:
    record = in_memory.save(tmp_path / "a.splicer")
    assert record.left_out == ("field",)
    again = open_again(tmp_path / "a.splicer")
    assert again.session.image is None
    assert again.session.groups == in_memory.session.groups
    assert again.session.table_fits
    np.testing.assert_array_equal(again.link.mask_layer.data, in_memory.link.mask_layer.data)


def test_an_image_from_memory_is_kept_where_that_is_asked_for(
    in_memory, tmp_path, open_again
) -> None:
    record = in_memory.save(tmp_path / "a.splicer", keep_images=True)
    assert record.left_out == ()
    again = open_again(tmp_path / "a.splicer")
    assert journey(again) == journey(in_memory)
    np.testing.assert_array_equal(
        again.session.image.read(0, 50, 0, 50), in_memory.session.image.read(0, 50, 0, 50)
    )
