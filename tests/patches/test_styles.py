"""All patches of a batch take on the style of one of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_splicer.config import AugmentationSettings
from napari_splicer.patches.augmentation import (
    apply_augmentation,
    center_crop,
    sample_augmentation,
)
from napari_splicer.patches.styles import standardize_styles


def transcribed(x_BCHW, reference, area):
    """Figure 1a of the paper in float64, patch by patch, with the whole plane of frequencies."""
    out = np.empty(x_BCHW.shape)
    height, width = x_BCHW.shape[-2:]
    y0, x0 = height // 2, width // 2  # of frequency 0, once it is in the middle
    by, bx = (int(np.floor(np.sqrt(area) * size / 2 + 1e-9)) for size in (height, width))
    square = (slice(max(0, y0 - by), y0 + by + 1), slice(max(0, x0 - bx), x0 + bx + 1))
    for patch, plane in np.ndindex(x_BCHW.shape[:2]):
        spectrum, style = (
            np.fft.fftshift(np.fft.fft2(x_BCHW[row, plane].astype(np.float64)))
            for row in (patch, reference)
        )
        amplitude, phase = np.abs(spectrum), np.angle(spectrum)
        amplitude[square] = np.abs(style)[square]
        back = np.fft.ifft2(np.fft.ifftshift(amplitude * np.exp(1j * phase)))
        assert np.abs(back.imag).max() < 1e-9
        out[patch, plane] = np.clip(back.real, 0, None)
    return out


def random_batch(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("area", [1e-6, 0.02, 0.25, 0.6, 1.0])
@pytest.mark.parametrize("side", [16, 21])
def test_as_in_the_paper(side, area):
    x_BCHW = random_batch(5, 3, side, side)
    got = standardize_styles(x_BCHW.clone(), 2, area)
    np.testing.assert_allclose(got, transcribed(x_BCHW.numpy(), 2, area), atol=2e-6)


@pytest.mark.parametrize("area", [0.05, 1.0])
def test_the_reference_stays_as_it_is(area):
    x_BCHW = random_batch(5, 3, 16, 16)
    got = standardize_styles(x_BCHW, 4, area)
    torch.testing.assert_close(got[4], x_BCHW[4], atol=1e-6, rtol=0)
    assert not torch.allclose(got[0], x_BCHW[0], atol=0.01)


def test_brightness_is_the_references_and_texture_stays():
    x_BCHW = (
        1 + random_batch(4, 2, 32, 32) * torch.tensor([0.1, 0.2, 0.3, 0.4])[:, None, None, None]
    )
    x_BCHW[1] += 2
    got = standardize_styles(x_BCHW, 1, 1e-6)
    means_BC = got.mean(dim=(2, 3))
    torch.testing.assert_close(means_BC, means_BC[1].expand(4, 2))
    for before, after in zip(x_BCHW, got, strict=True):
        torch.testing.assert_close(
            after - after.mean(dim=(1, 2), keepdim=True),
            before - before.mean(dim=(1, 2), keepdim=True),
            atol=1e-5,
            rtol=0,
        )


def test_empty_patches_do_not_become_what_is_no_number():
    x_BCHW = random_batch(3, 2, 16, 16)
    x_BCHW[1] = 0
    for reference in (0, 1):
        assert torch.isfinite(standardize_styles(x_BCHW, reference, 0.3)).all()


def test_a_channel_that_the_reference_lacks_has_the_style_of_the_next_patch_with_it():
    x_BCHW = random_batch(4, 3, 16, 16)
    stored_BC = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 1]], dtype=torch.bool)
    x_BCHW = x_BCHW * stored_BC[:, :, None, None]
    got = standardize_styles(x_BCHW, 1, 0.25, stored_BC)
    for channel, lender in enumerate((1, 3, 1)):
        alone = standardize_styles(x_BCHW, lender, 0.25)[:, channel]
        here_B = stored_BC[:, channel]
        torch.testing.assert_close(got[here_B, channel], alone[here_B])
        assert got[here_B, channel].mean() > 0.3
    assert not got[~stored_BC].any()


def test_every_view_has_a_reference_of_its_own(batch_of):
    batch = batch_of(count=30)
    settings = AugmentationSettings(
        rotate=False, flip=False, scale=0, shift=0, noise=0, mask_jitter=0, styles=0.1
    )

    def views(seed):
        generator = torch.Generator().manual_seed(seed)
        drawn = [sample_augmentation(settings, 30, 4, generator=generator) for _ in range(20)]
        return drawn, [apply_augmentation(batch, one, 32) for one in drawn]

    (drawn, first), (_, again) = views(1), views(1)
    assert len({one.reference for one in drawn}) > 5
    assert all(torch.equal(a.x_BCHW, b.x_BCHW) for a, b in zip(first, again, strict=True))
    expected = standardize_styles(center_crop(batch, 32).x_BCHW, drawn[0].reference, 0.1)
    torch.testing.assert_close(first[0].x_BCHW, expected, atol=1e-5, rtol=0)
    assert torch.equal(first[0].labels_BHW, batch.labels_BHW)


def test_switched_off_it_draws_nothing():
    states = []
    for styles in (0.0, 0.5):
        generator = torch.Generator().manual_seed(0)
        settings = AugmentationSettings(styles=styles)
        drawn = sample_augmentation(settings, 8, 2, generator=generator)
        states.append((drawn.linear_B22, generator.get_state()))
    assert torch.equal(states[0][0], states[1][0])
    assert not torch.equal(states[0][1], states[1][1])
