"""Files become layers while the window lives on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from opening import show_image_file

from napari_splicer.gui import file_opener
from napari_splicer.gui.layers import link_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.viewer import Viewer

    from napari_splicer.gui.layers import ViewerLink

pytestmark = pytest.mark.gui
CHANNELS = 8


@pytest.fixture
def viewer(make_napari_viewer: Callable[[], Viewer]) -> Viewer:
    """An empty viewer."""
    return make_napari_viewer()


@pytest.fixture
def link(viewer: Viewer) -> ViewerLink:
    """Its link."""
    return link_for(viewer)


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with layers that take long: one in each turn of the event loop."""
    monkeypatch.setattr(file_opener, "_LONGEST", 1e-9)


@pytest.fixture
def image(tmp_path: Path) -> str:
    """Eight channels, 0.5 µm a pixel."""
    path = tmp_path / "field.ome.tif"
    pixels = np.random.default_rng(0).integers(0, 99, (CHANNELS, 40, 30), dtype=np.uint16)
    names = [f"M{i}" for i in range(CHANNELS)]
    size = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    tifffile.imwrite(path, pixels, metadata={"axes": "CYX", "Channel": {"Name": names}, **size})
    return str(path)


@pytest.fixture
def mask(tmp_path: Path) -> str:
    """Two cells."""
    labels = np.zeros((40, 30), np.uint16)
    labels[5:9, 5:9], labels[20:25, 5:9] = 3, 4
    tifffile.imwrite(tmp_path / "cells.tif", labels)
    return str(tmp_path / "cells.tif")


@pytest.mark.usefixtures("one_at_a_time")
def test_channels_come_while_the_window_lives(link, viewer, image, qtbot) -> None:
    link.opener.open_image(image)
    assert link.opener.title == "field.ome.tif"
    assert not viewer.layers  # it is read in a thread
    seen = set()

    def look() -> bool:
        seen.add((len(viewer.layers), link.opener.share))
        return not link.opener.busy

    qtbot.waitUntil(look, timeout=30_000)
    assert len(dict(seen)) > CHANNELS // 2  # between its turns, other things happen
    assert max(share for _, share in seen) > 0.9
    assert link.opener.title == ""
    assert link.session.notice is None
    assert link.session.image.channels == tuple(f"M{i}" for i in range(CHANNELS))
    assert link.image_layers == tuple(viewer.layers)
    assert sum(layer.visible for layer in viewer.layers) == 3


def test_a_mask_asked_for_at_once_lies_where_the_image_does(
    link, viewer, image, mask, qtbot
) -> None:
    link.opener.open_image(image)
    link.opener.open_mask(mask)
    qtbot.waitUntil(lambda: not link.opener.busy, timeout=30_000)
    np.testing.assert_array_equal(link.mask_layer.scale, (0.5, 0.5))
    assert len(link.session.cells.cells()) == 2
    assert viewer.layers[-1] is link.mask_layer


def test_a_file_that_can_not_be_read_does_not_keep_the_next_one(link, mask, image, qtbot) -> None:
    link.opener.open_image(mask + ".lost")
    link.opener.open_image(image)
    qtbot.waitUntil(lambda: not link.opener.busy, timeout=30_000)
    assert link.session.image.name.startswith("field")
    link.opener.open_mask(mask + ".lost")
    qtbot.waitUntil(lambda: not link.opener.busy, timeout=30_000)
    assert link.session.notice.kind == "error"
    assert "cells.tif.lost" in link.session.notice.text


@pytest.mark.usefixtures("one_at_a_time")
def test_layers_taken_away_meanwhile_keep_the_rest_from_coming(link, viewer, image, qtbot) -> None:
    link.opener.open_image(image)
    qtbot.waitUntil(lambda: len(viewer.layers) > 1, timeout=30_000)
    viewer.layers.clear()
    qtbot.waitUntil(lambda: not link.opener.busy, timeout=30_000)
    assert not viewer.layers
    assert link.session.notice is None
    assert link.session.image is None


@pytest.mark.usefixtures("one_at_a_time")
@pytest.mark.parametrize("half_there", [False, True])
def test_what_is_cancelled_leaves_the_window_as_it_was(
    link, viewer, image, mask, qtbot, half_there
) -> None:
    link.opener.open_image(image)
    qtbot.waitUntil(lambda: not link.opener.busy, timeout=30_000)
    before, chosen = list(viewer.layers), link.session.image
    link.opener.open_image(image)
    link.opener.open_mask(mask)
    if half_there:
        qtbot.waitUntil(lambda: len(viewer.layers) > CHANNELS + 1, timeout=30_000)
    link.opener.cancel()
    assert not link.opener.busy
    qtbot.wait(300)
    assert list(viewer.layers) == before
    assert link.session.image is chosen
    assert link.session.cells is None
    link.opener.open_mask(mask)
    qtbot.waitUntil(lambda: link.session.cells is not None, timeout=30_000)


@pytest.mark.usefixtures("one_at_a_time")
def test_the_dock_says_what_is_opened_and_can_stop_it(viewer, link, image, qtbot) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER")[1]
    viewer.window._qt_window.show()
    qtbot.waitUntil(dock.isVisible, timeout=30_000)
    assert not dock.opening.isVisible()
    link.opener.open_image(image)
    assert dock.opening.isVisible()
    assert dock.opening.words.text() == "Opening field.ome.tif …"
    qtbot.waitUntil(lambda: len(viewer.layers) > 1, timeout=30_000)
    dock.opening.line.cancel.click()
    assert not dock.opening.isVisible()
    assert not viewer.layers


@pytest.mark.usefixtures("one_at_a_time")
def test_what_is_selected_stays_so(link, viewer, image, qtbot) -> None:
    link.opener.open_image(image)
    qtbot.waitUntil(lambda: not link.opener.busy, timeout=30_000)
    assert viewer.layers.selection.active is viewer.layers[0]
    viewer.layers.selection.active = viewer.layers[2]
    link.opener.open_image(image)
    qtbot.waitUntil(lambda: not link.opener.busy, timeout=30_000)
    assert len(viewer.layers) == 2 * CHANNELS
    assert set(viewer.layers.selection) == {viewer.layers[2]}
    assert viewer.layers.selection.active is viewer.layers[2]
    viewer.layers.selection = set(viewer.layers[:3])
    show_image_file(link, image)
    assert set(viewer.layers.selection) == set(viewer.layers[:3])


@pytest.mark.usefixtures("one_at_a_time")
def test_nothing_comes_into_a_window_that_is_closed(viewer, link, image, qtbot) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER")[1]
    viewer.window._qt_window.show()
    qtbot.waitUntil(dock.isVisible, timeout=30_000)
    link.opener.open_image(image)
    qtbot.waitUntil(lambda: len(viewer.layers) > 1, timeout=30_000)
    viewer.close()
    qtbot.wait(300)
    assert len(viewer.layers) < CHANNELS


def test_a_layer_with_all_channels_is_taken_apart(link, viewer, image, mask, qtbot) -> None:
    viewer.open(image, plugin="napari")
    viewer.open(mask, plugin="napari", layer_type="labels")
    session, whole = link.session, viewer.layers[0]
    assert link.image_layers == (whole,)
    names = [f"M{i}" for i in range(CHANNELS)]
    session.image = session.image.with_channels([*names[:-1], "mine"])
    before = session.image
    link.opener.take_apart()
    link.opener.take_apart()
    qtbot.waitUntil(lambda: not link.opener.busy, timeout=30_000)
    assert whole not in viewer.layers
    assert len(viewer.layers) == CHANNELS + 1
    assert viewer.layers.selection.active is link.image_layers[0]
    assert [layer.name for layer in link.image_layers] == [*names[:-1], "mine"]
    assert sum(layer.visible for layer in link.image_layers) == 3
    assert session.image.channels == before.channels
    assert session.image.pixel_size == before.pixel_size == (0.5, 0.5)
    assert session.image.transform == before.transform  # over the mask, which stays where it is
    assert session.image.source == image
    assert link.mask_layer.name == "cells"
    np.testing.assert_array_equal(session.image.data, before.data)


def test_an_image_is_opened_beside_a_layer_with_more_axes(link, viewer, image) -> None:
    viewer.add_image(np.zeros((2, 3, 20, 20)), name="stack")
    show_image_file(link, image)  # napari fails to look at layers that have fewer axes than others
    assert link.session.image.name.startswith("field")
