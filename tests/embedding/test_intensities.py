from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_splicer.embedding.intensities import TileMeans, mean_intensities
from napari_splicer.errors import NoCells
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.patches.sites import grid_sites


def field(pixels: np.ndarray, labels: np.ndarray | None, chunk: int = 300) -> MaskedImage:
    image = MultiplexImage.from_array(
        da.from_array(pixels, chunks=(1, chunk, chunk)),
        channels=[f"c{i}" for i in range(len(pixels))],
    )
    if labels is None:
        return MaskedImage(image)
    return MaskedImage(image, LabelMask.from_array(da.from_array(labels, chunks=chunk + 7)))


def reference(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    rows = [
        [np.nanmean(plane[labels == i]) if np.isfinite(plane[labels == i]).any() else np.nan
         for plane in pixels]
        for i in np.unique(labels[labels > 0])
    ]  # fmt: skip
    return np.array(rows, dtype=np.float32)


@settings(max_examples=25, deadline=None)
@given(
    labels=arrays(np.int64, (13, 17), elements=st.sampled_from([0, 1, 5, 70_000, 2**40])),
    pixels=arrays(np.uint16, (2, 13, 17)),
)
def test_the_mean_of_every_cell_is_that_of_its_pixels(
    labels: np.ndarray, pixels: np.ndarray
) -> None:
    labels[0, 0] = 3
    measured = mean_intensities(field(pixels, labels, chunk=6))
    assert measured.dtype == np.float32
    np.testing.assert_allclose(measured, reference(pixels, labels), rtol=1e-6)


def test_cells_on_chunk_borders_are_measured_whole() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 1000, (3, 1500, 1100), dtype=np.uint16)
    blocks = np.arange(1, 1 + 30 * 22).reshape(30, 22)[::-1]
    labels = np.kron(blocks, np.ones((50, 50), np.int64)) * 11
    expected = [pixels[:, labels == i].mean(axis=1) for i in (11, 11 * 333, 11 * 660)]
    measured = mean_intensities(field(pixels, labels))
    np.testing.assert_allclose(measured[[0, 332, 659]], expected, rtol=1e-6)


def test_pixels_that_are_no_number_do_not_count() -> None:
    pixels = np.array([[[1, np.nan, 3, 4]], [[np.inf, np.nan, 5, 7]]], dtype=np.float32)
    labels = np.array([[1, 1, 2, 2]])
    measured = mean_intensities(field(pixels, labels))
    np.testing.assert_array_equal(measured, [[1, np.nan], [3.5, 6]])


def test_large_sums_keep_their_precision() -> None:
    pixels = np.full((1, 600, 600), 2**24 + 2, np.float32)
    measured = mean_intensities(field(pixels, np.ones((600, 600), np.uint8)))
    assert measured[0, 0] == 2**24 + 2


def test_without_a_mask_there_are_no_cells_to_measure() -> None:
    with pytest.raises(NoCells, match="has no cell mask"):
        mean_intensities(field(np.zeros((1, 9, 9)), None))


@pytest.mark.parametrize(("size", "stride"), [(32, None), (33, 20), (500, 250), (2000, None)])
def test_tiles_are_averaged_over_what_lies_inside(size: int, stride: int | None) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.random((2, 1300, 700)).astype(np.float32)
    pixels[0, :40, :40] = np.nan
    image = field(pixels, None)
    sites = grid_sites([image], size=size, stride=stride)
    tiles = TileMeans(image, sites.y, sites.x, size)
    for window in tiles.windows():
        tiles.add(window)
    measured = tiles.means()
    assert measured.shape == (len(sites), 2)
    for row in [*rng.integers(0, len(sites), 20).tolist(), 0]:
        top, left = (
            max(0, int(centre - (size - 1) / 2 + 0.5)) for centre in (sites.y[row], sites.x[row])
        )
        tile = pixels[:, top : top + size, left : left + size]
        if np.isfinite(tile[0]).any():
            expected = np.nanmean(tile, axis=(1, 2), dtype=np.float64)
        else:
            expected = np.array([np.nan, tile[1].mean(dtype=np.float64)])
        np.testing.assert_allclose(measured[row], expected, rtol=1e-5)
