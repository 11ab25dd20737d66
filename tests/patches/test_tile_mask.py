"""Tiles as a mask: numbers of grid_sites, parts of the image that belong to each."""

from __future__ import annotations

import numpy as np
import pytest

from napari_splicer.config import PatchSettings
from napari_splicer.errors import InvalidSettings
from napari_splicer.images.cell_table import cell_table
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import MaskedImage
from napari_splicer.patches import tile_mask
from napari_splicer.patches.sites import find_sites, patch_sides
from napari_splicer.patches.tile_mask import TileMask


def image(height: int, width: int, pixel_size: float | None = None) -> MultiplexImage:
    return MultiplexImage.from_array(
        np.zeros((1, height, width), np.uint8), ["a"], pixel_size=pixel_size
    )


CASES = [
    (100, 130, PatchSettings(sites="grid", size=16)),
    (100, 131, PatchSettings(sites="grid", size=16, stride=8)),
    (97, 64, PatchSettings(sites="grid", size=32, stride=48)),
    (20, 300, PatchSettings(sites="grid", size=32)),
    (100, 130, PatchSettings(sites="grid", size=16, size_um=12.0)),
]


@pytest.mark.parametrize(("height", "width", "settings"), CASES)
def test_every_pixel_has_the_number_of_the_nearest_tile(height, width, settings) -> None:
    field = MaskedImage(image(height, width, 0.5))
    tiles = TileMask.of(field.image, settings)
    sites = find_sites((field,), settings, patch_sides((field,), settings))
    assert len(tiles) == len(sites)
    pixels = np.asarray(tiles.data)
    assert pixels.shape == (height, width)
    y, x = np.indices(pixels.shape)
    row = {number: i for i, number in enumerate(sites.id.tolist())}
    own = np.vectorize(row.get)(pixels)
    far = np.maximum(abs(sites.y[own] - y), abs(sites.x[own] - x))
    nearest = np.full(pixels.shape, np.inf)
    for centre in zip(sites.y, sites.x, strict=True):
        nearest = np.minimum(nearest, np.maximum(abs(centre[0] - y), abs(centre[1] - x)))
    np.testing.assert_allclose(far, nearest)


@pytest.mark.parametrize(("height", "width", "settings"), CASES)
def test_its_table_is_what_looking_at_every_pixel_finds(height, width, settings) -> None:
    tiles = TileMask.of(image(height, width, 0.5), settings)
    told, found = tiles.cells(), cell_table(tiles.data)
    boxes = ["id", "y0", "x0", "y1", "x1", "area", "touches_border"]
    np.testing.assert_array_equal(told[boxes].to_numpy(), found[boxes].to_numpy())
    off_y = np.maximum(told["y"] - told["y0"], told["y1"] - told["y"])
    off_x = np.maximum(told["x"] - told["x0"], told["x1"] - told["x"])
    assert max(off_y.max(), off_x.max()) <= tiles.reach + 1


def test_a_large_one_has_coarser_levels_that_agree(monkeypatch) -> None:
    monkeypatch.setattr(tile_mask, "_SMALL", 2**10)
    tiles = TileMask.of(image(257, 130), PatchSettings(sites="grid", size=32))
    shapes = [level.shape for level in tiles.levels]
    assert shapes == [(257, 130), (129, 65), (65, 33), (33, 17)]
    fine = np.asarray(tiles.levels[0])
    for level in tiles.levels[1:]:
        coarse = np.asarray(level)
        rows, columns = (
            ((np.arange(n) + 0.5) * (whole / n)).astype(int)
            for n, whole in zip(coarse.shape, fine.shape, strict=True)
        )
        np.testing.assert_array_equal(coarse, fine[np.ix_(rows, columns)])


def test_no_pixel_is_made_before_it_is_read() -> None:
    tiles = TileMask.of(image(100, 100), PatchSettings(sites="grid", size=8))
    huge = MultiplexImage.from_array(np.broadcast_to(np.uint8(0), (1, 60_000, 60_000)), ["a"])
    large = TileMask.of(huge, PatchSettings(sites="grid", size=64))
    assert len(large.levels) > 3
    assert large.read(59_990, 60_000, 59_990, 60_000).max() == len(large)
    assert tiles.read(0, 1, 0, 1).item() == 1


def test_a_wrong_size_is_refused_with_its_reason() -> None:
    with pytest.raises(InvalidSettings, match="pixels wide"):
        TileMask.of(image(64, 64, 0.01), PatchSettings(sites="grid", size=32, size_um=500))
