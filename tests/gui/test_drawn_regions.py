from __future__ import annotations

from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from opening import show_image_file
from qtpy.QtCore import Qt

from napari_splicer.config import Component, ImageInput, Region, parse_run
from napari_splicer.export.replay import files_of
from napari_splicer.gui.drawn_regions import areas, write
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.project.provenance import Provenance
from napari_splicer.gui.reading import size_of
from napari_splicer.gui.widgets.region_list import RegionList
from napari_splicer.images.masks import MaskedImage
from napari_splicer.images.open import open_image, open_input
from napari_splicer.images.outlines import Outlines
from napari_splicer.shares import finish

if TYPE_CHECKING:
    from napari.layers import Shapes

SQUARE = np.array([(20.0, 30), (20, 90), (70, 90), (70, 30)])
TICKED = Qt.CheckState.Checked


@pytest.fixture
def viewer(tissue, tmp_path) -> ViewerModel:
    """The tissue as one layer from a file, with pixels of 0.5 µm, that lies somewhere else."""
    path = tmp_path / "field.tif"
    tifffile.imwrite(path, np.asarray(tissue.image.data), metadata={"axes": "CYX"})
    made = ViewerModel()
    link = link_for(made)
    link.session.settings = link.session.settings.with_values({"output": str(tmp_path / "run")})
    show_image_file(link, str(path))
    made.add_labels(np.asarray(tissue.cells.data), name="cells")
    for layer in made.layers:
        layer.scale, layer.translate, layer.units = (0.5, 0.5), (10, -3), "um"
    link.read_image_again()
    return made


@pytest.fixture
def rows(viewer, qtbot) -> RegionList:
    made = RegionList(link_for(viewer))
    qtbot.addWidget(made)
    return made


def texts(rows) -> list[str]:
    return [rows.list.item(row).text() for row in range(rows.list.count())]


def tick(rows, qtbot, start: str) -> None:
    row = next(i for i, words in enumerate(texts(rows)) if words.startswith(start))
    rows.list.item(row).setCheckState(TICKED)
    qtbot.waitUntil(lambda: not rows.making.asked)


def drawn(viewer, data=SQUARE, kind="polygon", **place) -> Shapes:
    return viewer.add_shapes([data], shape_type=kind, name="tumour", **place)


def on_image(layer, viewer) -> np.ndarray:
    image = link_for(viewer).image_layers[0]
    height, width = size_of(image)
    return Outlines(areas(layer, image), (height, width)).read(0, height, 0, width)


def test_shapes_become_a_mask_that_components_can_look_inside(viewer, rows, qtbot) -> None:
    link = link_for(viewer)
    drawn(viewer, scale=(0.5, 0.5), translate=(10, -3), units="um")
    assert texts(rows) == ["tumour (shapes: tick for a mask)"]
    tick(rows, qtbot, "tumour")
    assert texts(rows) == ["tumour mask"]
    assert rows.list.item(0).checkState() == TICKED
    mask = link.session.regions["tumour mask"]
    expected = np.zeros(mask.shape, bool)
    expected[20:70, 30:90] = True
    np.testing.assert_array_equal(np.asarray(mask.data) > 0, expected)
    assert link.mask_layer.name == "cells"
    assert "tumour became the mask tumour mask" in link.session.notice.text
    layer = link.region_layers["tumour mask"]
    np.testing.assert_array_equal(layer.scale, (0.5, 0.5))
    np.testing.assert_array_equal(layer.translate, (10, -3))


@pytest.mark.parametrize(
    "place",
    [
        {},
        {"units": "um"},
        {"scale": (0.25, 0.75), "translate": (11, 2), "units": "um"},
        {"scale": (0.0005, 0.0005), "translate": (0.01, -0.003), "units": "mm"},
        {"scale": (0.5, 0.5), "rotate": 30, "units": "um"},
        {"affine": np.array([(0.4, 0.1, 12), (0, 0.6, 1), (0, 0, 1)]), "units": "um"},
    ],
    ids=["pixels", "micrometres", "scaled", "millimetres", "turned", "affine"],
)
@pytest.mark.parametrize("kind", ["polygon", "rectangle", "ellipse"])
def test_what_lies_within_a_shape_lies_within_its_mask(viewer, kind, place) -> None:
    """Each pixel's centre, where the viewer shows it, is looked up in the shapes."""
    link = link_for(viewer)
    layer = drawn(viewer, SQUARE, kind, **place)
    image = link.image_layers[0]
    mask = on_image(layer, viewer)
    times = 0.001 if place.get("units") == "mm" else 1.0
    rng = np.random.default_rng(0)
    y, x = rng.integers(0, 160, (2, 400))
    inside = []
    for at in zip(y, x, strict=True):
        world = np.array(image.data_to_world([float(v) for v in at])) * times
        own = np.array(layer.world_to_data(world))
        part = (own - SQUARE.mean(0)) / (np.ptp(SQUARE, axis=0) / 2)
        distance = np.hypot(*part) if kind == "ellipse" else np.abs(part).max()
        inside.append(np.nan if abs(distance - 1) < 1e-3 else distance < 1)
    known = ~np.isnan(np.array(inside, float))
    np.testing.assert_array_equal(mask[y, x][known] > 0, np.array(inside, bool)[known])


def test_changed_shapes_are_offered_and_keep_their_name(viewer, rows, qtbot) -> None:
    link = link_for(viewer)
    layer = drawn(viewer, scale=(0.5, 0.5), translate=(10, -3), units="um")
    tick(rows, qtbot, "tumour")
    first = link.session.regions["tumour mask"]
    link.session.components = (
        Component(name="in", channels=("CD3",), region=Region(kind="inside", mask="tumour mask")),
    )
    layer.data = [SQUARE + 30]
    assert "tumour (changed: tick for a new mask)" in texts(rows)
    assert link.session.regions["tumour mask"] is first
    tick(rows, qtbot, "tumour (changed")
    assert texts(rows) == ["tumour mask"]
    second = link.session.regions["tumour mask"]
    assert np.asarray(second.data)[99, 119] == 1
    assert np.asarray(second.data)[21, 31] == 0
    assert second.source != first.source
    viewer.layers.remove(link.region_layers["tumour mask"])
    assert texts(rows) == ["tumour (shapes: tick for a mask)"]


def test_the_mask_is_a_file_that_projects_and_run_files_name(viewer, rows, qtbot) -> None:
    link = link_for(viewer)
    viewer.layers.remove(link.mask_layer)
    drawn(viewer, scale=(0.5, 0.5), translate=(10, -3), units="um")
    tick(rows, qtbot, "tumour")
    assert link.session.cells is None  # nobody has said that it is the mask of the cells
    image = link.session.image
    mask = link.session.regions["tumour mask"]
    origin = Provenance(viewer).origin(link.region_layers["tumour mask"])
    assert (origin.kind, origin.mask, origin.path) == ("file", True, mask.source)
    field = MaskedImage(open_image(image.source), regions={"tumour mask": mask})
    (item,) = files_of((field,))
    again = open_input(ImageInput.model_validate(item.model_dump()), None)
    np.testing.assert_array_equal(
        np.asarray(again.regions["tumour mask"].data), np.asarray(mask.data)
    )
    assert parse_run({"inputs": [item.model_dump(mode="json")]}).inputs == (item,)


def test_what_encloses_nothing_is_said(viewer, rows, qtbot) -> None:
    link = link_for(viewer)
    layer = viewer.add_shapes([SQUARE], shape_type="path", name="line")
    tick(rows, qtbot, "line")
    assert "enclose nothing of the image" in link.session.notice.text
    assert not link.session.regions
    layer.add([SQUARE], shape_type="polygon")
    tick(rows, qtbot, "line")
    assert "1 line left out" in link.session.notice.text
    assert list(link.session.regions) == ["line mask"]


def test_a_mask_that_comes_after_its_image_was_left_is_only_kept(viewer, rows, qtbot) -> None:
    link = link_for(viewer)
    layer = drawn(viewer, units="um")
    made = finish(write(link.drawn.begin(layer)))
    viewer.layers.remove(link.image_layers[0])
    link.use_image(None)
    assert "The image was left" in link.drawn.take(*made)
    assert not link.session.regions


def test_a_mask_of_a_slide_says_how_far_it_is_and_can_be_stopped(qtbot, tmp_path) -> None:
    viewer = ViewerModel()
    levels = [
        da.zeros((2, side, side), np.uint8, chunks=(1, 2500, 2500)) for side in (40_000, 2500)
    ]
    viewer.add_image(levels, name="slide", contrast_limits=(0, 1), multiscale=True)
    link = link_for(viewer)
    link.session.settings = link.session.settings.with_values({"output": str(tmp_path / "run")})
    drawn(viewer, SQUARE * 400)
    rows = RegionList(link)
    qtbot.addWidget(rows)
    rows.show()
    rows.list.item(0).setCheckState(TICKED)
    assert rows.said.text() == "Making a mask of tumour …"
    qtbot.waitUntil(lambda: rows.making.bar.value() > 0, timeout=30_000)
    qtbot.waitUntil(rows.making.isVisible, timeout=30_000)
    assert list((tmp_path / "run").rglob("*.zarr"))  # it is being written
    rows.making.cancel.click()
    assert not rows.making.isVisible()
    assert rows.list.isEnabled()
    assert texts(rows) == ["tumour (shapes: tick for a mask)"]
    qtbot.waitUntil(lambda: not rows.making.errand.busy, timeout=30_000)
    assert not link.session.regions
    assert not [path for path in (tmp_path / "run").rglob("*") if not path.is_dir()]
    assert not list((tmp_path / "run").rglob("*.zarr"))
