from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_splicer.errors import InvalidMask, NoCells, SizeMismatch
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage


def test_columns_and_types_of_the_table():
    cells = LabelMask.from_array(np.eye(3, dtype=np.int32)).cells()
    assert list(cells) == ["id", "y", "x", "y0", "x0", "y1", "x1", "area", "touches_border"]
    assert [str(t) for t in cells.dtypes] == ["int64"] + ["float64"] * 2 + ["int32"] * 4 + [
        "int64",
        "bool",
    ]


def test_cells_are_computed_once():
    passes = []

    def block(info=None):
        passes.append(info)
        return np.ones((4, 4), np.uint8)

    data = da.map_blocks(block, chunks=((4,), (4, 4)), dtype=np.uint8, meta=np.zeros((0, 0), "u1"))
    mask = LabelMask.from_array(data)
    assert mask.cells() is mask.cells()
    assert len(passes) == 2


def test_an_empty_mask_says_what_to_do():
    with pytest.raises(NoCells, match=r"nuclei holds no cells.*grid"):
        LabelMask.from_array(np.zeros((5, 6), int), name="nuclei").cells()


def test_a_mask_of_yes_and_no_is_a_region_not_cells():
    mask = LabelMask.from_array(np.eye(5) > 0, name="tumour")
    assert mask.read(0, 2, 0, 2).tolist() == [[True, False], [False, True]]
    with pytest.raises(NoCells, match=r"tumour tells only yes and no.*as a region"):
        mask.cells()


def test_whole_numbers_stored_as_floats_are_ids():
    mask = LabelMask.from_array(np.array([[0.0, 70000.0], [70000.0, 2.0]], np.float32))
    assert mask.read(0, 2, 0, 2).dtype == np.int64
    assert mask.cells()["id"].tolist() == [2, 70000]


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf])
def test_values_that_are_no_whole_numbers_are_refused_when_read(value):
    mask = LabelMask.from_array(np.array([[1.0, value]]), name="prob")
    with pytest.raises(InvalidMask, match=r"prob cannot be a mask.*not whole numbers"):
        mask.read(0, 1, 0, 1)
    with pytest.raises(InvalidMask, match="not whole numbers"):
        mask.cells()


def test_ids_of_64_bits_are_kept_to_the_last_one():
    first = 2**53 + 1  # which no float64 is
    pixels = np.array([[0, first], [first + 1, 2**63 - 1]], np.uint64)
    mask = LabelMask.from_array(pixels)
    assert mask.read(0, 2, 0, 2).dtype == np.int64
    assert mask.read(0, 2, 0, 2).tolist() == pixels.tolist()
    assert mask.cells()["id"].tolist() == [first, first + 1, 2**63 - 1]
    with pytest.raises(InvalidMask, match="from 2⁶³"):
        LabelMask.from_array(pixels + np.uint64(1)).cells()


@pytest.mark.parametrize("dtype", [np.int16, np.float64])
def test_negative_ids_are_refused(dtype):
    with pytest.raises(InvalidMask, match="negative"):
        LabelMask.from_array(np.array([[1, -1]], dtype)).cells()


def test_an_image_is_no_mask():
    with pytest.raises(InvalidMask, match=r"slide cannot be a mask: it has 5 channels"):
        LabelMask.from_array(np.zeros((5, 8, 9)), name="slide")
    with pytest.raises(InvalidMask, match="3 channels"):
        LabelMask.from_array(np.zeros((8, 9, 3), np.uint8))


def test_reading_a_box_keeps_inside():
    mask = LabelMask.from_array(np.arange(20).reshape(1, 4, 5), name="m")
    np.testing.assert_array_equal(mask.read(1, 3, 2, 4), [[7, 8], [12, 13]])
    with pytest.raises(IndexError, match="outside m"):
        mask.read(0, 5, 0, 1)


def test_levels_are_kept():
    labels = np.arange(64).reshape(8, 8)
    mask = LabelMask.from_array([labels, labels[::2, ::2]])
    assert [level.shape for level in mask.levels] == [(8, 8), (4, 4)]


@pytest.mark.parametrize(
    ("shape", "words"),
    [((3, 30), "last axis of the image seems to hold its channels, 20"),
     ((20, 30), "one of the two seems to lie on its side"),
     ((20, 20), "same field of view")],
)  # fmt: skip
def test_axes_that_were_taken_for_others_are_told(shape, words):
    image = MultiplexImage.from_array(np.zeros((3, 30, 20), np.uint8), name="i", axes="CYX")
    with pytest.raises(SizeMismatch, match=words):
        MaskedImage(image, LabelMask.from_array(np.ones(shape, np.uint8), name="m"))


def test_masks_of_another_size_are_refused_with_both_shapes():
    image = MultiplexImage.from_array(np.zeros((2, 1000, 2000), np.uint8), name="slide")
    cells = LabelMask.from_array(np.zeros((1000, 1999), int), name="cells")
    expected = r"slide has 1,000 × 2,000 pixels.*mask cells has 1,000 × 1,999 pixels"
    with pytest.raises(SizeMismatch, match=expected):
        MaskedImage(image, cells)
    with pytest.raises(SizeMismatch, match="region cells"):
        MaskedImage(image, None, {"tumour": cells})


def test_a_field_has_its_images_name():
    image = MultiplexImage.from_array(np.zeros((2, 4, 5)), name="roi 7")
    field = MaskedImage(image, LabelMask.from_array(np.ones((4, 5), int)))
    assert field.name == "roi 7"
    assert field.regions == {}
