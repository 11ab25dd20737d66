from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_splicer.config import ImageInput
from napari_splicer.errors import InvalidMask, SizeMismatch, UnreadableFile, UnsupportedImage
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask
from napari_splicer.images.open import open_image, open_input, open_mask, opened_as

PIXELS = np.random.default_rng(0).integers(0, 200, (3, 40, 50), dtype=np.uint8)
LABELS = np.kron(np.arange(1, 21).reshape(4, 5), np.ones((10, 10), int)).astype(np.uint16)


def write(path, pixels):
    tifffile.imwrite(path, pixels, photometric="minisblack", compression="zlib")
    return path


def test_arrays_and_images_pass_through():
    image = open_image(PIXELS, name="roi", channels=["a", "b", "c"], pixel_size=0.5)
    assert (image.name, image.channels, image.pixel_size) == ("roi", ("a", "b", "c"), (0.5, 0.5))
    again = open_image(image, name="other", channels=["x", "y", "z"], pixel_size=(1, 2))
    assert (again.name, again.channels, again.pixel_size) == ("other", ("x", "y", "z"), (1, 2))
    assert open_image(image) is image


def test_masks_pass_through():
    mask = open_mask(LABELS, name="cells")
    assert open_mask(mask) is mask
    assert open_mask(mask, name="nuclei").name == "nuclei"


def test_what_is_given_replaces_what_the_file_says(tmp_path):
    path = write(tmp_path / "a.tif", PIXELS)
    image = open_image(path, name="roi", channels=["a", "b", "c"], pixel_size=0.5)
    assert (image.name, image.channels, image.pixel_size) == ("roi", ("a", "b", "c"), (0.5, 0.5))
    assert image.remarks == ()


def test_npy_is_read_from_disk_box_by_box(tmp_path):
    np.save(tmp_path / "field.npy", PIXELS)
    image = open_image(tmp_path / "field.npy")
    assert image.name == "field"
    np.testing.assert_array_equal(image.read(5, 9, 6, 30), PIXELS[:, 5:9, 6:30])
    np.save(tmp_path / "labels.npy", LABELS)
    assert len(open_mask(tmp_path / "labels.npy").cells()) == 20


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY\x01\x00"])
def test_damaged_npy_is_named(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(UnreadableFile, match=r"a\.npy cannot be read as a NumPy array"):
        open_image(tmp_path / "a.npy")


def test_pickled_npy_is_not_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UnreadableFile, match=r"a\.npy"):
        open_image(tmp_path / "a.npy")


def test_folder_of_one_tiff_per_channel_in_natural_order(tmp_path):
    folder = tmp_path / "Point 1"
    folder.mkdir()
    for name, plane in zip(["CD20", "CD3", "dsDNA"], PIXELS, strict=True):
        write(folder / f"{name}.tiff", plane)
    write(folder / ".hidden.tif", PIXELS[0])
    (folder / "notes.txt").write_text("no image")
    image = open_image(folder)
    assert (image.name, image.channels) == ("Point 1", ("CD3", "CD20", "dsDNA"))
    assert image.source == str(folder)
    np.testing.assert_array_equal(image.read(0, 40, 0, 50), PIXELS[[1, 0, 2]])
    assert image.data.chunksize == (1, 40, 50)


def test_a_file_of_another_size_in_a_folder_is_named(tmp_path):
    write(tmp_path / "CD3.tif", PIXELS[0])
    write(tmp_path / "CD8.tif", PIXELS[1, :39])
    with pytest.raises(SizeMismatch, match=r"CD3\.tif has 40 × 50.*CD8\.tif has 39 × 50"):
        open_image(tmp_path)


def test_a_file_with_several_channels_in_a_folder_is_named(tmp_path):
    write(tmp_path / "CD3.tif", PIXELS[0])
    write(tmp_path / "slide.tif", PIXELS)
    with pytest.raises(UnsupportedImage, match=r"slide\.tif has 3 channels"):
        open_image(tmp_path)


def test_a_folder_without_images_says_what_to_choose(tmp_path):
    with pytest.raises(UnreadableFile, match=r"holds no TIFF files.*one TIFF per channel"):
        open_image(tmp_path)


@pytest.mark.parametrize("name", ["gone.tif", "gone.zarr", "gone"])
def test_missing_files_are_named(tmp_path, name):
    with pytest.raises(UnreadableFile, match=f"There is no file .*{name}"):
        open_image(tmp_path / name)
    with pytest.raises(UnreadableFile, match=f"There is no file .*{name}"):
        open_mask(str(tmp_path / name))


def test_other_files_are_refused_with_what_can_be_opened(tmp_path):
    (tmp_path / "table.csv").write_text("a,b")
    with pytest.raises(UnreadableFile, match=r"table\.csv is not an image.*OME-TIFF"):
        open_image(tmp_path / "table.csv")


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif"])
def test_masks_in_tiff(tmp_path, suffix):
    mask = open_mask(write(tmp_path / f"cells{suffix}", LABELS))
    assert (mask.name, mask.shape) == ("cells", (40, 50))
    assert mask.source == str(tmp_path / f"cells{suffix}")
    assert mask.cells()["area"].tolist() == [100] * 20


def test_an_image_opened_as_mask_is_told(tmp_path):
    with pytest.raises(InvalidMask, match="slide cannot be a mask: it has 3 channels"):
        open_mask(write(tmp_path / "slide.tif", PIXELS))
    mask = open_mask(write(tmp_path / "prob.tif", np.random.default_rng(0).random((9, 9))))
    with pytest.raises(InvalidMask, match="probability map"):
        mask.cells()


def test_a_run_files_input_is_opened_beside_it(tmp_path):
    write(tmp_path / "roi.tif", PIXELS)
    write(tmp_path / "cells.tif", LABELS)
    write(tmp_path / "tumour.tif", (LABELS > 7).astype(np.uint8))
    (tmp_path / "panel.csv").write_text("name,keep\nDNA,1\nblank,0\nCD3,1\n")
    settings = ImageInput(
        image="roi.tif",
        mask="cells.tif",
        regions={"tumour": "tumour.tif"},
        panel="panel.csv",
        pixel_size=0.5,
        name="patient 1",
    )
    field = open_input(settings, tmp_path)
    assert (field.name, field.image.channels) == ("patient 1", ("DNA", "CD3"))
    assert field.image.pixel_size == (0.5, 0.5)
    assert isinstance(field.image, MultiplexImage)
    assert isinstance(field.cells, LabelMask)
    assert len(field.cells.cells()) == 20
    assert field.regions["tumour"].name == "tumour"
    absolute = ImageInput(image=str(tmp_path / "roi.tif"))
    assert open_input(absolute).cells is None


def test_what_an_image_was_opened_as_is_known_of_it_alone(tmp_path):
    np.save(tmp_path / "image.npy", np.ones((2, 8, 8)))
    settings = ImageInput(image="image.npy")
    field = open_input(settings, tmp_path)
    assert opened_as(field) == (settings, tmp_path)
    assert opened_as(replace(field, image=field.image.with_pixel_size(0.5))) is None


def test_an_input_whose_mask_does_not_fit_is_refused(tmp_path):
    write(tmp_path / "roi.tif", PIXELS)
    write(tmp_path / "cells.tif", LABELS[:30])
    with pytest.raises(SizeMismatch, match=r"image roi has 40 × 50 .* mask cells has 30 × 50"):
        open_input(ImageInput(image="roi.tif", mask="cells.tif"), tmp_path)
