"""One small batch for all tests of losses, in float64."""

from __future__ import annotations

import torch

from napari_splicer.config import ModelSettings
from napari_splicer.model.losses import Pair, Taught, build_loss

WIDTHS = {"epithelium": 5, "immune": 3, "stroma": 4}
WEIGHTS = {"epithelium": 1.0, "immune": 0.5, "stroma": 2.0}


def chunks_and_targets():
    """Return an embedding of 16 patches in three chunks, and what each chunk is paired with."""
    generator = torch.Generator().manual_seed(0)
    e = 0.7 * torch.randn(16, 12, dtype=torch.float64, generator=generator)
    pairs, start = [], 0
    for name, width in WIDTHS.items():
        c = 0.7 * torch.randn(16, width, dtype=torch.float64, generator=generator)
        taught = [torch.randn(16, width, dtype=torch.float64, generator=generator) for _ in "ab"]
        chunk = slice(start, start + width)
        pairs.append(Pair(name, chunk, c, WEIGHTS[name], None, Taught(*taught)))
        start += width
    return e, pairs


def of(loss, batch, **settings):
    """Return the terms of a loss, built by its name."""
    e, pairs = batch
    made = build_loss(ModelSettings(loss=loss, **settings), list(WIDTHS.values()))
    torch.manual_seed(0)  # for directions
    return made.double()(e, pairs)
