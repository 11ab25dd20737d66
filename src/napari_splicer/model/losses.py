"""What the network is trained for: self-supervised losses as pure functions.

A loss compares the chunks of the primary embedding with what the component branches made of the
other view. It never sees a network. To add one, write a function of the type :data:`ChunkLoss`
and name it in :data:`LOSSES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from napari_splicer.config import ModelSettings


class Terms(NamedTuple):
    """A loss and what it is made of.

    Attributes
    ----------
    total : Tensor
        Scalar to be minimised.
    parts : dict of str to Tensor
        Each component's own share of ``total``; scalars.
    """

    total: Tensor
    parts: dict[str, Tensor]


class Pair(NamedTuple):
    """One chunk of the primary embedding, and its counterpart.

    Attributes
    ----------
    name : str
        Of the component.
    chunk : slice
        Columns of the primary embedding.
    target_BK : Tensor
        Embedding of the same patches by the component's branch, as wide as the chunk.
    weight : float
        Of the component in the loss.
    """

    name: str
    chunk: slice
    target_BK: Tensor
    weight: float = 1.0


ChunkLoss: TypeAlias = "Callable[[Tensor, Sequence[Pair], ModelSettings], Terms]"


# --- VICReg -------------------------------------------------------------------------------------
# Bardes, Ponce, LeCun, "VICReg: Variance-Invariance-Covariance Regularization", arXiv 2105.04906


def invariance(a_BD: Tensor, b_BD: Tensor) -> Tensor:
    """Return the mean squared difference of paired embeddings (eq. 5, mean over dimensions)."""
    return F.mse_loss(a_BD, b_BD)


def variance(z_BD: Tensor) -> Tensor:
    """Return ``mean_d relu(1 - sqrt(var(z_d) + 1e-4))``, the hinge on each dimension (eq. 1)."""
    deviation_D = (z_BD.var(dim=0) + 1e-4).sqrt()
    return F.relu(1 - deviation_D).mean()


def covariance(z_BD: Tensor) -> Tensor:
    """Return the sum of squared off-diagonal covariances, divided by the width (eq. 3, 4)."""
    rows, width = z_BD.shape
    centred_BD = z_BD - z_BD.mean(dim=0)
    squared_DD = (centred_BD.T @ centred_BD / (rows - 1)).square()
    return (squared_DD.sum() - squared_DD.diagonal().sum()) / width


def vicreg(e_BD: Tensor, pairs: Sequence[Pair], settings: ModelSettings) -> Terms:
    """SpliCER with VICReg: align each chunk, spread and decorrelate the whole embedding.

    ``lambda S_i w_i MSE(e_i, c_i) + mu [v(e) + S_i w_i v(c_i)] + nu [cov(e) + S_i w_i cov(c_i)]``,
    where ``S_i`` is the sum over components or their mean (``settings.primary_terms``). Variance
    and covariance are taken over the *whole* primary embedding, so that chunks are decorrelated
    from one another too (arXiv 2312.02111, 2503.07444). With a single pair as wide as the
    embedding, this is plain VICReg.

    Parameters
    ----------
    e_BD : Tensor
        Primary embedding of one view.
    pairs : sequence of Pair
        Components' embeddings of the other view.
    settings : ModelSettings
        ``alignment``, ``variance``, ``covariance`` and ``primary_terms``.

    Returns
    -------
    Terms
        Zero for a batch of fewer than two patches, for which variance is not defined.
    """
    if len(e_BD) < 2:
        return _nothing(e_BD, pairs)
    share = 1.0 if settings.primary_terms == "sum" else 1.0 / len(pairs)
    parts = {
        pair.name: share
        * pair.weight
        * (
            settings.alignment * invariance(e_BD[:, pair.chunk], pair.target_BK)
            + settings.variance * variance(pair.target_BK)
            + settings.covariance * covariance(pair.target_BK)
        )
        for pair in pairs
    }
    primary = settings.variance * variance(e_BD) + settings.covariance * covariance(e_BD)
    return Terms(primary + _total(parts), parts)


# --- SimCLR -------------------------------------------------------------------------------------
# Chen, Kornblith, Norouzi, Hinton, "A Simple Framework for Contrastive Learning of Visual
# Representations", arXiv 2002.05709


def contrast(a_BD: Tensor, b_BD: Tensor, temperature: float) -> Tensor:
    """Return NCE(a -> b): each row of ``a`` must find its own row of ``b`` among all of them.

    Cross-entropy over cosine similarities divided by ``temperature`` (eq. 1, with the other view's
    patches as negatives).
    """
    similarity_BB = F.normalize(a_BD, dim=1) @ F.normalize(b_BD, dim=1).T / temperature
    return F.cross_entropy(similarity_BB, torch.arange(len(a_BD), device=a_BD.device))


def simclr(e_BD: Tensor, pairs: Sequence[Pair], settings: ModelSettings) -> Terms:
    """SpliCER with SimCLR: ``S_i w_i (NCE(e_i -> c_i) + NCE(c_i -> e_i)) / 2``.

    Parameters and return value as in :func:`vicreg`; of the settings, ``temperature`` and
    ``primary_terms`` (sum or mean over components) count.
    """
    if len(e_BD) < 2:
        return _nothing(e_BD, pairs)
    share = 1.0 if settings.primary_terms == "sum" else 1.0 / len(pairs)
    parts = {}
    for pair in pairs:
        chunk_BK = e_BD[:, pair.chunk]
        there = contrast(chunk_BK, pair.target_BK, settings.temperature)
        back = contrast(pair.target_BK, chunk_BK, settings.temperature)
        parts[pair.name] = share * pair.weight * (there + back) / 2
    return Terms(_total(parts), parts)


LOSSES: Mapping[str, ChunkLoss] = {"vicreg": vicreg, "simclr": simclr}


def _total(parts: Mapping[str, Tensor]) -> Tensor:
    return torch.stack(tuple(parts.values())).sum()


def _nothing(e_BD: Tensor, pairs: Sequence[Pair]) -> Terms:
    zero = e_BD.sum() * 0  # keeps the graph, so that backward() works
    return Terms(zero, {pair.name: zero for pair in pairs})
