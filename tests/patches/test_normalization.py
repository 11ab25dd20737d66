"""Normalisation follows its formula, is exact on disk, and survives odd channels."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from napari_splicer.config import NormalizationSettings
from napari_splicer.errors import UnusableChannel
from napari_splicer.patches.normalization import (
    CEILING,
    Normalization,
    Normalizer,
    fit_normalization,
    make_normalizer,
)

SETTINGS = NormalizationSettings(lower=0.1, upper=0.9, curve=5)


def reference(x, lower, upper, curve):
    v = np.clip((x.astype(np.float64) - lower) / (upper - lower), 0, CEILING)
    v = np.where(np.isfinite(x), v, 0)
    return np.arcsinh(curve * v) / np.arcsinh(curve) if curve else v


@pytest.mark.parametrize("curve", [0.0, 5.0])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int16, np.int32, np.float32])
def test_the_formula(dtype, curve):
    x = np.random.default_rng(0).integers(0, 250, (2, 1, 9, 9)).astype(dtype)
    if dtype == np.float32:
        x[0, 0, 0, :3] = [np.nan, np.inf, -np.inf]
    table = Normalization(("A",), (10.0,), (50.0,), curve)
    before = x.copy()
    got = table.apply(torch.from_numpy(x))
    assert got.dtype == torch.float32
    np.testing.assert_allclose(got, reference(x, 10, 50, curve), atol=1e-6)
    np.testing.assert_array_equal(x, before)
    low, high = table.apply(torch.tensor([10.0, 50.0]).reshape(2, 1, 1, 1)).flatten().tolist()
    assert (low, high) == (0.0, pytest.approx(1.0))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_looking_up_is_computing(dtype):
    x = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (4, 3, 5, 7)).astype(dtype)
    table = Normalization(("A", "B", "C"), (10.0, 0.0, 3.0), (50.0, 9000.0, 3.0), 5.0)
    for part in (x, x[:1], x[::2, :, 1:, ::-1].copy()):
        expected = table.apply(torch.from_numpy(part.astype(np.float32)))
        torch.testing.assert_close(table.apply(torch.from_numpy(part)), expected)


def test_quantiles_of_an_image_read_whole(field_of):
    pixels = np.random.default_rng(0).gamma(2, 100, (3, 256, 256)).astype(np.float32)
    field = field_of(pixels)
    table = fit_normalization([field], field.image.channels, SETTINGS, seed=1)
    expected = np.quantile(pixels, [0.1, 0.9], axis=(1, 2))
    np.testing.assert_allclose([table.lower, table.upper], expected, rtol=0.03)
    assert table == fit_normalization([field], field.image.channels, SETTINGS, seed=1)
    assert table != fit_normalization([field], field.image.channels, SETTINGS, seed=2)


def test_all_fields_count_alike(field_of):
    small, large = field_of(np.full((1, 50, 50), 10)), field_of(np.full((1, 400, 400), 20))
    table = fit_normalization(
        [small, large], ["c0"], NormalizationSettings(lower=0.25, upper=0.75), seed=0
    )
    assert (table.lower, table.upper) == ((10.0,), (20.0,))


def test_sparse_counts_are_scaled_by_the_pixels_that_hold_some(field_of):
    pixels = np.zeros((2, 200, 200), np.uint16)
    pixels[0, :20, :20] = np.arange(1, 401).reshape(20, 20)
    pixels[1, :20, :20] = 7
    table = fit_normalization([field_of(pixels)], ["c0", "c1"], SETTINGS)
    assert table.lower == (0.0, 0.0)
    assert table.upper[0] == pytest.approx(360, rel=0.05)
    assert table.upper[1] == 7.0
    assert table.constant == ()


def test_a_marker_on_a_single_cell_is_not_constant(field_of):
    pixels = np.zeros((1, 1000, 1000), np.uint8)
    pixels[0, 500, 500] = 9
    table = fit_normalization([field_of(pixels)], ["c0"], SETTINGS)
    assert (table.lower, table.upper) == ((0.0,), (9.0,))


def test_a_constant_channel_is_named_and_becomes_zero(field_of):
    pixels = np.stack([np.full((40, 40), 9.0), np.random.default_rng(0).random((40, 40))])
    table = fit_normalization([field_of(pixels)], ["c0", "c1"], SETTINGS)
    assert table.constant == ("c0",)
    assert not table.apply(torch.from_numpy(pixels[None]))[:, 0].any()


def test_numbers_that_are_not_finite_are_left_out(field_of):
    pixels = np.random.default_rng(0).random((2, 64, 64))
    pixels[0, ::2] = np.nan
    pixels[0, 1::4] = np.inf
    table = fit_normalization([field_of(pixels)], ["c0"], SETTINGS)
    assert 0 < table.lower[0] < table.upper[0] < 1
    pixels[1] = np.nan
    with pytest.raises(UnusableChannel, match=r"c1 holds no finite number in .*\."):
        fit_normalization([field_of(pixels)], ["c0", "c1"], SETTINGS)


def test_json_is_exact():
    rng = np.random.default_rng(0)
    bounds = np.sort(rng.random((2, 3)).astype(np.float32), axis=0)
    lower, upper = (tuple(map(float, row)) for row in bounds)
    table = Normalization(("A", "B", "C"), lower, upper, 5.0)
    assert Normalization.from_dict(json.loads(json.dumps(table.to_dict()))) == table


def test_each_image_can_have_its_own_scale(field_of):
    rng = np.random.default_rng(0)
    dim, bright = rng.random((1, 64, 64)), 10 * rng.random((1, 64, 64))
    fields = [field_of(dim, name="dim"), field_of(bright, name="bright")]
    table = fit_normalization(fields, ["c0"], SETTINGS)
    x_BCHW = torch.from_numpy(np.stack([bright, dim, bright])).float()
    field_B = torch.tensor([1, 0, 1])

    shared = make_normalizer(fields, table, SETTINGS)
    assert shared == Normalizer((table,))
    torch.testing.assert_close(shared.apply(x_BCHW, field_B), table.apply(x_BCHW))

    settings = SETTINGS.model_copy(update={"scope": "image"})
    single = make_normalizer(fields, table, settings)
    got = single.apply(x_BCHW, field_B)
    for row, field in enumerate([1, 0, 1]):
        own = fit_normalization([fields[field]], ["c0"], SETTINGS)
        torch.testing.assert_close(got[row], own.apply(x_BCHW[row : row + 1])[0])
    assert got[1].mean() == pytest.approx(float(got[0].mean()), rel=0.05)


@pytest.mark.real_data
def test_every_marker_of_a_mibi_field_gets_a_scale(data_folder):
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.images.open import open_image

    path = next((data_folder / "mibi_dcis_risom_dev").glob("Point2318*.ome.tif"))
    field = MaskedImage(open_image(path))
    table = fit_normalization([field], field.image.channels, NormalizationSettings())
    pixels = field.image.read(0, 1024, 0, 1024)
    empty = [name for name, plane in zip(table.channels, pixels, strict=True) if not plane.any()]
    assert list(table.constant) == empty == ["CD56"]
    peaks_C = table.apply(torch.from_numpy(pixels[None])).amax(dim=(0, 2, 3))
    assert ((peaks_C >= 1) == (peaks_C > 0)).all()
