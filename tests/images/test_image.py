from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from napari_splicer.errors import (
    InvalidPanel,
    InvalidSettings,
    MissingChannels,
    SizeMismatch,
    UnsupportedImage,
)
from napari_splicer.images.checks import unique_names
from napari_splicer.images.image import Affine2D, MultiplexImage
from napari_splicer.images.stacking import stack_channels

PIXELS = np.arange(3 * 40 * 50, dtype=np.uint16).reshape(3, 40, 50)


class Recording:
    """An array that remembers which slices were asked of it."""

    def __init__(self, array, chunks=None):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.asked = []
        if chunks:
            self.chunks = chunks

    def __getitem__(self, key):
        self.asked.append(key)
        return self.array[key]


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
def test_reads_the_same_box_of_any_kind_of_array(kind):
    data = {
        "numpy": lambda: PIXELS,
        "dask": lambda: da.from_array(PIXELS, chunks=(2, 16, 16)),
        "zarr": lambda: zarr.array(PIXELS, chunks=(1, 32, 32)),
    }[kind]()
    image = MultiplexImage.from_array(data, ["a", "b", "c"])
    assert image.shape == (40, 50)
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image.read(3, 20, 10, 50), PIXELS[:, 3:20, 10:50])
    np.testing.assert_array_equal(
        image.read(3, 20, 10, 50, ["c", "a"]), PIXELS[[2, 0], 3:20, 10:50]
    )


def test_nothing_is_read_before_it_is_asked_for():
    array = Recording(np.zeros((4, 6000, 6000), np.uint8))
    image = MultiplexImage.from_array(array, list("abcd"))
    assert array.asked == []
    image.read(0, 10, 0, 10, ["c"])
    assert array.asked == [(slice(2, 3), slice(0, 10), slice(0, 10))]


def test_what_is_read_can_be_changed_without_changing_the_source():
    pixels = PIXELS.copy()
    image = MultiplexImage.from_array(pixels)
    box = image.read(0, 5, 0, 5)
    box[:] = 0
    assert box.flags.c_contiguous
    np.testing.assert_array_equal(pixels, PIXELS)


def test_only_chunks_that_a_box_touches_are_computed():
    seen = []

    def record(block, block_info=None):
        if block_info:
            seen.append(block_info[0]["chunk-location"])
        return block

    pixels = da.zeros((3, 40, 50), chunks=(1, 10, 10)).map_blocks(record, dtype=float)
    MultiplexImage.from_array(pixels, list("abc")).read(5, 15, 0, 10, ["b"])
    assert sorted(seen) == [(1, 0, 0), (1, 1, 0)]


@pytest.mark.parametrize("axes", ["CYX", "TCZYX", "CZYX", "YX", "YXC", "XY"])
def test_planes_are_read_from_any_order_of_axes(axes):
    shape = {"T": 1, "C": 3, "Z": 1, "Y": 20, "X": 30}
    data = np.random.default_rng(0).integers(0, 99, [shape[axis] for axis in axes])
    image = MultiplexImage.from_array(zarr.array(data.astype(np.uint16)), axes=axes)
    expected = image.data.compute()
    np.testing.assert_array_equal(image.read(2, 9, 3, 30), expected[:, 2:9, 3:30])
    out = np.zeros((1, 7, 27), np.float32)
    last = image.channels[-1]
    assert image.read(2, 9, 3, 30, [last], out=out) is out
    np.testing.assert_array_equal(out[0], expected[-1, 2:9, 3:30])
    kept = image.select(image.channels[::-1])
    np.testing.assert_array_equal(kept.read(2, 9, 3, 30), expected[::-1, 2:9, 3:30])


def test_a_box_outside_the_image_is_refused():
    image = MultiplexImage.from_array(PIXELS)
    for box in [(-1, 5, 0, 5), (0, 41, 0, 5), (5, 4, 0, 5), (0, 5, 0, 51)]:
        with pytest.raises(IndexError, match="outside"):
            image.read(*box)


def test_foreign_byte_order_becomes_native():
    image = MultiplexImage.from_array(PIXELS.astype(">u2"))
    assert image.read(0, 40, 0, 50).dtype.isnative
    np.testing.assert_array_equal(image.read(0, 40, 0, 50), PIXELS)


def test_bool_images_become_numbers():
    image = MultiplexImage.from_array(PIXELS > 100)
    assert image.read(0, 1, 0, 2).dtype == np.uint8


@pytest.mark.parametrize("dtype", [complex, "U3"])
def test_pixels_that_are_no_intensities_are_refused(dtype):
    with pytest.raises(UnsupportedImage, match="intensities"):
        MultiplexImage.from_array(np.zeros((2, 5, 5), dtype))


def test_something_that_is_no_array_is_refused():
    with pytest.raises(UnsupportedImage, match="no image: int"):
        MultiplexImage.from_array(3)


def test_xarray_is_unwrapped():
    xarray = pytest.importorskip("xarray")
    image = MultiplexImage.from_array(xarray.DataArray(PIXELS, dims=("c", "y", "x")))
    assert isinstance(image.data, da.Array)
    np.testing.assert_array_equal(image.read(0, 40, 0, 50), PIXELS)


def test_levels_are_sorted_finest_first():
    image = MultiplexImage.from_array([PIXELS[:, ::2, ::2], PIXELS])
    assert [level.shape for level in image.levels] == [(3, 40, 50), (3, 20, 25)]
    assert image.data is image.levels[0]


def test_missing_and_doubled_names_are_told():
    image = MultiplexImage.from_array(PIXELS, ["CD3", None, "CD3"])
    assert image.channels == ("CD3", "Channel 2", "CD3 (2)")
    assert any("missing for no. 2" in remark for remark in image.remarks)
    assert any("more than once (CD3)" in remark for remark in image.remarks)


def test_wrong_number_of_names_names_both_counts():
    with pytest.raises(InvalidPanel, match=r"2 channel names, but roi has 3 channels"):
        MultiplexImage.from_array(PIXELS, ["a", "b"], name="roi")


@given(
    st.lists(st.one_of(st.none(), st.sampled_from(["a", "a (2)", "a (3)", "", " b "])), max_size=9)
)
def test_names_are_always_unique_and_unique_names_are_kept(names):
    unique, remarks = unique_names(names)
    assert len(set(unique)) == len(names)
    assert all(unique)
    for name, given_name in zip(unique, names, strict=True):
        if given_name and names.count(given_name) == 1:
            assert name == given_name.strip()
    assert bool(remarks) == (list(unique) != [(name or "").strip() for name in names])


def test_rename_keeps_pixels_and_forgets_remarks_on_old_names():
    image = MultiplexImage.from_array(PIXELS, pixel_size=0.5)
    renamed = image.with_channels(["x", "y", "z"])
    assert renamed.levels is image.levels
    assert renamed.channels == ("x", "y", "z")
    assert image.remarks
    assert renamed.remarks == ()


def test_select_keeps_the_order_asked_for():
    image = MultiplexImage.from_array([PIXELS, PIXELS[:, ::2, ::2]], list("abc")).select(["c", "a"])
    assert image.channels == ("c", "a")
    np.testing.assert_array_equal(image.read(0, 40, 0, 50), PIXELS[[2, 0]])
    assert image.levels[1].shape == (2, 20, 25)
    with pytest.raises(MissingChannels, match=r"no channel b.*Its channels are: c, a"):
        image.select(["b"])


def test_rgb_becomes_three_channels_and_alpha_is_dropped():
    colours = np.random.default_rng(0).integers(0, 255, (40, 50, 4), dtype=np.uint8)
    image = MultiplexImage.from_array(colours, pixel_size=1)
    assert image.is_rgb
    assert image.channels == ("Red", "Green", "Blue")
    assert image.remarks == ("This is an RGB image: its channels are Red, Green and Blue.",)
    np.testing.assert_array_equal(image.read(0, 40, 0, 50), np.moveaxis(colours[..., :3], -1, 0))


def test_one_plane_is_one_channel_with_a_remark():
    image = MultiplexImage.from_array(PIXELS[0], ["DAPI"])
    assert image.data.shape == (1, 40, 50)
    assert any("single channel" in remark for remark in image.remarks)


@pytest.mark.parametrize("shape", [(1, 3, 40, 50), (3, 1, 40, 50), (1, 1, 3, 40, 50)])
def test_axes_of_length_one_are_dropped(shape):
    image = MultiplexImage.from_array(PIXELS.reshape(shape), list("abc"))
    np.testing.assert_array_equal(image.read(0, 40, 0, 50), PIXELS)


def test_dropped_z_and_t_are_told():
    image = MultiplexImage.from_array(PIXELS.reshape(1, 3, 1, 40, 50), axes="TCZYX")
    assert any("only time point was taken" in remark for remark in image.remarks)
    assert any("only Z plane was taken" in remark for remark in image.remarks)


def test_volumes_say_which_axis_and_what_to_do():
    with pytest.raises(
        UnsupportedImage, match=r"stack has too many axes: 3 channels, 7 Z planes.*"
    ):
        MultiplexImage.from_array(np.zeros((3, 7, 8, 9)), axes="CZYX", name="stack")
    with pytest.raises(UnsupportedImage, match=r"5 time points.*one plane or a projection"):
        MultiplexImage.from_array(np.zeros((5, 8, 9)), axes="TYX")
    with pytest.raises(UnsupportedImage, match="too many axes"):
        MultiplexImage.from_array(np.zeros((2, 3, 8, 9)))


def test_axes_that_do_not_fit_the_shape_are_refused():
    with pytest.raises(UnsupportedImage, match=r"roi has 3 axes, but is said to have 2 \(YX\)"):
        MultiplexImage.from_array(PIXELS, axes="YX", name="roi")


def test_an_image_cannot_be_made_with_doubled_names():
    with pytest.raises(InvalidPanel, match="channels of the same name"):
        MultiplexImage(name="roi", levels=(da.zeros((2, 5, 5)),), channels=("a", "a"))


@pytest.mark.parametrize("shape", [(5,), (), (3, 0, 5)])
def test_arrays_without_a_plane_are_refused(shape):
    with pytest.raises(UnsupportedImage, match="no image plane"):
        MultiplexImage.from_array(np.zeros(shape))


def test_pixel_size_makes_the_transform():
    image = MultiplexImage.from_array(PIXELS, pixel_size=(0.5, 0.25))
    assert image.transform == Affine2D(scale=(0.5, 0.25), units=("micrometer", "micrometer"))
    assert image.with_pixel_size(2).transform.scale == (2, 2)
    with pytest.raises(InvalidSettings, match="impossible"):
        image.with_pixel_size(0)


def test_unknown_pixel_size_is_said_until_it_is_given():
    image = MultiplexImage.from_array(PIXELS, list("abc"))
    assert image.pixel_size is None
    assert "pixel size is unknown" in image.remarks[0]
    assert image.with_pixel_size(0.5).remarks == ()


def test_a_layers_transform_is_kept_whole():
    layer = Affine2D(translate=(5, 6), affine=((1, 0, 2), (0, 1, 3), (0, 0, 1)))
    image = MultiplexImage.from_array(PIXELS, transform=layer)
    assert image.with_pixel_size(0.5).transform is layer


def test_images_are_compared_by_identity():
    one, other = (MultiplexImage.from_array(PIXELS) for _ in range(2))
    assert one != other
    assert len({one, other, one}) == 2


def test_layers_are_stacked_to_channels():
    layers = [
        MultiplexImage.from_array([plane, plane[::2, ::2]], [name], name=name)
        for plane, name in zip(PIXELS, ["a", "b", "a"], strict=True)
    ]
    image = stack_channels(layers, "field")
    assert (image.name, image.channels) == ("field", ("a", "b", "a (2)"))
    assert len(image.levels) == 2
    np.testing.assert_array_equal(image.read(0, 40, 0, 50), PIXELS)
    assert not any("single channel" in remark for remark in image.remarks)


def test_stacked_layers_of_different_size_are_named():
    layers = [MultiplexImage.from_array(np.zeros((4, w)), ["x"], name=f"w{w}") for w in (5, 6)]
    with pytest.raises(SizeMismatch, match=r"w5 has 4 × 5 pixels.*w6 has 4 × 6 pixels"):
        stack_channels(layers, "field")


def test_stacked_pyramids_are_cut_to_what_all_have():
    plane = np.zeros((40, 50))
    deep = MultiplexImage.from_array([plane, plane[::2, ::2], plane[::4, ::4]], ["a"])
    odd = MultiplexImage.from_array([plane, plane[::2, ::2], plane[::5, ::5]], ["b"])
    assert len(stack_channels([deep, odd], "field").levels) == 2
