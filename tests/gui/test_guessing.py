"""Which image and mask are chosen as layers come, go and move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers._source import layer_source
from opening import show_image_file

from napari_splicer.config import Component
from napari_splicer.gui.layers import ViewerLink, link_for
from napari_splicer.gui.painting import GROUPS
from napari_splicer.gui.pointing import CELL

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("CD3", "CD8", "PanCK")


@pytest.fixture
def viewer(qtbot) -> ViewerModel:
    made = ViewerModel()
    for name in NAMES:
        made.add_image(np.ones((40, 40)), name=name)
    made.add_labels(np.repeat(np.arange(4), 400).reshape(40, 40), name="cells")
    return made


def test_an_image_goes_on_without_a_channel_that_is_removed(viewer: ViewerModel) -> None:
    session = link_for(viewer).session
    viewer.add_image(np.ones((2, 60, 60)), channel_axis=0, name=["a", "b"])
    viewer.layers.remove("CD8")
    assert session.image.channels == ("CD3", "PanCK")
    assert session.cells is not None
    assert session.notice.text.startswith("The channel CD8 was removed")


def test_a_file_is_opened_once_however_many_channels_come_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot
) -> None:
    opened = []
    begin = tifffile.TiffFile.__init__

    def counted(self: tifffile.TiffFile, file: object, *others: object, **options: object) -> None:
        opened.append(file)
        begin(self, file, *others, **options)

    def write(size: float) -> np.ndarray:
        pixels = np.zeros((12, 40, 40), np.uint16)
        about = {"axes": "CYX", "PhysicalSizeX": size, "PhysicalSizeY": size}
        tifffile.imwrite(tmp_path / "many.ome.tif", pixels, metadata=about)
        return pixels

    def add(pixels: np.ndarray) -> None:
        with layer_source(path=str(tmp_path / "many.ome.tif")):
            viewer.add_image(pixels, channel_axis=0, name=[f"c{i}" for i in range(len(pixels))])

    viewer = ViewerModel()
    session = link_for(viewer).session
    pixels = write(0.5)
    monkeypatch.setattr(tifffile.TiffFile, "__init__", counted)
    add(pixels)
    assert len(session.image.channels) == 12
    assert session.image.pixel_size == (0.5, 0.5)
    assert len(opened) == 1
    viewer.layers.clear()
    add(write(0.25))  # written anew meanwhile
    assert session.image.pixel_size == (0.25, 0.25)


def test_another_image_that_takes_the_place_is_said(viewer: ViewerModel) -> None:
    viewer.add_image(np.ones((60, 60)), name="other")
    link = link_for(viewer)
    link.use_image(next(choice for choice in link.images() if choice.title == "other"))
    viewer.layers.remove("other")
    assert link.session.image.channels == NAMES
    assert "another one of this window" in link.session.notice.text


def test_an_image_opened_after_all_layers_are_gone_gets_all_its_channels(
    viewer: ViewerModel, table, qtbot
) -> None:
    """What was made of the image before it is none of its business."""
    link = link_for(viewer)
    session = link.session
    session.components = tuple(Component(name=name, channels=(name,)) for name in NAMES)
    session.made_from = {"train": session.snapshot().inputs(), "embed": session.snapshot().inputs()}
    session.table = table
    viewer.layers.clear()
    assert session.image is None
    for name in ("DNA", *NAMES):
        viewer.add_image(np.ones((40, 40)), name=name)
    assert session.image.channels == ("DNA", *NAMES)
    assert link.image_layers in [choice.layers for choice in link.images()]


def test_an_image_that_something_is_made_of_stays_as_it_is(viewer: ViewerModel) -> None:
    session = link_for(viewer).session
    session.components = (Component(name="all", channels=NAMES),)
    viewer.add_image(np.ones((40, 40)), name="DNA")
    assert session.image.channels == NAMES


def test_names_that_a_person_gave_stay_once_a_table_is_made(viewer: ViewerModel) -> None:
    link = link_for(viewer)
    session = link.session
    session.made_from = {"embed": session.snapshot()}
    names = [f"marker {i}" for i in range(len(session.image.channels))]
    session.image = session.image.with_channels(names)
    viewer.add_image(np.asarray(link.image_layers[0].data), name="one more")
    assert list(session.image.channels) == names


def test_nothing_is_said_of_an_image_that_is_gone(viewer: ViewerModel) -> None:
    session = link_for(viewer).session
    viewer.layers.remove("CD8")
    viewer.layers.remove("PanCK")
    assert session.notice.text.endswith("so the image has 1 channel now.")
    viewer.layers.clear()
    assert session.notice is None


def test_an_image_that_lost_a_channel_can_be_opened_again(tmp_path, qtbot) -> None:
    path = tmp_path / "field.ome.tif"
    pixels = np.ones((3, 40, 40), np.uint16)
    tifffile.imwrite(path, pixels, ome=True, metadata={"axes": "CYX", "Channel": {"Name": NAMES}})
    viewer = ViewerModel()
    link = link_for(viewer)
    show_image_file(link, str(path))
    viewer.layers.remove("CD8")
    show_image_file(link, str(path))
    assert link.session.image.channels == NAMES
    assert len(link.image_layers) == 3
    assert [(c.title.split(" · ")[0], c.channels) for c in link.images()] == [
        ("field (2)", 3),
        ("field", 2),
    ]


def test_a_stack_with_a_mask_in_every_plane_is_no_image_with_channels(qtbot) -> None:
    viewer = ViewerModel()
    viewer.add_image(np.ones((8, 40, 40)), name="stack")
    viewer.add_labels(np.ones((8, 40, 40), int), name="cells")
    image = link_for(viewer).session.image
    assert image.channels == ("stack",)
    assert any("Only one plane is analysed" in remark for remark in image.remarks)


def test_channels_that_are_the_last_axis_are_said_to_be(qtbot) -> None:
    viewer = ViewerModel()
    viewer.add_image(np.ones((200, 240, 5)), name="stack")
    remarks = link_for(viewer).session.image.remarks
    assert any("200 channels of 240 × 5 pixels" in remark for remark in remarks)


def moved(link: ViewerLink) -> None:
    for layer in [*link.image_layers, link.mask_layer]:
        layer.scale, layer.units = (0.5, 0.5), ("um", "um")


def test_a_pixel_size_given_in_the_viewer_is_taken_while_nothing_is_made(
    viewer: ViewerModel,
) -> None:
    link = link_for(viewer)
    session = link.session
    session.image = session.image.with_channels(["a", "b", "c"])
    moved(link)
    assert session.image.pixel_size == (0.5, 0.5)
    assert session.image.channels == ("a", "b", "c")


def test_what_is_drawn_over_the_cells_moves_with_them(viewer: ViewerModel, table, qtbot) -> None:
    link = link_for(viewer)
    table.obs["instance_id"] = [1, 2, 3, 4, 5, 6]
    link.session.table = table
    qtbot.waitUntil(lambda: link.own_layer(GROUPS) is not None)
    image = link.session.image
    link.session.picked = 2
    moved(link)
    assert tuple(link.own_layer(GROUPS).scale) == (0.5, 0.5)
    assert link.own_layer(CELL) is None
    link.session.picked = 3
    assert tuple(link.own_layer(CELL).scale) == (0.5, 0.5)
    assert link.session.image is image  # what the table was made from
