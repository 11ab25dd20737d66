"""What a network makes of many patches, in as large pieces as memory holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_splicer.patches.shortage import give_back, is_out_of_memory

if TYPE_CHECKING:
    from torch import Tensor

    from napari_splicer.model.splicer import SpliCER


def embedded(network: SpliCER, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
    """Return representation (B, Z) and primary embedding (B, D) of a network in evaluation mode.

    Where memory runs out, of half as many patches at a time, down to single ones.
    """
    most = max(1, len(x_BCHW))
    while True:
        try:
            parts = [network.embed(piece) for piece in torch.split(x_BCHW, most)]
            z_BZ, e_BD = (torch.cat(several) for several in zip(*parts, strict=True))
            return z_BZ, e_BD
        except (RuntimeError, MemoryError) as error:
            if most == 1 or not is_out_of_memory(error):
                raise
            most = (most + 1) // 2
        give_back(x_BCHW.device)
