"""Patches lie on cells, or cover the image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_splicer.config import PatchSettings
from napari_splicer.errors import InvalidSettings, NoCells
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import MaskedImage
from napari_splicer.patches.sites import cell_sites, find_sites, grid_sites, patch_sides


def test_every_cell_has_a_site_at_its_centroid(field_of):
    labels = np.zeros((20, 30), np.uint16)
    labels[2:5, 4:9] = 70
    labels[10:12, 20:22] = 3
    fields = [field_of(np.ones((2, 20, 30), np.uint8), labels, name) for name in ("a", "b")]
    sites = cell_sites(fields)
    assert sites.kind == "cells"
    assert sites.field.tolist() == [0, 0, 1, 1]
    assert sites.id.tolist() == [3, 70, 3, 70]
    assert sites.y.tolist() == [10.5, 3, 10.5, 3]
    assert sites.x.tolist() == [20.5, 6, 20.5, 6]
    assert sites.take([3, 0]).id.tolist() == [70, 3]


def test_without_cells_the_field_is_named(field_of):
    with pytest.raises(NoCells, match="liver has no cell mask"):
        cell_sites([field_of(np.ones((2, 9, 9)), name="liver")])


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    size=st.integers(1, 40),
    stride=st.integers(1, 40),
)
def test_a_grid_covers_the_field_and_stays_inside(height, width, size, stride):
    stride = min(stride, size)
    image = MultiplexImage.from_array(np.zeros((2, height, width), np.uint8), axes="CYX")
    sites = grid_sites([MaskedImage(image)], size=size, stride=stride)
    assert sites.id.tolist() == list(range(1, len(sites) + 1))
    assert (np.diff(sites.y * 1000 + sites.x) > 0).all(), "numbered row by row"
    for centre, length in ((sites.y, height), (sites.x, width)):
        starts = np.floor(np.unique(centre) - size / 2 + 1).astype(int)
        seen = np.zeros(length, bool)
        for start in starts:
            seen[max(0, start) : start + size] = True
            assert (start >= 0 and start + size <= length) or length < size
        assert seen.all() or length < size


def test_each_field_has_its_own_grid(field_of):
    fields = [field_of(np.ones((1, 40, 40))), field_of(np.ones((1, 64, 32)))]
    sites = grid_sites(fields, size=(20, 32))
    assert sites.field.tolist() == [0] * 4 + [1] * 2
    assert sites.id.tolist() == [1, 2, 3, 4, 1, 2]


def test_sides_follow_the_pixel_size(field_of):
    fields = [field_of(np.ones((1, 9, 9)), pixel_size=size) for size in (0.5, 0.25, None)]
    assert patch_sides(fields, PatchSettings(size=32)) == (32, 32, 32)
    in_um = PatchSettings(size=32, size_um=16)
    assert patch_sides(fields, in_um) == (32, 64, 32)
    assert patch_sides(fields, in_um, size=48) == (48, 96, 48)


def test_a_patch_of_thousands_of_pixels_is_refused(field_of):
    in_nanometres = field_of(np.ones((1, 9, 9)), name="scan", pixel_size=0.0005)
    with pytest.raises(InvalidSettings, match=r"16 µm would be 32,000 pixels wide in scan"):
        patch_sides([in_nanometres], PatchSettings(size=32, size_um=16))


def test_settings_choose_between_cells_and_grid(field_of):
    field = field_of(np.ones((1, 32, 32)), np.ones((32, 32), np.uint8))
    assert find_sites([field], PatchSettings(), (8,)).kind == "cells"
    grid = find_sites([field], PatchSettings(sites="grid", stride=4), (8,))
    assert grid.kind == "grid"
    assert len(grid) == 49
