"""Losses that tell patches apart: SimCLR's NT-Xent, and maximum manifold capacity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from napari_splicer.model.losses.base import ChunkLoss, Taught

if TYPE_CHECKING:
    from torch import Tensor


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


class SimCLR(ChunkLoss):
    """SpliCER with SimCLR: ``S_i w_i (NCE(e_i -> c_i) + NCE(c_i -> e_i)) / 2``.

    Of the settings, ``temperature``, ``decorrelation`` and ``primary_terms`` count.
    """

    def pair(self, index: int, a_BK: Tensor, b_BK: Tensor, taught: Taught | None) -> Tensor:
        """Return the symmetrised contrast of one component."""
        temperature = self.settings.temperature
        return (contrast(a_BK, b_BK, temperature) + contrast(b_BK, a_BK, temperature)) / 2


# --- MMCR ---------------------------------------------------------------------------------------
# Yerxa, Kuang, Simoncelli, Chung, "Learning Efficient Coding of Natural Images with Maximum
# Manifold Capacity Representations", arXiv 2303.03307


def mmcr(a_BK: Tensor, b_BK: Tensor) -> Tensor:
    """Return ``-||C||_*``: the negative nuclear norm of the patches' centroids on the sphere.

    Each view is projected onto the unit sphere, a patch's centroid is the mean of its two views
    (the loss without the term inside manifolds).
    """
    centroid_BK = (F.normalize(a_BK, dim=1) + F.normalize(b_BK, dim=1)) / 2
    if not centroid_BK.isfinite().all():  # torch refuses these; the step is then skipped
        return centroid_BK.sum() * float("nan")
    norm: Tensor = torch.linalg.matrix_norm(centroid_BK, ord="nuc")
    return -norm


class MMCR(ChunkLoss):
    """Maximum manifold capacity per chunk.

    Of the settings, ``decorrelation`` and ``primary_terms`` count.
    """

    def pair(self, index: int, a_BK: Tensor, b_BK: Tensor, taught: Taught | None) -> Tensor:
        """Return :func:`mmcr` of one component."""
        return mmcr(a_BK, b_BK)
