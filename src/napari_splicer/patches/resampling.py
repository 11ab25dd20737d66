"""Patches of images whose pixels have another size than the model's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_splicer.patches.canvas import as_bits

if TYPE_CHECKING:
    from torch import Tensor


def resampled(x_BCHW: Tensor, size: int) -> Tensor:
    """Return pixels, float32, on ``size`` × ``size``: interpolated, smoothed where they shrink."""
    x_BCHW = x_BCHW.to(torch.float32)
    if x_BCHW.shape[-1] == size:
        return x_BCHW
    return torch.nn.functional.interpolate(
        x_BCHW, (size, size), mode="bilinear", antialias=True, align_corners=False
    )


def nearest(masks: Tensor, size: int) -> Tensor:
    """Return masks (..., S, S) of any type on ``size`` × ``size``, each pixel the nearest one's."""
    side = masks.shape[-1]
    if side == size:
        return masks
    index = (torch.arange(size, device=masks.device) * 2 + 1) * side // (2 * size)
    return as_bits(masks)[..., index[:, None], index].view(masks.dtype)
