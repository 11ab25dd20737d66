"""SpliCER in a training loop of your own, with an encoder and a loss of your own.

    python examples/own_training_loop.py

The pieces are those that ``pipeline.train`` is made of: patches are cut around cells, normalised,
augmented twice and split into components; ``SpliCER.objective`` gives the loss, and
``SpliCER.after_step`` lets the teacher follow, where a loss has one (BYOL, DINO).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from napari_splicer import Component, Decomposition, Region, synthetic_tissue
from napari_splicer.config import AugmentationSettings, ModelSettings, NormalizationSettings
from napari_splicer.model.objectives import build_network
from napari_splicer.patches.augmentation import (
    apply_augmentation,
    center_crop,
    padded_size,
    sample_augmentation,
)
from napari_splicer.patches.cache import PatchCache
from napari_splicer.patches.normalization import Normalization, fit_normalization
from napari_splicer.patches.reader import PatchBatch, PatchReader
from napari_splicer.patches.sites import cell_sites
from napari_splicer.patches.splitting import split
from napari_splicer.quality import rankme

if TYPE_CHECKING:
    from torch import Tensor

    from napari_splicer.model.splicer import SpliCER

SIZE = 32  # side of a patch in pixels
BATCH = 64
PARTS = Decomposition(
    (
        Component(name="lineage", channels=("CD3", "CD8", "CD20")),
        Component(name="granules", channels=("GZMB",), region=Region(kind="cell")),
        Component(name="around", channels=("PanCK", "CD20"), region=Region(kind="surroundings")),
    )
)


class MyEncoder(nn.Module):
    """Any network from patches (B, C, H, W) to vectors (B, Z) will do."""

    def __init__(self, channels: int, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.GELU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return z_BZ."""
        z_BZ: Tensor = self.layers(x_BCHW)
        return z_BZ


class MyLoss(nn.Module):
    """Any function of two embeddings (B, K) will do: a chunk's, and its component's branch's.

    Here: both views agree, and every dimension differs between patches and from the others.
    """

    def __init__(self, spread: float = 1.0) -> None:
        super().__init__()
        self.spread = spread

    def forward(self, a_BK: Tensor, b_BK: Tensor) -> Tensor:
        """Return a number to be made small."""
        apart = [torch.cov(z_BK.T) - torch.eye(z_BK.shape[1]).to(z_BK) for z_BK in (a_BK, b_BK)]
        spread = torch.stack([differs_KK.square().mean() for differs_KK in apart]).sum()
        return (a_BK - b_BK).square().mean() + self.spread * spread


def train(
    network: SpliCER, cache: PatchCache, normalization: Normalization, steps: int
) -> list[float]:
    """Train for ``steps`` steps; return the losses."""
    draw = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    settings = AugmentationSettings()

    def view(batch: PatchBatch) -> PatchBatch:
        drawn = sample_augmentation(settings, len(batch), len(PARTS.channels), generator=draw)
        return apply_augmentation(batch, drawn, SIZE)

    losses = []
    for step in range(steps):
        batch = cache.take(torch.randint(len(cache), (BATCH,), generator=draw))
        batch = replace(batch, x_BCHW=normalization.apply(batch.x_BCHW))
        first, second = view(batch), view(batch)
        terms = network.objective(first.x_BCHW, split(second, PARTS, PARTS.channels))
        optimizer.zero_grad()
        terms.total.backward()
        optimizer.step()
        network.after_step(step / steps)
        losses.append(terms.total.item())
        if step % 20 == 0:
            parts = ", ".join(f"{name} {loss.item():.2f}" for name, loss in terms.parts.items())
            print(f"step {step}: loss {losses[-1]:.2f} ({parts})")
    return losses


def main(*, size: int = 256, steps: int = 100) -> list[float]:
    """Train on a tissue of ``size`` pixels; return the losses."""
    torch.manual_seed(0)
    field = synthetic_tissue(size=size).field
    normalization = fit_normalization([field], PARTS.channels, NormalizationSettings())
    side = padded_size(AugmentationSettings(), SIZE)  # room for rotation and shift
    reader = PatchReader(
        [field], cell_sites([field]), channels=PARTS.channels, side=side, size=side
    )
    cache = PatchCache.draw(reader, budget_gb=1)

    network = build_network(
        ModelSettings(embedding=96),
        PARTS,
        PARTS.channels,
        SIZE,
        encoder=MyEncoder(len(PARTS.channels)),
        loss=MyLoss(),  # or the name of one that is there: ModelSettings(loss="byol")
    )
    losses = train(network, cache, normalization, steps)

    network.eval()
    everything = center_crop(cache.take(torch.arange(len(cache))), SIZE)
    with torch.inference_mode():
        z_NZ = network.represent(normalization.apply(everything.x_BCHW))
    print(
        f"{len(z_NZ)} cells, representation of rank {rankme(z_NZ.numpy()):.1f} in {z_NZ.shape[1]}"
    )
    return losses


if __name__ == "__main__":
    main()
