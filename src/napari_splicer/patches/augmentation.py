"""Two views of a patch: what is changed is drawn first, and applied on the device."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from napari_splicer.patches.styles import standardize_styles

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_splicer.config import AugmentationSettings
    from napari_splicer.patches.reader import PatchBatch


@dataclass(frozen=True, eq=False)
class Augmentation:
    """What happens to each patch of a batch.

    Parameters
    ----------
    linear_B22 : float32 Tensor
        Where a step (x, y) in the view leads in the patch: rotation, flip and zoom.
    shift_B2 : float32 Tensor
        Of the view's centre in the patch, (x, y), in fractions of the view's side.
    whole_pixels : bool
        Whether shifts are rounded to whole pixels, so that nothing is interpolated.
    gain_BC : float32 Tensor
        Factors of the channels.
    noise : float
        Standard deviation, in normalised units.
    seed : int
        Of the noise.
    blur_B : bool Tensor
        Which patches are blurred.
    grow_B : int64 Tensor
        Pixels by which masks grow, or shrink where negative.
    offset_B2 : int64 Tensor
        Of the masks against the pixels, (x, y): where outlines are drawn beside what they outline.
    styles : float
        Share of the frequencies that take their amplitudes from the patch ``reference``; 0: none.
    reference : int
        A row of the batch.
    batch : int
        Patches that noise is drawn for.
    rows : slice
        Which of them these are.
    """

    linear_B22: Tensor
    shift_B2: Tensor
    whole_pixels: bool
    gain_BC: Tensor
    noise: float
    seed: int
    blur_B: Tensor
    grow_B: Tensor
    offset_B2: Tensor
    styles: float
    reference: int
    batch: int
    rows: slice

    def of(self, rows: slice) -> Augmentation:
        """Return what happens to some of the patches, as it does among all of them.

        Not with styles, which are taken from another patch.
        """
        return replace(
            self,
            linear_B22=self.linear_B22[rows],
            shift_B2=self.shift_B2[rows],
            gain_BC=self.gain_BC[rows],
            blur_B=self.blur_B[rows],
            grow_B=self.grow_B[rows],
            offset_B2=self.offset_B2[rows],
            rows=rows,
        )


def padded_size(settings: AugmentationSettings, size: int) -> int:
    """Return the side of patches from which views of ``size`` pixels can be cut at any time.

    No view reaches outside, so nothing has to be invented; only masks that are set off may repeat
    the patch's outermost pixels. Odd or even as ``size`` is, so that the centres of both agree.
    """
    reach = (size - 1) * (1 + settings.scale)
    if settings.rotate:
        reach *= math.sqrt(2)
    margin = math.ceil((reach + 2 * settings.shift * size - (size - 1)) / 2 - 1e-6)
    return size + 2 * max(0, margin)


def sample_augmentation(
    settings: AugmentationSettings, count: int, channels: int, *, generator: Generator
) -> Augmentation:
    """Draw the changes for ``count`` patches of ``channels`` channels.

    Parameters
    ----------
    settings : AugmentationSettings
    count, channels : int
    generator : torch.Generator
        On the CPU, so that a seed gives the same views on every device, but for the noise: its
        seed is drawn here, and the device draws from it.
    """

    def uniform(*shape: int, reach: float) -> Tensor:
        return (torch.rand(shape, generator=generator) * 2 - 1) * reach

    angle_B = uniform(count, reach=math.pi * settings.rotate)
    zoom_B = 1 + uniform(count, reach=settings.scale)
    flip_B2 = 1.0 - 2.0 * torch.randint(0, 2, (count, 2), generator=generator) * settings.flip
    cos_B, sin_B = zoom_B * angle_B.cos(), zoom_B * angle_B.sin()
    rotation_B22 = torch.stack([cos_B, -sin_B, sin_B, cos_B], dim=1).reshape(count, 2, 2)
    jitter = settings.mask_jitter
    return Augmentation(
        linear_B22=rotation_B22 * flip_B2[:, None, :],
        shift_B2=uniform(count, 2, reach=settings.shift),
        whole_pixels=not settings.rotate and settings.scale == 0,
        gain_BC=1 + uniform(count, channels, reach=settings.gain),
        noise=settings.noise,
        seed=int(torch.randint(0, 2**31, (), generator=generator)),
        blur_B=torch.rand(count, generator=generator) < settings.blur,
        grow_B=torch.randint(-jitter, jitter + 1, (count,), generator=generator),
        styles=settings.styles,
        reference=int(torch.randint(count, (), generator=generator)) if settings.styles else 0,
        offset_B2=torch.randint(-jitter, jitter + 1, (count, 2), generator=generator)
        if jitter
        else torch.zeros(count, 2, dtype=torch.int64),
        batch=count,
        rows=slice(None),
    )


def apply_augmentation(
    batch: PatchBatch, augmentation: Augmentation, size: int, stored_BC: Tensor | None = None
) -> PatchBatch:
    """Return the view of ``size`` pixels that ``augmentation`` makes of a normalised batch.

    Pixels are interpolated, labels and regions take the nearest; the geometry is the same, but for
    the masks' offset, which is told in the patch's pixels. ``stored_BC`` tells which channels the
    patches' images have, where some lack one: styles are taken from those that have it.
    """
    device = batch.x_BCHW.device
    position_BSS2 = _positions(augmentation, size).to(device)
    x_BCHW = _interpolate(batch.x_BCHW, position_BSS2)
    if augmentation.styles > 0:
        reference, area = augmentation.reference, augmentation.styles
        x_BCHW = standardize_styles(x_BCHW, reference, area, stored_BC)
    labels_BHW, regions_BRHW = _nearest(batch, position_BSS2, augmentation.offset_B2.to(device))
    grow_B = augmentation.grow_B
    if bool(grow_B.any()):
        own_BHW = labels_BHW == batch.id_B[:, None, None]
        masks_BRHW = torch.cat([own_BHW[:, None], regions_BRHW], dim=1)
        grown_BRHW = grow_masks(masks_BRHW, grow_B)
        regions_BRHW = grown_BRHW[:, 1:]
        labels_BHW = torch.where(own_BHW, 0, labels_BHW)
        labels_BHW = torch.where(grown_BRHW[:, 0], batch.id_B[:, None, None], labels_BHW)
    return replace(
        batch,
        x_BCHW=_change_intensity(x_BCHW, augmentation),
        labels_BHW=labels_BHW,
        regions_BRHW=regions_BRHW,
    )


def center_crop(batch: PatchBatch, size: int) -> PatchBatch:
    """Return the middle ``size`` pixels of every patch."""
    start = (batch.x_BCHW.shape[-1] - size) // 2
    window = (..., slice(start, start + size), slice(start, start + size))
    return replace(
        batch,
        x_BCHW=batch.x_BCHW[window],
        labels_BHW=batch.labels_BHW[window],
        regions_BRHW=batch.regions_BRHW[window],
    )


def grow_masks(masks_BRHW: Tensor, grow_B: Tensor) -> Tensor:
    """Return masks grown by ``grow_B`` pixels in all eight directions, shrunk where negative."""
    inside_BRHW = masks_BRHW.to(torch.float32)
    outside_BRHW = 1 - inside_BRHW
    # Signed depth of each pixel: d - 1/2 if d pixels inside the mask, 1/2 - d if d outside.
    depth_BRHW = inside_BRHW - 0.5
    for _ in range(int(grow_B.abs().max())):
        inside_BRHW = functional.max_pool2d(inside_BRHW, 3, stride=1, padding=1)
        outside_BRHW = functional.max_pool2d(outside_BRHW, 3, stride=1, padding=1)
        depth_BRHW += inside_BRHW - outside_BRHW
    return depth_BRHW > -grow_B.to(masks_BRHW.device)[:, None, None, None]


def _positions(augmentation: Augmentation, size: int) -> Tensor:
    """Return where each pixel of the views lies: (x, y) in pixels from the patch's centre."""
    step_S = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
    y_SS, x_SS = torch.meshgrid(step_S, step_S, indexing="ij")
    steps_2N = torch.stack([x_SS.flatten(), y_SS.flatten()])
    shift_B2 = augmentation.shift_B2 * size
    if augmentation.whole_pixels:
        shift_B2 = shift_B2.round()
    position_B2N = augmentation.linear_B22 @ steps_2N + shift_B2[:, :, None]
    return position_B2N.transpose(1, 2).reshape(-1, size, size, 2)


def _interpolate(x_BCHW: Tensor, position_BSS2: Tensor) -> Tensor:
    return functional.grid_sample(
        x_BCHW,
        position_BSS2 * (2 / x_BCHW.shape[-1]),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )


def _nearest(batch: PatchBatch, position_BSS2: Tensor, offset_B2: Tensor) -> tuple[Tensor, Tensor]:
    """Return labels and regions, set off, at the pixels nearest to the positions."""
    count, regions, side, _ = batch.regions_BRHW.shape
    size = position_BSS2.shape[1]
    pixel_BSS2 = (position_BSS2 + (side - 1) / 2).round().long() - offset_B2[:, None, None, :]
    pixel_BSS2.clamp_(0, side - 1)
    place_BN = (pixel_BSS2[..., 1] * side + pixel_BSS2[..., 0]).flatten(1)
    labels_BN = batch.labels_BHW.flatten(1).gather(1, place_BN)
    place_BRN = place_BN[:, None].expand(-1, regions, -1)
    regions_BRN = batch.regions_BRHW.flatten(2).gather(2, place_BRN)
    return labels_BN.view(count, size, size), regions_BRN.view(count, regions, size, size)


def _change_intensity(x_BCHW: Tensor, augmentation: Augmentation) -> Tensor:
    """Blur, scale and add noise, in place."""
    device = x_BCHW.device
    if bool(augmentation.blur_B.any()):
        rows = augmentation.blur_B.nonzero()[:, 0].to(device)
        x_BCHW[rows] = _blur(x_BCHW[rows])
    if bool((augmentation.gain_BC != 1).any()):
        x_BCHW.mul_(augmentation.gain_BC.to(device)[:, :, None, None])
    if augmentation.noise > 0:
        generator = torch.Generator(device).manual_seed(augmentation.seed)
        shape = (augmentation.batch, *x_BCHW.shape[1:])
        noise_BCHW = torch.randn(shape, generator=generator, device=device)
        x_BCHW.add_(noise_BCHW[augmentation.rows], alpha=augmentation.noise)
    return x_BCHW


def _blur(x_BCHW: Tensor) -> Tensor:
    """Return the patches smoothed by the binomial kernel (1 2 1) / 4 along both axes."""
    x_BCHW = functional.pad(x_BCHW, (1, 1, 1, 1), mode="replicate")
    x_BCHW = (x_BCHW[..., :-2] + 2 * x_BCHW[..., 1:-1] + x_BCHW[..., 2:]) / 4
    return (x_BCHW[..., :-2, :] + 2 * x_BCHW[..., 1:-1, :] + x_BCHW[..., 2:, :]) / 4
