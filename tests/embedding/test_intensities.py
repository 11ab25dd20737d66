from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_splicer import pipeline
from napari_splicer.config import RunConfig
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.patches import blocks
from napari_splicer.patches.sites import grid_sites


def field(pixels: np.ndarray, labels: np.ndarray | None, chunk: int = 300) -> MaskedImage:
    image = MultiplexImage.from_array(
        da.from_array(pixels, chunks=(1, chunk, chunk)),
        channels=[f"c{i}" for i in range(len(pixels))],
    )
    if labels is None:
        return MaskedImage(image)
    return MaskedImage(image, LabelMask.from_array(da.from_array(labels, chunks=chunk + 7)))


def means_of(image: MaskedImage, **patches: object) -> np.ndarray:
    """Return the means that a table holds, rows by id."""
    config = RunConfig().with_values({f"patches.{key}": value for key, value in patches.items()})
    table = pipeline.run(pipeline.embed([image], None, config))
    return np.asarray(table.X[table.obs["instance_id"].to_numpy().argsort()])


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let blocks be small and bands narrow, so that small images have many of both."""
    monkeypatch.setattr(blocks, "LEAST_SIDE", 8)
    monkeypatch.setattr(blocks, "BAND_WIDTH", 60)


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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "LEAST_SIDE", 8)
        patch.setattr(blocks, "BAND_WIDTH", 9)
        measured = means_of(field(pixels, labels, chunk=4), size=8)
    assert measured.dtype == np.float32
    np.testing.assert_allclose(measured, reference(pixels, labels), rtol=1e-6)


def test_cells_on_chunk_borders_are_measured_whole() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 1000, (3, 1500, 1100), dtype=np.uint16)
    blocks = np.arange(1, 1 + 30 * 22).reshape(30, 22)[::-1]
    labels = np.kron(blocks, np.ones((50, 50), np.int64)) * 11
    expected = [pixels[:, labels == i].mean(axis=1) for i in (11, 11 * 333, 11 * 660)]
    measured = means_of(field(pixels, labels))
    np.testing.assert_allclose(measured[[0, 332, 659]], expected, rtol=1e-6)


def test_pixels_that_are_no_number_do_not_count() -> None:
    pixels = np.array([[[1, np.nan, 3, 4]], [[np.inf, np.nan, 5, 7]]], dtype=np.float32)
    labels = np.array([[1, 1, 2, 2]])
    measured = means_of(field(pixels, labels))
    np.testing.assert_array_equal(measured, [[1, np.nan], [3.5, 6]])


def test_large_sums_keep_their_precision() -> None:
    pixels = np.full((1, 600, 600), 2**24 + 2, np.float32)
    measured = means_of(field(pixels, np.ones((600, 600), np.uint8)))
    assert measured[0, 0] == 2**24 + 2


@pytest.mark.usefixtures("small_blocks")
def test_cells_that_reach_far_out_of_their_patch_are_measured_whole() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 1000, (2, 150, 210), dtype=np.uint16)
    labels = np.zeros((150, 210), np.uint16)
    labels[5:140, 3:205] = 7
    labels[60:75, 100:110] = 3
    np.testing.assert_allclose(
        means_of(field(pixels, labels, chunk=20), size=8), reference(pixels, labels), rtol=1e-6
    )


@pytest.mark.parametrize(("size", "stride"), [(32, None), (33, 20), (500, 250)])
def test_tiles_are_averaged_over_what_lies_inside(size: int, stride: int | None) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.random((2, 1300, 450)).astype(np.float32)
    pixels[0, :40, :40] = np.nan
    image = field(pixels, None)
    measured = means_of(image, sites="grid", size=size, stride=stride)
    sites = grid_sites([image], size=size, stride=stride)
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
