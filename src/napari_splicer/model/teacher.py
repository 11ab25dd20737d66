"""The teacher: a slowly moving copy of the network that BYOL and DINO learn from."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class Teacher(nn.Module):
    """Exponential moving average of modules; gets no gradient.

    Parameters
    ----------
    students : mapping of str to nn.Module
        What is followed. Their normalisation uses each batch's own statistics while they train, in
        the copy too.
    """

    def __init__(self, students: dict[str, nn.Module]) -> None:
        super().__init__()
        self.copies = nn.ModuleDict({name: copy.deepcopy(s) for name, s in students.items()})
        self.requires_grad_(False)

    @torch.no_grad()
    def __call__(self, name: str, *inputs: object) -> Tensor:
        """Return what the copy of ``name`` makes of the inputs."""
        return self.copies[name](*inputs)  # type: ignore[no-any-return]

    @torch.no_grad()
    def follow(self, students: dict[str, nn.Module], momentum: float) -> None:
        """Move every weight towards the student's: ``t <- m t + (1 - m) s``."""
        for name, student in students.items():
            for mine, other in zip(
                self.copies[name].parameters(), student.parameters(), strict=True
            ):
                mine.lerp_(other.detach(), 1 - momentum)


def momentum_at(first: float, progress: float) -> float:
    """Return the teacher's momentum, which rises from ``first`` to 1 in half a cosine.

    ``1 - (1 - first) (cos(pi progress) + 1) / 2`` (Grill et al., arXiv 2006.07733), ``progress``
    from 0 to 1.
    """
    return 1 - (1 - first) * (math.cos(math.pi * progress) + 1) / 2
