"""Views are cut from inside the patch, labels follow pixels, and a seed repeats them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_splicer.config import AugmentationSettings
from napari_splicer.patches.augmentation import (
    apply_augmentation,
    center_crop,
    grow_masks,
    padded_size,
    sample_augmentation,
)
from napari_splicer.patches.reader import PatchBatch

STILL = AugmentationSettings(
    rotate=False, flip=False, scale=0, shift=0, gain=0, noise=0, blur=0, mask_jitter=0
)


def with_(**values):
    return STILL.model_copy(update=values)


def draw(settings, batch, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return sample_augmentation(settings, len(batch), batch.x_BCHW.shape[1], generator=generator)


def view(settings, batch, size, seed=0):
    return apply_augmentation(batch, draw(settings, batch, seed), size)


def ramp(side, count=8):
    """Patches whose first two channels hold the pixel's own x and y; labels number the pixels."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return PatchBatch(
        x_BCHW=torch.stack([x, y]).float().expand(count, -1, -1, -1),
        labels_BHW=(y * side + x).expand(count, -1, -1),
        regions_BRHW=(x > y).expand(count, 1, -1, -1),
        id_B=torch.full((count,), -1),
        index_B=torch.arange(count),
        field_B=torch.zeros(count, dtype=torch.int64),
    )


def test_nothing_switched_on_is_the_middle_of_the_patch(batch_of):
    batch = batch_of(side=32)
    got, expected = view(STILL, batch, 20), center_crop(batch, 20)
    torch.testing.assert_close(got.x_BCHW, expected.x_BCHW, rtol=0, atol=1e-5)
    assert torch.equal(got.labels_BHW, expected.labels_BHW)
    assert torch.equal(got.regions_BRHW, expected.regions_BRHW)
    assert torch.equal(got.id_B, batch.id_B)
    assert padded_size(STILL, 32) == 32


@settings(max_examples=40, deadline=None)
@given(
    rotate=st.booleans(),
    flip=st.booleans(),
    scale=st.floats(0, 0.45),
    shift=st.floats(0, 0.45),
    size=st.integers(8, 40),
    seed=st.integers(0, 99),
)
def test_no_view_reaches_outside_its_patch(rotate, flip, scale, shift, size, seed):
    """On a ramp, interpolation is exact inside and stands still outside."""
    chosen = with_(rotate=rotate, flip=flip, scale=scale, shift=shift)
    side = padded_size(chosen, size)
    assert (side - size) % 2 == 0
    batch = ramp(side)
    augmentation = draw(chosen, batch, seed)
    x, y = apply_augmentation(batch, augmentation, size).x_BCHW.unbind(1)
    for plane, axis in ((x, 0), (y, 1)):
        steps = torch.stack(
            [plane.diff(dim=2).mean(dim=(1, 2)), plane.diff(dim=1).mean(dim=(1, 2))]
        )
        torch.testing.assert_close(steps.T, augmentation.linear_B22[:, axis], rtol=0, atol=1e-3)
        bend = plane.diff(n=2, dim=2).abs().amax() + plane.diff(n=2, dim=1).abs().amax()
        assert bend < 2e-3


def test_labels_and_regions_are_taken_where_the_pixels_are():
    chosen = with_(rotate=True, flip=True, scale=0.2, shift=0.1)
    side = padded_size(chosen, 24)
    got = view(chosen, ramp(side), 24)
    x_BHW, y_BHW = got.x_BCHW.unbind(1)
    row_BHW, column_BHW = got.labels_BHW // side, got.labels_BHW % side
    assert (column_BHW - x_BHW).abs().max() <= 0.5 + 1e-3
    assert (row_BHW - y_BHW).abs().max() <= 0.5 + 1e-3
    assert torch.equal(got.regions_BRHW[:, 0], column_BHW > row_BHW)


def test_flips_and_whole_shifts_do_not_blur():
    chosen = with_(flip=True, shift=0.1)
    side = padded_size(chosen, 20)
    batch = ramp(side, count=64)
    augmentation = draw(chosen, batch)
    got = apply_augmentation(batch, augmentation, 20).x_BCHW
    torch.testing.assert_close(got, got.round(), rtol=0, atol=1e-4)
    corners = {tuple(map(round, patch[:, 0, 0].tolist())) for patch in got}
    assert len(corners) > 20, "shifts differ"
    assert len(torch.unique(augmentation.linear_B22, dim=0)) == 4, "all four flips occur"


def test_rotation_goes_all_round_and_keeps_the_centre():
    chosen = with_(rotate=True)
    side = padded_size(chosen, 21)
    batch = ramp(side, count=500)
    augmentation = draw(chosen, batch)
    got = apply_augmentation(batch, augmentation, 21).x_BCHW
    middle = torch.full((500, 2), (side - 1) / 2)
    torch.testing.assert_close(got[:, :, 10, 10], middle, rtol=0, atol=1e-3)
    turned = torch.atan2(augmentation.linear_B22[:, 1, 0], augmentation.linear_B22[:, 0, 0])
    counts = torch.histc(turned, 8, -np.pi, np.pi)
    assert counts.min() > 30


def test_a_seed_repeats_a_view(batch_of):
    batch = batch_of()
    chosen = AugmentationSettings(gain=0.3, blur=0.5, mask_jitter=3)
    first, again, other = (view(chosen, batch, 20, seed) for seed in (1, 1, 2))
    for name in vars(first):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert not torch.equal(first.x_BCHW, other.x_BCHW)


def test_the_batch_itself_is_not_changed(batch_of):
    batch = batch_of()
    before = {name: value.clone() for name, value in vars(batch).items()}
    view(AugmentationSettings(gain=0.3, blur=1, mask_jitter=3), batch, 20)
    view(with_(gain=0.3, blur=1, noise=1, mask_jitter=3), batch, 32)
    for name, value in before.items():
        assert torch.equal(getattr(batch, name), value)


def test_gain_scales_channels(batch_of):
    batch = batch_of(count=200)
    got = view(with_(gain=0.25), batch, 32).x_BCHW / batch.x_BCHW
    gain_BC = got.mean(dim=(2, 3))
    torch.testing.assert_close(got, gain_BC[:, :, None, None].expand_as(got), atol=1e-4, rtol=0)
    assert 0.75 <= gain_BC.min() < 0.8
    assert 1.2 < gain_BC.max() <= 1.25


def test_noise_has_the_strength_asked_for(batch_of):
    batch = batch_of(count=50)
    noise = view(with_(noise=0.2), batch, 32).x_BCHW - batch.x_BCHW
    assert float(noise.std()) == pytest.approx(0.2, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=0.005)


def test_blur_is_the_binomial_kernel(batch_of):
    batch = batch_of()
    got = view(with_(blur=1.0), batch, 32).x_BCHW
    kernel = np.outer([1, 2, 1], [1, 2, 1])[None, None] / 16
    expected = ndimage.convolve(batch.x_BCHW.numpy(), kernel, mode="nearest")
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_half_of_the_patches_are_blurred(batch_of):
    batch = batch_of(count=400, channels=1, side=8)
    got = view(with_(blur=0.5), batch, 8).x_BCHW
    untouched = (got - batch.x_BCHW).abs().amax(dim=(1, 2, 3)) < 1e-5
    assert 150 < int(untouched.sum()) < 250


@pytest.mark.parametrize("grow", range(-4, 5))
def test_masks_grow_and_shrink_as_in_scipy(grow):
    masks = torch.rand(5, 2, 32, 32, generator=torch.Generator().manual_seed(0))
    masks = torch.nn.functional.avg_pool2d(masks, 5, stride=1, padding=2) > 0.5
    got = grow_masks(masks, torch.tensor([grow, 0, -3, 4, grow]))
    square = np.ones((3, 3), bool)
    for mask, result in zip(masks[0], got[0], strict=True):
        if grow == 0:
            expected = mask.numpy()
        elif grow > 0:
            expected = ndimage.binary_dilation(mask, square, iterations=grow)
        else:
            expected = ndimage.binary_erosion(mask, square, iterations=-grow, border_value=1)
        np.testing.assert_array_equal(result, expected)
    assert torch.equal(got[1], masks[1])


def test_jitter_grows_and_shrinks_the_own_cell_alone(batch_of):
    batch = batch_of(count=40)
    augmentation = draw(with_(mask_jitter=1), batch)
    augmentation = replace(augmentation, offset_B2=torch.zeros_like(augmentation.offset_B2))
    assert set(augmentation.grow_B.tolist()) == {-1, 0, 1}
    got = apply_augmentation(batch, augmentation, 32)
    torch.testing.assert_close(got.x_BCHW, batch.x_BCHW, rtol=0, atol=1e-5)
    for row, grow in enumerate(augmentation.grow_B.tolist()):
        own, before = got.labels_BHW[row] == 2, batch.labels_BHW[row] == 2
        if grow > 0:
            assert (own >= before).all()
            assert own.sum() > before.sum()
        if grow < 0:
            assert (own <= before).all()
            assert not got.labels_BHW[row][before & ~own].any(), "what it leaves is background"
        elsewhere = ~own & ~before
        assert torch.equal(got.labels_BHW[row][elsewhere], batch.labels_BHW[row][elsewhere])


def test_jitter_sets_all_masks_off_from_the_pixels(batch_of):
    batch = batch_of(count=200)
    augmentation = draw(with_(mask_jitter=2), batch)
    steps = {(x, y) for x in range(-2, 3) for y in range(-2, 3)}
    assert {tuple(offset) for offset in augmentation.offset_B2.tolist()} == steps
    augmentation = replace(augmentation, grow_B=torch.zeros_like(augmentation.grow_B))
    got = apply_augmentation(batch, augmentation, 32)
    torch.testing.assert_close(got.x_BCHW, batch.x_BCHW, rtol=0, atol=1e-5)
    inner = slice(2, -2)  # what lies at the border comes from outside
    for row, (x, y) in enumerate(augmentation.offset_B2.tolist()):
        for name in ("labels_BHW", "regions_BRHW"):
            moved = torch.roll(getattr(batch, name)[row], (y, x), dims=(-2, -1))
            assert torch.equal(getattr(got, name)[row][..., inner, inner], moved[..., inner, inner])
    some = augmentation.of(slice(5, 9))
    assert torch.equal(some.offset_B2, augmentation.offset_B2[5:9])


def test_ids_beyond_float_precision_survive(batch_of):
    big = 2**40 + 1
    batch = batch_of()
    batch = replace(
        batch, labels_BHW=torch.where(batch.labels_BHW == 2, big, batch.labels_BHW),
        id_B=torch.full((6,), big),
    )  # fmt: skip
    got = view(AugmentationSettings(mask_jitter=2), batch, 20)
    assert set(got.labels_BHW.unique().tolist()) <= {0, 1, 3, big}
    assert (got.labels_BHW == big).any()
