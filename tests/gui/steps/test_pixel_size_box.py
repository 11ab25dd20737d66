"""How large a pixel is, said by a person in step Image."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt

from napari_splicer.gui.layers import link_for
from napari_splicer.gui.steps.pixel_size_box import PixelSizeBox

ARRAY = np.random.default_rng(0).random((40, 60))


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def box(viewer, qtbot) -> PixelSizeBox:
    made = PixelSizeBox(link_for(viewer))
    qtbot.addWidget(made)
    return made


def say(box, qtbot, number: str) -> None:
    """Type a size, and Enter."""
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, number)
    qtbot.keyClick(box, Qt.Key.Key_Return)


def test_what_is_typed_holds_for_all_layers_of_the_image(box, viewer, qtbot) -> None:
    for name in ("DNA", "CD3"):
        viewer.add_image(ARRAY, name=name, translate=(10, 20))
    mask = viewer.add_labels((ARRAY > 0.9).astype(int), name="cells")
    shapes = viewer.add_shapes([np.array([[0, 0], [0, 9], [9, 9], [9, 0]])])
    apart = viewer.add_image(ARRAY[:7], scale=(3, 3), name="another")
    session = link_for(viewer).session
    assert box.text() == "not known"
    say(box, qtbot, "0.5")
    assert session.image.pixel_size == pytest.approx((0.5, 0.5))
    assert session.image.channels == ("DNA", "CD3")
    assert link_for(viewer).mask_layer is mask
    for layer in (*link_for(viewer).image_layers, mask, shapes):
        np.testing.assert_allclose(layer.scale, 0.5)
        assert set(map(str, layer.units)) == {"micrometer"}
    np.testing.assert_allclose(viewer.layers["CD3"].translate, (5, 10))
    np.testing.assert_allclose(apart.scale, 3)
    say(box, qtbot, "0.25")
    assert session.image.pixel_size == pytest.approx((0.25, 0.25))
    np.testing.assert_allclose(viewer.layers["CD3"].translate, (2.5, 5))


def test_a_scale_in_no_unit_is_taken_as_it_is_when_it_is_said_again(box, viewer, qtbot) -> None:
    layer = viewer.add_image(ARRAY, scale=(0.325, 0.325), name="DNA")
    say(box, qtbot, "0.325")
    assert link_for(viewer).session.image.pixel_size == pytest.approx((0.325, 0.325))
    np.testing.assert_allclose(layer.scale, 0.325)


def test_nothing_changes_by_nothing(box, viewer, qtbot) -> None:
    viewer.add_image(ARRAY, name="DNA", scale=(2, 2), units="um")
    assert box.text() == "2 µm"
    say(box, qtbot, "0")
    assert box.text() == "2 µm"
    assert link_for(viewer).session.image.pixel_size == pytest.approx((2, 2))


def test_it_can_not_be_changed_under_what_was_made_with_it(box, viewer, table) -> None:
    viewer.add_image(ARRAY, name="DNA")
    assert box.isEnabled()
    link_for(viewer).session.table = table
    assert not box.isEnabled()
    assert "was made with this size" in box.toolTip()


def test_oblong_pixels_are_told_and_left(box, viewer) -> None:
    viewer.add_image(ARRAY, name="DNA", scale=(0.5, 0.25), units="um")
    assert not box.isEnabled()
    assert "0.5 µm high and 0.25 µm wide" in box.toolTip()


def test_an_image_of_several_planes_keeps_what_the_first_axis_is(box, viewer, qtbot) -> None:
    layer = viewer.add_image(np.stack([ARRAY] * 3), metadata={"channels": ["a", "b", "c"]})
    say(box, qtbot, "0.5")
    assert link_for(viewer).session.image.pixel_size == pytest.approx((0.5, 0.5))
    assert list(map(str, layer.units)) == ["pixel", "micrometer", "micrometer"]
    np.testing.assert_allclose(layer.scale, (1, 0.5, 0.5))
