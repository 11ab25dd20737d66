from __future__ import annotations

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.layers._source import Source

from napari_splicer.gui.display import image_layers
from napari_splicer.gui.guessing import fitting_mask
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.pixel_size import set_pixel_size
from napari_splicer.gui.reading import (
    OWN,
    image_choices,
    image_name,
    mask_choices,
    read_image,
    read_mask,
)
from napari_splicer.gui.transforms import pixel_size_of, transform_of
from napari_splicer.images.grid import Grid
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.pyramid import image_at, level_grid

STEP = (0, 0, 0)


def plane(value: int = 1, shape=(12, 16)) -> np.ndarray:
    return np.full(shape, value, np.uint16)


def test_single_image_layers_of_one_shape_make_one_image() -> None:
    layers = [Image(plane(i), name=name) for i, name in enumerate(["CD3", "CD20", "DNA"])]
    layers.append(Image(plane(shape=(9, 9)), name="thumbnail"))
    first, other = image_choices(layers)
    assert (first.title, first.channels, first.shape) == ("3 layers, 12 × 16", 3, (12, 16))
    assert other.title == "thumbnail"
    image = read_image(first, STEP)
    assert image.channels == ("CD3", "CD20", "DNA")
    assert image.read(0, 1, 0, 1).ravel().tolist() == [0, 1, 2]


def test_layers_of_several_images_are_kept_apart_and_also_offered_together() -> None:
    def of(image: str, *names: str) -> list[Image]:
        return [Image(plane(), name=name, metadata={OWN: {"image": image}}) for name in names]

    first, second, both = image_choices([*of("stain 1", "a", "b", "c"), *of("stain 2", "d", "e")])
    assert [c.title for c in (first, second)] == [
        "stain 1 · 3 layers, 12 × 16",
        "stain 2 · 2 layers, 12 × 16",
    ]
    assert read_image(both, STEP).channels == ("a", "b", "c", "d", "e")
    alike = image_choices([*of("left", "a", "b"), *of("right", "a [1]", "b [1]")])
    assert [read_image(choice, STEP).channels for choice in alike] == [("a", "b")] * 2


def test_layers_at_different_places_are_different_images() -> None:
    layers = [Image(plane(), scale=(1, 1)), Image(plane(), scale=(2, 2))]
    assert len(image_choices(layers)) == 2


def test_a_layer_with_a_channel_axis_is_an_image() -> None:
    names = ["a", "b", "c", "d"]
    layer = Image(np.zeros((4, 12, 16), np.uint8), name="field", metadata={"channel_names": names})
    (choice,) = image_choices([layer])
    image = read_image(choice, STEP)
    assert image.name == "field"
    assert image.channels == tuple(names)


def test_without_names_channels_are_numbered_and_that_is_said() -> None:
    (choice,) = image_choices([Image(np.zeros((2, 12, 16), np.uint8))])
    image = read_image(choice, STEP)
    assert image.channels == ("Channel 1", "Channel 2")
    assert any("missing" in remark for remark in image.remarks)


def test_rgb_is_three_channels_and_that_is_said() -> None:
    (choice,) = image_choices([Image(np.zeros((12, 16, 3), np.uint8), rgb=True, name="HE")])
    image = read_image(choice, STEP)
    assert image.is_rgb
    assert image.shape == choice.shape == (12, 16)
    assert any("RGB" in remark for remark in image.remarks)


def test_of_z_planes_the_one_on_screen_is_taken_and_that_is_said() -> None:
    stacks = [np.stack([plane(10 * i + z) for z in range(3)]) for i in range(2)]
    layers = [Image(stack, name=f"c{i}") for i, stack in enumerate(stacks)]
    (choice,) = image_choices(layers)
    image = read_image(choice, (2, 0, 0))
    assert image.read(0, 1, 0, 1).ravel().tolist() == [2, 12]
    assert any("when the image was chosen (axis 1: " in remark for remark in image.remarks)


def test_axis_labels_decide() -> None:
    data = np.zeros((5, 12, 16), np.uint8)
    (stack,) = image_choices([Image(data, axis_labels=("z", "y", "x"))])
    assert stack.channels == 1
    pair = [Image(data, axis_labels=("c", "y", "x")) for _ in range(2)]
    assert [choice.channels for choice in image_choices(pair)] == [5, 5]


@pytest.mark.parametrize("wrap", [lambda a: a, da.from_array, zarr.array])
def test_numpy_dask_and_zarr_give_the_same(wrap) -> None:
    pixels = np.random.default_rng(0).integers(0, 99, (2, 12, 16), dtype=np.uint16)
    (choice,) = image_choices([Image(wrap(pixels), multiscale=False)])
    np.testing.assert_array_equal(read_image(choice, STEP).read(2, 5, 3, 9), pixels[:, 2:5, 3:9])


def test_pyramids_keep_their_levels() -> None:
    levels = [np.zeros((2, 64, 64), np.uint8), np.zeros((2, 32, 32), np.uint8)]
    (choice,) = image_choices([Image(levels, multiscale=True)])
    assert [level.shape for level in read_image(choice, STEP).levels] == [(2, 64, 64), (2, 32, 32)]
    mask = Labels([level[0].astype(int) for level in levels], multiscale=True)
    assert [level.shape for level in read_mask(mask, STEP).levels] == [(64, 64), (32, 32)]


def pyramid() -> list[np.ndarray]:
    """Levels that have nothing in common but their sizes."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 99, (2, side, side), np.uint16) for side in (64, 32, 16)]


@pytest.mark.parametrize("stacked", [True, False])
def test_levels_of_layers_can_be_read_one_by_one(stacked: bool) -> None:
    levels, place = pyramid(), {"scale": (0.25, 0.25), "units": ("um", "um"), "multiscale": True}
    if stacked:
        layers = [Image(levels, multiscale=True)]
    else:
        layers = [Image([x[i] for x in levels], name=f"c{i}", **place) for i in range(2)]
    (choice,) = image_choices(layers)
    image = read_image(choice, STEP)
    assert [level_grid(image, i).coarser for i in range(3)] == [1, 2, 4]
    for number, pixels in enumerate(levels):
        shown = image_at(image, number)
        assert shown.pixel_size == (None if stacked else (0.25 * 2**number,) * 2)
        np.testing.assert_array_equal(shown.read(2, 9, 3, 12), pixels[:, 2:9, 3:12])


def test_where_levels_lie_is_not_lost_on_the_way_through_napari() -> None:
    grids = (Grid(), Grid((2.0, 2.0)), Grid((4.0, 4.0)))
    image = replace(MultiplexImage.from_array(pyramid(), name="slide", axes="CYX"), grids=grids)
    layers = [Image(data, **settings) for data, settings, _ in image_layers(image)]
    (choice,) = image_choices(layers)
    assert read_image(choice, STEP).grids == grids


def test_the_whole_transform_is_kept() -> None:
    affine = np.array([[1.0, 0.1, 5.0], [0.0, 1.0, 6.0], [0.0, 0.0, 1.0]])
    layer = Image(
        plane(), scale=(0.5, 0.25), translate=(3, 4), rotate=30, affine=affine, units=("um", "um")
    )
    transform = transform_of(layer)
    assert transform.scale == (0.5, 0.25)
    assert transform.translate == (3.0, 4.0)
    assert transform.units == ("micrometer", "micrometer")
    np.testing.assert_allclose(transform.rotate, layer.rotate)
    np.testing.assert_allclose(transform.affine, affine)


@pytest.mark.parametrize(
    ("units", "scale", "expected"),
    [
        (("um", "um"), (0.5, 0.25), (0.5, 0.25)),
        (("nm", "nm"), (500, 500), (0.5, 0.5)),
        (("pixel", "pixel"), (0.5, 0.5), None),
    ],
)
def test_pixel_size_is_read_from_units_and_never_guessed(units, scale, expected) -> None:
    assert pixel_size_of(Image(plane(), scale=scale, units=units)) == expected


def test_a_scale_in_no_unit_is_no_pixel_size_and_how_to_give_one_is_said() -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(plane(), scale=(0.325, 0.325), name="DNA")
    image = read_image(image_choices(viewer.layers)[0], ())
    assert image.pixel_size is None
    assert "scale is 0.325, in no unit of length" in image.remarks[-1]
    set_pixel_size(link_for(viewer), 0.325)  # as is said
    image = read_image(image_choices([layer])[0], ())
    assert image.pixel_size == pytest.approx((0.325, 0.325))
    assert not [remark for remark in image.remarks if "unit" in remark]


def test_the_mask_of_the_image_size_is_preferred_and_of_those_the_cells() -> None:
    small = Labels(np.zeros((5, 5), int), name="cells elsewhere")
    tumour = Labels(np.zeros((12, 16), int), name="tumour")
    cells = Labels(np.zeros((12, 16), int), name="Cells")
    masks = mask_choices([small, tumour, cells, Image(plane())])
    assert fitting_mask(masks, (12, 16)) is cells
    assert fitting_mask((small, tumour), (12, 16)) is tumour
    assert fitting_mask((small,), (12, 16)) is None
    own = Labels(np.zeros((12, 16), int), name="liver_mask")
    assert fitting_mask((cells, tumour, own), (12, 16), "Liver") is own
    assert fitting_mask((cells, tumour, own), (12, 16), "Liver.ome") is own  # as of before


def test_own_layers_are_never_inputs() -> None:
    own = Labels(np.zeros((12, 16), int), metadata={OWN: {"role": "groups"}})
    assert mask_choices([own]) == ()
    assert image_choices([own]) == ()


@pytest.mark.parametrize(
    ("file", "layer", "name"),
    [
        ("a/field.ome.tif", "field.ome", "field"),
        ("a/field.ome.tif", "field.ome [2]", "field [2]"),
        ("a/field.ome.zarr", "field.ome", "field"),
        ("a/ROI 1.v2.tif", "ROI 1.v2", "ROI 1.v2"),
        ("a/field.ome.tif", "liver", "liver"),  # by a person
        (None, "field.ome", "field.ome"),
    ],
)
def test_an_image_is_called_as_its_file(file, layer, name) -> None:
    made = Image(plane(), name=layer)
    made._source = Source(path=file)
    assert image_name(made) == name
    made.metadata[OWN] = {"image": "told"}
    assert image_name(made) == "told"
