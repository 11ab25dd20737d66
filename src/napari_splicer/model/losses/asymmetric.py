"""Losses in which one view predicts the other and no patch is held against another patch.

All are symmetrised: the chunk learns from the branch, and the branch from the chunk. What is
learned from gets no gradient; with BYOL and DINO it comes from a slowly moving teacher
(:mod:`~napari_splicer.model.teacher`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from napari_splicer.model.losses.base import ChunkLoss, Taught
from napari_splicer.model.losses.predictors import build_predictor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_splicer.config import ModelSettings


# --- SimSiam and BYOL ---------------------------------------------------------------------------
# Chen, He, "Exploring Simple Siamese Representation Learning", arXiv 2011.10566
# Grill et al., "Bootstrap Your Own Latent", arXiv 2006.07733
# DirectPred for both: Tian, Chen, Ganguli, arXiv 2102.06810


def negative_cosine(p_BK: Tensor, z_BK: Tensor) -> Tensor:
    """Return the mean of ``-cos(p, z)``; ``z`` gets no gradient (arXiv 2011.10566, eq. 1)."""
    return -F.cosine_similarity(p_BK, z_BK.detach(), dim=1).mean()


def regression(p_BK: Tensor, z_BK: Tensor) -> Tensor:
    """Return the mean of ``||p/|p| - z/|z|||^2``; ``z`` gets no gradient (2006.07733, eq. 2)."""
    return 2 + 2 * negative_cosine(p_BK, z_BK)


class SimSiam(ChunkLoss):
    """``(D(p_i(e_i), c_i) + D(q_i(c_i), e_i)) / 2`` with a predictor per chunk and per branch.

    Of the settings, ``predictor``, ``decorrelation`` and ``primary_terms`` count.
    """

    def __init__(self, settings: ModelSettings, widths: Sequence[int]) -> None:
        super().__init__(settings, widths)
        self.of_chunks = nn.ModuleList(build_predictor(settings, width) for width in widths)
        self.of_branches = nn.ModuleList(build_predictor(settings, width) for width in widths)

    def pair(self, index: int, a_BK: Tensor, b_BK: Tensor, taught: Taught | None) -> Tensor:
        """Return the symmetrised loss of one component."""
        there = negative_cosine(self.of_chunks[index](a_BK), b_BK)
        back = negative_cosine(self.of_branches[index](b_BK), a_BK)
        return (there + back) / 2


class BYOL(SimSiam):
    """As SimSiam, but learning from the teacher: ``R(p_i(e_i), c'_i) + R(q_i(c_i), e'_i)``.

    Of the settings, ``predictor``, ``momentum`` (of the teacher), ``decorrelation`` and
    ``primary_terms`` count.
    """

    has_teacher: ClassVar[bool] = True

    def pair(self, index: int, a_BK: Tensor, b_BK: Tensor, taught: Taught | None) -> Tensor:
        """Return the symmetrised loss of one component."""
        chunk_BK, target_BK = _needed(taught)
        there = regression(self.of_chunks[index](a_BK), target_BK)
        back = regression(self.of_branches[index](b_BK), chunk_BK)
        return there + back


# --- DINO ---------------------------------------------------------------------------------------
# Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", arXiv 2104.14294


def distillation(
    student_BK: Tensor, teacher_BK: Tensor, centre_K: Tensor, temperatures: tuple[float, float]
) -> Tensor:
    """Return the cross-entropy of the student with the centred, sharpened teacher (eq. 2).

    ``-sum_k softmax((t - centre) / T_t)_k log softmax(s / T_s)_k``, mean over patches; the teacher
    gets no gradient.

    Parameters
    ----------
    student_BK, teacher_BK : Tensor
        Embeddings, whose columns are taken for scores of K prototypes.
    centre_K : Tensor
        Running mean of the teacher's scores.
    temperatures : (float, float)
        T_s of the student and T_t of the teacher.
    """
    of_student, of_teacher = temperatures
    wanted_BK = F.softmax((teacher_BK.detach() - centre_K) / of_teacher, dim=1)
    return -(wanted_BK * F.log_softmax(student_BK / of_student, dim=1)).sum(dim=1).mean()


class DINO(ChunkLoss):
    """``(H(c'_i, e_i) + H(e'_i, c_i)) / 2``: student and teacher agree on prototypes.

    Of the settings, ``temperatures``, ``centring``, ``momentum`` (of the teacher),
    ``decorrelation`` and ``primary_terms`` count.
    """

    has_teacher: ClassVar[bool] = True

    def __init__(self, settings: ModelSettings, widths: Sequence[int]) -> None:
        super().__init__(settings, widths)
        for index, width in enumerate(widths):
            for side in ("chunk", "target"):
                self.register_buffer(f"centre_{side}_{index}", torch.zeros(width))

    def pair(self, index: int, a_BK: Tensor, b_BK: Tensor, taught: Taught | None) -> Tensor:
        """Return the symmetrised loss of one component, then move its centres."""
        chunk_BK, target_BK = _needed(taught)
        temperatures = self.settings.temperatures
        there = distillation(a_BK, target_BK, self._centre("target", index), temperatures)
        back = distillation(b_BK, chunk_BK, self._centre("chunk", index), temperatures)
        if self.training:
            self._move(self._centre("target", index), target_BK)
            self._move(self._centre("chunk", index), chunk_BK)
        return (there + back) / 2

    def _centre(self, side: str, index: int) -> Tensor:
        return self.get_buffer(f"centre_{side}_{index}")

    @torch.no_grad()
    def _move(self, centre_K: Tensor, teacher_BK: Tensor) -> None:
        """Move a centre towards the batch's mean (eq. 4)."""
        centre_K.lerp_(teacher_BK.mean(dim=0).to(centre_K), 1 - self.settings.centring)


def _needed(taught: Taught | None) -> Taught:
    if taught is None:
        raise ValueError("this loss learns from a teacher: every pair needs 'taught'")
    return taught
