"""Batch Styles Standardization: all patches of a batch take on the style of one of them.

Scalbert, Vakalopoulou, Couzinié-Devy, "Towards domain-invariant Self-Supervised Learning with Batch
Styles Standardization", arXiv 2303.06088, figure 1a: what tells slides and stains apart lies in the
low frequencies' amplitudes, so where a batch shares these, patches can't be told apart by them.

The lowest frequency is the mean. A marker's brightness, too, is therefore style, and a network that
is trained this way learns to look at texture and shape alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def standardize_styles(
    x_BCHW: Tensor, reference: int, area: float, stored_BC: Tensor | None = None
) -> Tensor:
    """Return patches whose low frequencies have the amplitudes of the reference patch.

    For every channel, with ``F`` the Fourier transform: ``|F(x)|`` becomes ``|F(x_reference)|``
    within the square of low frequencies, phases stay, and what is negative after the inverse
    transform becomes 0, the background.

    Parameters
    ----------
    x_BCHW : float32 Tensor
        Normalised.
    reference : int
        Row of the batch.
    area : float
        Of the square, as a share of the plane of frequencies: 0 is the mean alone, 1 all.
    stored_BC : bool Tensor, optional
        Which channels the patches' images have; default all. Where the reference lacks a channel,
        the next patch that has it lends its style, and where a patch lacks one, it stays empty.
    """
    height, width = x_BCHW.shape[-2:]
    f_BCHF = torch.fft.rfft2(x_BCHW)
    y, x = (_low(size, area).to(x_BCHW.device) for size in (height, width))
    here = (..., y[:, None], x[x <= width // 2])  # real patches: the other half mirrors this one
    low_BCYX = f_BCHF[here]
    if stored_BC is None or bool(stored_BC.all()):
        lent_BCYX = low_BCYX[reference].abs().expand_as(low_BCYX)
    else:
        stored_BC = stored_BC.to(x_BCHW.device)
        after_BC = stored_BC.roll(-reference, dims=0).int()
        lender_C = (after_BC.argmax(dim=0) + reference) % len(x_BCHW)
        lent_CYX = low_BCYX[lender_C, torch.arange(len(lender_C), device=x_BCHW.device)].abs()
        lent_BCYX = lent_CYX * stored_BC[:, :, None, None]
    f_BCHF[here] = torch.polar(lent_BCYX, low_BCYX.angle())
    changed_BCHW: Tensor = torch.fft.irfft2(f_BCHF, s=(height, width))
    return changed_BCHW.clamp_(min=0)


def _low(size: int, area: float) -> Tensor:
    """Return where, along an axis of a transform, the low frequencies of either sign lie."""
    frequency_S = torch.fft.fftfreq(size, d=1 / size).round()
    low_S: Tensor = frequency_S.abs() <= math.sqrt(area) * size / 2
    return low_S.nonzero()[:, 0]
