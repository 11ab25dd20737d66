"""LeJEPA: two views agree, and what they agree on is spread like an isotropic Gaussian.

Balestriero, LeCun, "LeJEPA: Provable and Scalable Self-Supervised Learning Without the Heuristics",
arXiv 2511.08544.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
import torch.nn.functional as F

from napari_splicer.model.losses.base import ChunkLoss, Taught

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_REACH, _KNOTS = 5.0, 17  # of the integral over frequencies


def epps_pulley(x_BS: Tensor) -> Tensor:
    """Return how far each column is from a standard normal distribution, (S,).

    ``B integral |phi_x(t) - exp(-t^2 / 2)|^2 exp(-t^2 / 2) dt``, where ``phi_x`` is the empirical
    characteristic function (the Epps-Pulley test of section 4.2), by the trapezoidal rule with
    17 knots from -5 to 5.
    """
    t_T = torch.linspace(-_REACH, _REACH, _KNOTS, dtype=x_BS.dtype, device=x_BS.device)
    normal_T = torch.exp(-t_T.square() / 2)
    angle_BST = x_BS[..., None] * t_T
    real_ST, imaginary_ST = angle_BST.cos().mean(dim=0), angle_BST.sin().mean(dim=0)
    squared_ST = (real_ST - normal_T).square() + imaginary_ST.square()
    return len(x_BS) * torch.trapezoid(squared_ST * normal_T, t_T, dim=1)


def sigreg(z_BD: Tensor, directions_DS: Tensor) -> Tensor:
    """Return sketched isotropic Gaussian regularisation (algorithm 1).

    Parameters
    ----------
    z_BD : Tensor
    directions_DS : Tensor
        Along which ``z`` is looked at; scaled to length 1 here.
    """
    return epps_pulley(z_BD @ F.normalize(directions_DS, dim=0)).mean()


def agreement(a_BD: Tensor, b_BD: Tensor) -> Tensor:
    """Return the mean squared distance of both views to their mean."""
    return ((a_BD - b_BD) / 2).square().mean()


class LeJEPA(ChunkLoss):
    """``(1 - lambda) agreement(e_i, c_i) + lambda SIGReg``, averaged over the two views.

    SIGReg is taken of every branch and of the *whole* primary embedding, where dimensions of
    different chunks become independent too; with ``decorrelation = 0``, of every chunk by itself.
    Directions are drawn anew for every batch from torch's random state. Of the settings,
    ``gaussian`` (lambda), ``directions`` (their number), ``decorrelation`` (on or off) and
    ``primary_terms`` count.
    """

    decorrelation: ClassVar[float] = 1.0

    def pair(self, index: int, a_BK: Tensor, b_BK: Tensor, taught: Taught | None) -> Tensor:
        """Return the terms of one component."""
        value = (1 - self.settings.gaussian) * agreement(a_BK, b_BK) + self._spread(b_BK)
        return value if self.between else value + self._spread(a_BK)

    def whole(self, e_BD: Tensor, chunks: Sequence[slice]) -> Tensor:
        """Return the primary embedding's share of SIGReg."""
        return self._spread(e_BD) if self.between else e_BD.sum() * 0

    def _spread(self, z_BD: Tensor) -> Tensor:
        # Drawn on the CPU, so that every device looks along the same directions.
        directions_DS = torch.randn(z_BD.shape[1], self.settings.directions).to(z_BD)
        return self.settings.gaussian * sigreg(z_BD, directions_DS) / 2
