"""Every real image opens with the names and shapes that its folder tells."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from skimage.measure import regionprops_table

from napari_splicer.images.masks import MaskedImage
from napari_splicer.images.open import open_image, open_mask
from napari_splicer.images.problems import channel_problems

pytestmark = pytest.mark.real_data


def test_every_image_has_its_names_its_pixels_and_a_mask_that_fits(data_folder):
    images = sorted(data_folder.glob("*/*.ome.tif"))
    assert images
    for path in images:
        names = json.loads((path.parent / "channels.json").read_text())
        image = open_image(path)
        expected = tifffile.imread(path)
        assert list(image.channels) == names, path
        assert image.data.shape == expected.shape, path
        y, x = (n // 3 for n in image.shape)
        np.testing.assert_array_equal(
            image.read(y, y + 9, x, x + 9), expected[:, y : y + 9, x : x + 9]
        )
        mask = open_mask(path.with_name(path.name.replace(".ome.tif", "_mask.tif")))
        assert len(MaskedImage(image, mask).cells.cells()) > 0


def test_cells_of_real_masks_equal_regionprops(data_folder):
    masks = sorted(data_folder.glob("*/*_mask.tif"))
    assert masks
    for path in masks:
        cells = open_mask(path).cells()
        expected = regionprops_table(
            tifffile.imread(path).astype(np.int64), properties=("label", "centroid", "area")
        )
        np.testing.assert_array_equal(cells["id"], expected["label"])
        np.testing.assert_array_equal(cells["area"], expected["area"])
        np.testing.assert_allclose(cells["y"], expected["centroid-0"])
        np.testing.assert_allclose(cells["x"], expected["centroid-1"])


def test_blank_channels_of_real_images_are_told(data_folder):
    for path in sorted(data_folder.glob("mibi_dcis_risom_dev/*.ome.tif"))[:3]:
        pixels = tifffile.imread(path)
        image = open_image(path)
        blank = {
            name
            for name, plane in zip(image.channels, pixels, strict=True)
            if plane.min() == plane.max()
        }
        assert set(channel_problems(image)) == blank
