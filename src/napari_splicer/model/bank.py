"""The component branches: what each component's chunk of the embedding is held against.

Branches exist only while training; embedding needs the primary alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torch import nn

from napari_splicer.model.encoders import LARGEST_MAP, CompactResNet
from napari_splicer.model.grouped import run_grouped
from napari_splicer.model.projector import build_projector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


NARROW = 8
"""Width up to which branches run grouped on a CPU: faster, or at most 7 % slower, in the benchmark.

A constant, as a measured choice would let the clock decide a model's last digits.
"""


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
    largest_map : int
        Side in pixels of the map that the branches' stems leave.

    Attributes
    ----------
    grouped : bool or None
        Whether to run them as one network; None means on accelerators, and on a CPU where they are
        narrow: wide ones are faster one after the other (``benchmarks/step_cost.py``).
    """

    def __init__(
        self,
        shapes: Sequence[BranchShape],
        *,
        width: int,
        hidden: int,
        size: int,
        largest_map: int = LARGEST_MAP,
    ) -> None:
        super().__init__()
        self.grouped: bool | None = None
        self._narrow = width <= NARROW
        self.branches = nn.ModuleList()
        for shape in shapes:
            encoder = CompactResNet(shape.channels, width, size, largest_map=largest_map)
            projector = build_projector(encoder.out_features, hidden, shape.chunk)
            self.branches.append(nn.Sequential(encoder, projector))

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
        faster = self._narrow or components[0].device.type != "cpu"
        if faster if self.grouped is None else self.grouped:
            return run_grouped(list(self.branches), components)
        return [branch(x_BCHW) for branch, x_BCHW in zip(self.branches, components, strict=True)]
