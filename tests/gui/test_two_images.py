from __future__ import annotations

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_splicer.gui.layers import link_for
from napari_splicer.gui.painting import GROUPS
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.reading import OWN
from napari_splicer.samples import synthetic_tissue


@pytest.fixture
def two_fields(tmp_path):
    """A viewer with two image files of one size, each with its mask opened after it."""
    viewer = ViewerModel()
    link = link_for(viewer)
    for seed, name in enumerate(("left", "right")):
        field = synthetic_tissue(size=160, seed=seed).field
        tifffile.imwrite(
            tmp_path / f"{name}.ome.tif",
            np.asarray(field.image.data),
            ome=True,
            metadata={"axes": "CYX", "Channel": {"Name": list(field.image.channels)}},
        )
        tifffile.imwrite(tmp_path / f"{name}_mask.tif", np.asarray(field.cells.data))
        link.open_image(str(tmp_path / f"{name}.ome.tif"))
        assert link.session.image.name == name
        assert link.session.cells is None
        link.open_mask(str(tmp_path / f"{name}_mask.tif"))
    return viewer


def choice(link, name: str):
    return next(c for c in link.images() if c.title.startswith(name))


def test_an_opened_image_is_chosen_and_takes_no_mask_of_another(two_fields) -> None:
    link = link_for(two_fields)
    assert link.session.image.name == "right"
    assert link.session.cells.name == "right_mask"
    assert [c.channels for c in link.images()] == [12, 12]
    assert link.session.image.channels == synthetic_tissue(size=160).field.image.channels
    visible = {layer.metadata[OWN]["image"] for layer in link.layers if layer.visible}
    assert visible == {"right"}


def test_opening_and_turning_to_an_image_touches_no_more_layers_than_it_must(two_fields) -> None:
    link = link_for(two_fields)
    changed, told = [], []
    link.changed.connect(lambda: told.append(link.image_layers))
    for layer in link.layers:
        layer.events.visible.connect(changed.append)
    link.show_image(choice(link, "right"))
    assert not changed
    link.show_image(choice(link, "left"))
    assert len(changed) == 2 * 3
    told.clear()
    link.open_image(choice(link, "left").layers[0].metadata[OWN]["path"])
    assert len(told) <= 3


def test_an_image_comes_back_with_its_mask_and_its_results(two_fields, table, qtbot) -> None:
    link = link_for(two_fields)
    session = link.session
    session.made_from = {"embed": session.snapshot().inputs()}
    table.obs["instance_id"] = session.cells.cells()["id"].iloc[:6].to_numpy()
    session.table = table
    made = session.cells
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is not None)
    link.show_image(choice(link, "left"))
    assert session.cells.name == "left_mask"
    assert session.table is None
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is None)
    link.show_image(choice(link, "right"))
    assert session.cells is made
    assert session.table is table
    assert session.clustering == "first"
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is not None)
    visible = {layer.metadata[OWN].get("image") for layer in link.layers if layer.visible}
    assert visible == {"right", None}


def test_a_table_that_arrives_late_waits_for_its_image(two_fields, table, qtbot) -> None:
    link = link_for(two_fields)
    session = link.session
    run = session.snapshot().inputs()
    link.show_image(choice(link, "left"))
    session.made_from = {"embed": run}
    session.table = table
    qtbot.wait(100)
    assert link.own_layer(GROUPS) is None
    assert "another image" in resolve(session.snapshot()).steps["export"].why
    link.show_image(choice(link, "right"))
    assert session.table is table
    assert session.cells is run.cells
    assert link.session.image.name == "right"


def test_a_mask_that_is_removed_and_opened_again_has_its_results(two_fields, table, qtbot) -> None:
    link = link_for(two_fields)
    session = link.session
    session.made_from = {"embed": session.snapshot().inputs()}
    table.obs["instance_id"] = session.cells.cells()["id"].iloc[:6].to_numpy()
    session.table = table
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is not None)
    path = link.mask_layer.metadata[OWN]["path"]
    two_fields.layers.remove(link.mask_layer)
    assert not session.table_fits
    link.open_mask(path)
    assert session.table_fits
    assert resolve(session.snapshot()).steps["cluster"].status == "done"
    link.mask_layer.visible = True
    link.mask_layer.paint((80, 80), 9_999)
    assert not session.table_fits
    link.mask_layer.undo()
    assert session.table_fits
    two_fields.layers.remove(link.mask_layer)
    pixels = tifffile.imread(path)
    pixels[:20] = 0
    tifffile.imwrite(path, pixels)
    link.open_mask(path)
    assert not session.table_fits
