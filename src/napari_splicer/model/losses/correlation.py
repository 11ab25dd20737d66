"""Losses that align views and keep dimensions uncorrelated: VICReg, Barlow Twins, SSL-EY."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch.nn.functional as F

from napari_splicer.model.losses.base import ChunkLoss, Taught, chunk_redundancy, correlation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


# --- VICReg -------------------------------------------------------------------------------------
# Bardes, Ponce, LeCun, "VICReg: Variance-Invariance-Covariance Regularization", arXiv 2105.04906


def invariance(a_BD: Tensor, b_BD: Tensor) -> Tensor:
    """Return the mean squared difference of paired embeddings (eq. 5, mean over dimensions)."""
    return F.mse_loss(a_BD, b_BD)


def variance(z_BD: Tensor) -> Tensor:
    """Return ``mean_d relu(1 - sqrt(var(z_d) + 1e-4))``, the hinge on each dimension (eq. 1)."""
    deviation_D = (z_BD.var(dim=0) + 1e-4).sqrt()
    return F.relu(1 - deviation_D).mean()


def covariance(z_BD: Tensor, chunks: Sequence[slice] = (), between: float = 1.0) -> Tensor:
    """Return the sum of squared off-diagonal covariances, divided by the width (eq. 3, 4).

    Parameters
    ----------
    z_BD : Tensor
    chunks : sequence of slice
        Parts of the embedding.
    between : float
        Weight of covariances between different chunks.
    """
    squared_DD = _covariances(z_BD).square()
    total = squared_DD.sum() - squared_DD.diagonal().sum()
    if chunks and between != 1.0:
        within = sum(squared_DD[c, c].sum() - squared_DD[c, c].diagonal().sum() for c in chunks)
        total = within + between * (total - within)
    return total / z_BD.shape[1]


class VICReg(ChunkLoss):
    """SpliCER with VICReg: align each chunk, spread and decorrelate the whole embedding.

    ``lambda S_i w_i MSE(e_i, c_i) + mu [v(e) + S_i w_i v(c_i)] + nu [cov(e) + S_i w_i cov(c_i)]``,
    where ``S_i`` is the sum over components or their mean (``settings.primary_terms``). Variance
    and covariance are taken over the *whole* primary embedding, so that chunks are decorrelated
    from one another too (arXiv 2312.02111, 2503.07444). With a single pair as wide as the
    embedding, this is plain VICReg. With ``decorrelation = 0``, every chunk and its component are
    held to plain VICReg by themselves.

    Of the settings, ``alignment``, ``variance``, ``covariance``, ``decorrelation`` and
    ``primary_terms`` count.
    """

    decorrelation: ClassVar[float] = 1.0

    def pair(self, index: int, a_BK: Tensor, b_BK: Tensor, taught: Taught | None) -> Tensor:
        """Return the terms of one component."""
        value = self.settings.alignment * invariance(a_BK, b_BK) + self._spread(b_BK)
        return value if self.between else value + self._spread(a_BK)

    def whole(self, e_BD: Tensor, chunks: Sequence[slice]) -> Tensor:
        """Return the variance and covariance terms of the primary embedding."""
        if not self.between:
            return e_BD.sum() * 0
        cov = covariance(e_BD, chunks, self.between)
        return self.settings.variance * variance(e_BD) + self.settings.covariance * cov

    def _spread(self, z_BK: Tensor) -> Tensor:
        return self.settings.variance * variance(z_BK) + self.settings.covariance * covariance(z_BK)


# --- Barlow Twins -------------------------------------------------------------------------------
# Zbontar, Jing, Misra, LeCun, Deny, "Barlow Twins: Self-Supervised Learning via Redundancy
# Reduction", arXiv 2103.03230


def barlow_twins(a_BK: Tensor, b_BK: Tensor, redundancy: float) -> Tensor:
    """Return ``sum_i (1 - C_ii)^2 + redundancy sum_{i != j} C_ij^2`` (eq. 1, 2).

    ``C`` is the correlation of the columns of one view with those of the other over the batch.
    """
    c_KK = correlation(a_BK, b_BK)
    squared_KK = c_KK.square()
    apart = squared_KK.sum() - squared_KK.diagonal().sum()
    return (1 - c_KK.diagonal()).square().sum() + redundancy * apart


class BarlowTwins(ChunkLoss):
    """Barlow Twins per chunk; between chunks, redundancy within the primary embedding.

    Of the settings, ``redundancy`` (lambda), ``decorrelation`` and ``primary_terms`` count.
    """

    decorrelation: ClassVar[float] = 1.0

    def pair(self, index: int, a_BK: Tensor, b_BK: Tensor, taught: Taught | None) -> Tensor:
        """Return :func:`barlow_twins` of one component."""
        return barlow_twins(a_BK, b_BK, self.settings.redundancy)

    def whole(self, e_BD: Tensor, chunks: Sequence[slice]) -> Tensor:
        """Return lambda times the squared correlations between chunks."""
        strength = self.between * self.settings.redundancy * e_BD.shape[1]
        return strength * chunk_redundancy(e_BD, chunks)


# --- SSL-EY -------------------------------------------------------------------------------------
# Chapman, Lawry Aguila, Wells, "Unconstrained Stochastic CCA: Unifying Multiview and
# Self-Supervised Learning", arXiv 2310.01012


def ssl_ey(a_BK: Tensor, b_BK: Tensor) -> Tensor:
    """Return ``tr(-2 A + V V)``, whose minimum is the canonical correlation of the views.

    ``A = Cov(a, b) + Cov(b, a)``, ``V = Var(a) + Var(b)``, both over the batch (the Eckhart-Young
    loss, with the same batch for both factors of ``V V``).
    """
    a_BK, b_BK = a_BK - a_BK.mean(dim=0), b_BK - b_BK.mean(dim=0)
    rows = len(a_BK) - 1
    shared = 2 * (a_BK * b_BK).sum() / rows
    v_KK = (a_BK.T @ a_BK + b_BK.T @ b_BK) / rows
    return -2 * shared + v_KK.square().sum()


class SSLEY(ChunkLoss):
    """SSL-EY per chunk; between chunks, what ``tr(V V)`` of the whole would add.

    That addition takes ``c_i`` for ``e_i``, which it is aligned with: ``V_ij = 2 Cov(e_i, e_j)``.
    Of the settings, ``decorrelation`` and ``primary_terms`` count.
    """

    decorrelation: ClassVar[float] = 1.0

    def pair(self, index: int, a_BK: Tensor, b_BK: Tensor, taught: Taught | None) -> Tensor:
        """Return :func:`ssl_ey` of one component."""
        return ssl_ey(a_BK, b_BK)

    def whole(self, e_BD: Tensor, chunks: Sequence[slice]) -> Tensor:
        """Return four times the squared covariances between chunks."""
        if len(chunks) < 2:
            return e_BD.sum() * 0
        squared_DD = _covariances(e_BD).square()
        within = sum(squared_DD[chunk, chunk].sum() for chunk in chunks)
        return 4 * self.between * (squared_DD.sum() - within)


def _covariances(z_BD: Tensor) -> Tensor:
    centred_BD = z_BD - z_BD.mean(dim=0)
    return centred_BD.T @ centred_BD / (len(z_BD) - 1)
