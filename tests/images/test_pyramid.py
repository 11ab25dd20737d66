"""A smaller level of a pyramid as a field of view: pixels, labels, pixel size, cells."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import zarr

from napari_splicer.images.grid import Grid
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.images.open import open_image, open_mask
from napari_splicer.images.pyramid import field_at, image_at, level_grid
from napari_splicer.images.stacking import stack_channels

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 4000, (3, 96, 128), dtype=np.uint16)
LABELS = np.kron(np.arange(1, 13).reshape(3, 4), np.ones((32, 32), int)).astype(np.uint32)
LABELS[::7] = 0


def averaged(pixels, factor):
    """Return means of blocks, (C, Y, X)."""
    channels, height, width = pixels.shape
    blocks = pixels.reshape(channels, height // factor, factor, width // factor, factor)
    return blocks.mean(axis=(2, 4)).round().astype(pixels.dtype)


LEVELS = (PIXELS, averaged(PIXELS, 2), averaged(PIXELS, 4))


def write_zarr(path, levels, *, scales=(1, 2, 4), translations=None, axes="cyx"):
    """Write an OME-Zarr with pixels of 0.25 µm."""
    group = zarr.open_group(path, mode="w", zarr_format=2)
    datasets = []
    for i, level in enumerate(levels):
        group.create_array(str(i), data=level, chunks=(*(1,) * (level.ndim - 2), 32, 32))
        lead = [1.0] * (level.ndim - 2)
        steps = [{"type": "scale", "scale": [*lead, *[0.25 * scales[i]] * 2]}]
        if translations is not None:
            move = [*(0.0 for _ in lead), *translations[i]]
            steps.append({"type": "translation", "translation": move})
        datasets.append({"path": str(i), "coordinateTransformations": steps})
    described = [
        {"name": a, "type": "channel" if a == "c" else "space"}
        | ({"unit": "micrometer"} if a in "yx" else {})
        for a in axes
    ]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": described, "datasets": datasets}]
    return path


def write_tiff(path, levels):
    """Write an OME-TIFF whose smaller levels are SubIFDs."""
    metadata = {"axes": "CYX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}
    with tifffile.TiffWriter(path, ome=True) as tif:
        options = {"tile": (32, 32), "compression": "zlib", "photometric": "minisblack"}
        tif.write(levels[0], subifds=len(levels) - 1, metadata=metadata, **options)
        for level in levels[1:]:
            tif.write(level, subfiletype=1, **options)
    return path


@pytest.fixture(params=["zarr", "tiff", "arrays", "five axes", "one layer per channel"])
def image(request, tmp_path):
    """The same pyramid, from wherever it may come."""
    if request.param == "zarr":
        return open_image(write_zarr(tmp_path / "a.zarr", LEVELS))
    if request.param == "tiff":
        return open_image(write_tiff(tmp_path / "a.ome.tif", LEVELS))
    if request.param == "five axes":
        path = write_zarr(tmp_path / "a.zarr", [x[None, :, None] for x in LEVELS], axes="tczyx")
        return open_image(path)
    if request.param == "arrays":
        return MultiplexImage.from_array(list(LEVELS), pixel_size=0.25, axes="CYX")
    layers = [
        MultiplexImage.from_array(
            [level[i] for level in LEVELS], [f"c{i}"], pixel_size=0.25, axes="YX", name=f"c{i}"
        )
        for i in range(len(PIXELS))
    ]
    return stack_channels(layers, "a")


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_level_has_its_own_pixels_and_their_size(image, level):
    factor = 2**level
    shown = image_at(image, level)
    assert shown.shape == (96 // factor, 128 // factor)
    assert shown.pixel_size == (0.25 * factor, 0.25 * factor)
    assert (shown.name, shown.channels) == (image.name, image.channels)
    np.testing.assert_array_equal(shown.read(3, 17, 5, 22), LEVELS[level][:, 3:17, 5:22])
    out = np.empty((2, 5, 6), np.float32)
    names = [image.channels[2], image.channels[0]]
    shown.read(1, 6, 2, 8, channels=names, out=out)
    np.testing.assert_array_equal(out, LEVELS[level][[2, 0], 1:6, 2:8])
    chosen = image_at(image.select(names), level)
    np.testing.assert_array_equal(chosen.read(0, 9, 0, 9), LEVELS[level][[2, 0], :9, :9])


def test_levels_of_files_are_read_from_where_they_are_stored(tmp_path):
    """Not by a graph of tasks, which costs as much as decoding."""
    for path in (
        write_zarr(tmp_path / "a.zarr", LEVELS),
        write_tiff(tmp_path / "a.ome.tif", LEVELS),
    ):
        assert image_at(open_image(path), 2).planes is not None


def test_an_odd_order_of_levels_is_put_right(tmp_path):
    path = write_zarr(tmp_path / "a.zarr", LEVELS[::-1], scales=(4, 2, 1))
    image = open_image(path)
    assert image.pixel_size == (0.25, 0.25)
    assert [level_grid(image, i).coarser for i in range(3)] == [1, 2, 4]


def test_translations_say_where_levels_begin(tmp_path):
    """Of a level that takes every fourth pixel, the first lies on the first."""
    stage = (12.5, 30.0)
    moved = [stage, (12.5 + 0.125, 30.0 + 0.125), stage]
    image = open_image(write_zarr(tmp_path / "a.zarr", LEVELS, translations=moved))
    assert level_grid(image, 1) == Grid((2.0, 2.0), (0.5, 0.5))
    assert level_grid(image, 2) == Grid((4.0, 4.0), (0.0, 0.0))


def test_where_all_levels_are_moved_alike_they_begin_at_the_same_edge(tmp_path):
    image = open_image(write_zarr(tmp_path / "a.zarr", LEVELS, translations=[(7.0, 3.0)] * 3))
    assert level_grid(image, 2) == Grid((4.0, 4.0), (1.5, 1.5))


@pytest.mark.parametrize("scales", [(1, 1, 1), (1, 3, 9), (1, 0, -4)])
def test_scales_that_can_not_be_are_not_believed(tmp_path, scales):
    image = open_image(write_zarr(tmp_path / "a.zarr", LEVELS, scales=scales))
    assert level_grid(image, 2) == Grid((4.0, 4.0), (1.5, 1.5))


def test_a_level_that_is_something_else_does_not_count():
    thumbnail = LEVELS[2].astype(np.uint8)
    image = MultiplexImage.from_array([PIXELS, thumbnail], pixel_size=0.25, axes="CYX")
    assert level_grid(image, 1) is None
    square = MultiplexImage.from_array([PIXELS, LEVELS[1][:, :, :48]], axes="CYX")
    assert level_grid(square, 1) is None
    fewer = MultiplexImage.from_array([PIXELS, LEVELS[1][:1]], axes="CYX")
    assert level_grid(fewer, 1) is None
    with pytest.raises(ValueError, match="does not show the same field"):
        image_at(image, 1)


def field_of(mask, levels=LEVELS):
    image = MultiplexImage.from_array(list(levels), pixel_size=0.25, axes="CYX")
    return MaskedImage(image, mask, {"area": mask})


def sampled(labels, factor):
    """Return the labels at the centres of blocks of an even number of pixels."""
    return labels[factor // 2 :: factor, factor // 2 :: factor]


@pytest.mark.parametrize("level", [1, 2])
def test_labels_without_a_pyramid_are_those_at_the_pixels_centres(level):
    shown = field_at(field_of(LabelMask.from_array(LABELS)), level)
    expected = sampled(LABELS, 2**level)
    for mask in (shown.cells, shown.regions["area"]):
        assert mask.shape == shown.image.shape
        assert mask.data.dtype == np.uint32
        np.testing.assert_array_equal(mask.read(2, 20, 3, 21), expected[2:20, 3:21])
        np.testing.assert_array_equal(mask.data.compute(), expected)


def test_labels_of_their_own_pyramid_are_taken(tmp_path):
    """These differ from those at full resolution by where they were taken."""
    own = [LABELS, LABELS[::2, ::2], LABELS[::4, ::4]]
    path = write_zarr(tmp_path / "m.zarr", own, axes="yx")
    for mask in (LabelMask.from_array(own), open_mask(path)):
        for level in (1, 2):
            shown = field_at(field_of(mask), level).cells
            np.testing.assert_array_equal(shown.read(0, *shown.shape[:1], 0, shown.shape[1]),
                                          own[level])  # fmt: skip


def test_labels_of_a_level_in_between_are_taken_where_there_is_no_other():
    own = [LABELS, LABELS[1::2, 1::2]]
    shown = field_at(field_of(LabelMask.from_array(own)), 2).cells
    np.testing.assert_array_equal(shown.data.compute(), own[1][1::2, 1::2])


@pytest.mark.parametrize("dtype", [np.uint32, np.float32])
def test_averaged_labels_are_not_taken(dtype):
    averages = averaged(LABELS[None].astype(np.float64), 4)[0].astype(dtype)
    mask = LabelMask.from_array([LABELS.astype(dtype), averages])
    shown = field_at(field_of(mask), 2).cells
    np.testing.assert_array_equal(shown.data.compute(), sampled(LABELS, 4))


def test_a_level_of_a_mask_in_which_nothing_is_seen_is_not_taken():
    labels, rest = np.zeros_like(LABELS), np.zeros_like(LABELS[::4, ::4])
    labels[:4, :4] = 5
    shown = field_at(field_of(LabelMask.from_array([labels, rest])), 2).cells
    np.testing.assert_array_equal(shown.data.compute(), sampled(labels, 4))


@pytest.mark.parametrize("dtype", [bool, np.int64, np.uint8])
def test_masks_of_any_type(dtype):
    labels = (LABELS % 5).astype(dtype)
    shown = field_at(field_of(LabelMask.from_array(labels)), 2).cells
    np.testing.assert_array_equal(shown.read(0, 24, 0, 32), sampled(labels, 4))


def test_no_cell_gets_lost_from_the_table():
    labels = np.zeros((96, 128), np.uint32)
    labels[4, 4] = 1  # between the pixels that are taken
    labels[8:20, 40:61] = 2
    mask = LabelMask.from_array(labels)
    shown = field_at(field_of(mask), 2).cells
    table, fine = shown.cells(), mask.cells()
    assert not np.isin(1, shown.data.compute())
    assert table["id"].tolist() == [1, 2]
    assert table["area"].tolist() == [1, 12 * 21]
    np.testing.assert_allclose(table["y"], (fine["y"] + 0.5) / 4 - 0.5)
    assert table.loc[0, ["y0", "x0", "y1", "x1"]].tolist() == [1, 1, 2, 2]
    assert table.loc[1, ["y0", "x0", "y1", "x1"]].tolist() == [2, 10, 5, 16]


def test_labels_are_read_by_rows_of_chunks(tmp_path):
    path = write_zarr(tmp_path / "m.zarr", [LABELS], axes="yx")
    boxes = []
    mask = open_mask(path)

    class Logged(LabelMask):
        def read(self, y0, y1, x0, x1, *, out=None):
            boxes.append((y0, y1))
            return super().read(y0, y1, x0, x1, out=out)

    logged = Logged(mask.name, mask.levels, mask.source, mask.planes)
    field_at(field_of(logged), 2).cells.read(0, 24, 0, 32)
    assert boxes == [(2, 31), (34, 63), (66, 95)]
