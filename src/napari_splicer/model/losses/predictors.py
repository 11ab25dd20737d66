"""Predictors of the asymmetric losses: from one view's embedding to the other's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

    from napari_splicer.config import ModelSettings


def build_predictor(settings: ModelSettings, width: int) -> nn.Module:
    """Make the predictor that ``settings.predictor`` names, K -> K."""
    if settings.predictor == "direct":
        return DirectPredictor(width)
    hidden = max(16, width // 2)
    return nn.Sequential(
        nn.Linear(width, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, width),
    )


class DirectPredictor(nn.Module):
    """DirectPred: a linear predictor that is not learned but read off the embeddings.

    With ``F`` the running mean of ``a a^T`` and ``F = U diag(s) U^T``, the predictor is
    ``U diag(p) U^T``, ``p_j = sqrt(s_j) + epsilon max_j s_j`` (Tian, Chen, Ganguli, arXiv
    2102.06810).

    Parameters
    ----------
    width : int
        K.
    momentum : float
        Of the running mean.
    epsilon : float
        Least share of the largest eigenvalue.
    """

    correlation_KK: Tensor

    def __init__(self, width: int, momentum: float = 0.3, epsilon: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.epsilon = epsilon
        self.register_buffer("correlation_KK", torch.eye(width))

    def forward(self, a_BK: Tensor) -> Tensor:
        """Return the prediction; in training, the running mean takes ``a_BK`` in first."""
        if self.training:
            with torch.no_grad():
                now_KK = a_BK.T @ a_BK / len(a_BK)
                self.correlation_KK.lerp_(now_KK.to(self.correlation_KK), 1 - self.momentum)
        return a_BK @ direct_weights(self.correlation_KK, self.epsilon).to(a_BK)


@torch.no_grad()
def direct_weights(correlation_KK: Tensor, epsilon: float) -> Tensor:
    """Return the weights of :class:`DirectPredictor`, (K, K), symmetric."""
    if not correlation_KK.isfinite().all():  # torch refuses these; the step is then skipped
        return torch.full_like(correlation_KK, float("nan"))
    s_K, u_KK = torch.linalg.eigh(correlation_KK)
    s_K = s_K.clamp(min=0)
    p_K = s_K.sqrt() + epsilon * s_K.max()
    weights_KK: Tensor = (u_KK * p_K) @ u_KK.T
    return weights_KK
