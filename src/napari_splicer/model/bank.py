"""The component branches: what each component's chunk of the embedding is held against.

Branches exist only while training; embedding needs the primary alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torch import nn

from napari_splicer.model.encoders import CompactResNet
from napari_splicer.model.grouped import run_grouped
from napari_splicer.model.projector import build_projector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class BranchShape(NamedTuple):
    """How wide one branch is: ``channels`` it sees, and its ``chunk`` of the embedding."""

    channels: int
    chunk: int


class ComponentBank(nn.Module):
    """One compact encoder and projector per component, each narrower than the primary.

    The branches run one after the other, or as one network with grouped layers; the numbers are
    the same, to rounding.

    Parameters
    ----------
    shapes : sequence of BranchShape
        One per component.
    width : int
        Channels of every branch's first stage.
    hidden : int
        Width of every projector's hidden layer.
    size : int
        Side of the patch in pixels.

    Attributes
    ----------
    grouped : bool or None
        Whether to run them as one network; None means on accelerators only. On a CPU one after the
        other is faster unless branches are many and very narrow (``benchmarks/step_cost.py``).
    """

    def __init__(
        self, shapes: Sequence[BranchShape], *, width: int, hidden: int, size: int
    ) -> None:
        super().__init__()
        self.grouped: bool | None = None
        self.branches = nn.ModuleList(_branch(shape, width, hidden, size) for shape in shapes)

    def __len__(self) -> int:
        return len(self.branches)

    def forward(self, components: Sequence[Tensor]) -> list[Tensor]:
        """Embed every component.

        Parameters
        ----------
        components : sequence of Tensor
            What each component sees of the same patches, (B, C_i, H, W).

        Returns
        -------
        list of Tensor
            c_i, each (B, K_i).
        """
        accelerated = components[0].device.type != "cpu"
        if accelerated if self.grouped is None else self.grouped:
            return run_grouped(list(self.branches), components)
        return [branch(x_BCHW) for branch, x_BCHW in zip(self.branches, components, strict=True)]


def _branch(shape: BranchShape, width: int, hidden: int, size: int) -> nn.Sequential:
    encoder = CompactResNet(shape.channels, width, size)
    return nn.Sequential(encoder, build_projector(encoder.out_features, hidden, shape.chunk))
