"""Stacks and masks with several planes: one is analysed, painted and pointed at."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from mouse import click, hover
from napari.components import ViewerModel

from napari_splicer.gui.layers import link_for
from napari_splicer.gui.painting import GROUPS, SELECTED
from napari_splicer.gui.pointing import CELL

PLANE = 2
VOLUME = {"scale": (3.0, 0.5, 0.5), "translate": (6.0, 10.0, 20.0)}


@pytest.fixture(params=["in memory", "lazy"])
def volume(request, tissue) -> ViewerModel:
    """A stack and a mask in every plane; each plane has other cells of the same numbers."""
    made = ViewerModel()
    labels = np.asarray(tissue.cells.data)
    planes = np.stack([np.roll(labels, 20 * turn, axis=1) for turn in range(4)])
    planes[PLANE] = labels
    made.add_image(np.random.default_rng(0).random(planes.shape), name="stack", **VOLUME)
    made.add_labels(
        da.from_array(planes, chunks=(1, 64, 64)) if request.param == "lazy" else planes,
        name="cells",
        **VOLUME,
    )
    made.dims.set_current_step(0, PLANE)
    return made


def test_of_a_mask_with_planes_only_the_analysed_one_is_painted_and_pointed_at(
    volume, tissue, table, qtbot
) -> None:
    link = link_for(volume)
    session, mask = link.session, volume.layers["cells"]
    np.testing.assert_array_equal(np.asarray(session.cells.data), np.asarray(tissue.cells.data))
    cells = tissue.cells.cells().iloc[:6]
    table.obs["instance_id"] = cells["id"].to_numpy()
    table.obs["y"], table.obs["x"] = cells["y"].to_numpy(), cells["x"].to_numpy()
    session.table = table
    session.select(session.ids()[:2])
    qtbot.waitUntil(lambda: link.own_layer(SELECTED) is not None)
    groups = link.own_layer(GROUPS)
    painted = np.argwhere(np.asarray(groups.data))
    assert groups.data.shape == (1, *tissue.cells.shape)
    np.testing.assert_array_equal(
        np.asarray(groups.data[0]) > 0, np.isin(np.asarray(tissue.cells.data), session.ids())
    )
    expected = mask.data_to_world((PLANE, *painted[0][1:]))
    np.testing.assert_allclose(groups.data_to_world(painted[0]), expected)
    cell = int(session.ids()[0])
    place = np.argwhere(np.asarray(mask.data[PLANE]) == cell)[0]
    hover(volume, mask.data_to_world((PLANE, *place)))
    assert session.hovered == cell
    outline = link.own_layer(CELL)
    np.testing.assert_allclose(
        outline.data_to_world(np.argwhere(outline.data)[0]), mask.data_to_world((PLANE, *place))
    )
    for plane in (0, 1, 3):
        there = np.argwhere(np.asarray(mask.data[plane]) == cell)[0]
        hover(volume, mask.data_to_world((plane, *there)))
        assert session.hovered is None
        click(volume, mask.data_to_world((plane, *there)))
        assert session.picked is None
    volume.dims.set_current_step(0, 0)
    session.cell_requested.emit(cell)
    assert volume.dims.current_step[0] == PLANE
    mask.translate = (9.0, 10.0, 20.0)  # what is painted moves with it
    np.testing.assert_allclose(
        link.own_layer(GROUPS).data_to_world(painted[0]), np.add(expected, (3, 0, 0))
    )


@pytest.mark.parametrize("volume", ["in memory"], indirect=True)  # a lazy one can't be painted on
def test_a_mask_with_planes_stays_in_its_plane_until_the_image_is_chosen_again(volume) -> None:
    link = link_for(volume)
    layer = volume.layers["cells"]
    volume.dims.set_current_step(0, 0)
    layer.paint((0, 5, 5), 9)
    np.testing.assert_array_equal(np.asarray(link.session.cells.data), layer.data[PLANE])
    link.use_image(link.images()[0])
    np.testing.assert_array_equal(np.asarray(link.session.cells.data), layer.data[0])
    assert link.ground.plane == (0,)
    volume.dims.set_current_step(0, 3)
    volume.layers["stack"].scale = (3.0, 1.0, 0.5)  # as its place is read, so is its plane
    np.testing.assert_array_equal(
        np.asarray(link.session.image.data[0]), volume.layers["stack"].data[3]
    )
    np.testing.assert_array_equal(np.asarray(link.session.cells.data), layer.data[3])
