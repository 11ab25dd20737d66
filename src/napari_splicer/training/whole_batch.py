"""Losses and batch normalisation over the patches of all processes, with gradients.

Every process then computes the same loss ``L`` of all embeddings. What each hands back along its
own rows is the sum of all processes' gradients, ``size`` times that of ``L``; so the mean of the
processes' gradients is the gradient that a single process would have, for weights before and behind
the gathering alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from napari_splicer.model.losses import Pair, Taught

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor, nn
    from torch.utils.hooks import RemovableHandle

    from napari_splicer.model.losses import ChunkLoss, Terms
    from napari_splicer.training.group import Joined

    Inputs = tuple[Tensor, Sequence[Pair]]


class WholeBatch(TorchFunctionMode):
    """A context in which losses and batch normalisation see the patches of all processes.

    It stands in for :func:`torch.nn.functional.batch_norm`, through which PyTorch's layers, timm's
    and the grouped branches all go. ``torch.nn.SyncBatchNorm`` is for CUDA alone, and for layers
    that run one by one.

    Parameters
    ----------
    group : Joined
    losses : sequence of ChunkLoss
        Are handed the embeddings of all patches, so that within them nothing else is changed.
    """

    def __init__(self, group: Joined, losses: Sequence[ChunkLoss]) -> None:
        super().__init__()
        self._group = group
        self._losses = losses
        self._hooks: list[RemovableHandle] = []
        self._in_a_loss = False

    def __enter__(self) -> WholeBatch:
        for loss in self._losses:
            self._hooks.append(loss.register_forward_pre_hook(self._before_a_loss))
            self._hooks.append(loss.register_forward_hook(self._after_a_loss))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)  # type: ignore[no-untyped-call]
        while self._hooks:
            self._hooks.pop().remove()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func is not F.batch_norm or not given["training"] or self._in_a_loss:
            return func(*args, **given)
        x, running_mean, running_var = args
        result, mean_C, variance_C = _Normalise.apply(
            x, given["weight"], given["bias"], given["eps"], self._group
        )
        if running_mean is not None:
            seen = x.numel() // x.shape[1] * self._group.size
            running_mean.lerp_(mean_C.to(running_mean), given["momentum"])
            unbiased_C = variance_C * (seen / max(1, seen - 1))
            running_var.lerp_(unbiased_C.to(running_var), given["momentum"])
        return result

    def _before_a_loss(self, loss: nn.Module, inputs: Inputs) -> Inputs:
        """Return the embeddings of all processes' patches, gathered at one go."""
        self._in_a_loss = True
        e_BD, pairs = inputs
        columns = [e_BD, *(part for pair in pairs for part in _columns(pair))]
        own = torch.cat([part.to(e_BD) for part in columns], dim=1)
        whole: Tensor = _Gather.apply(own, self._group)
        parts = list(torch.split(whole, [part.shape[1] for part in columns], dim=1))
        e_BD = parts.pop(0)
        return e_BD, [_with_columns(pair, parts) for pair in pairs]

    def _after_a_loss(self, loss: nn.Module, inputs: Inputs, terms: Terms) -> None:
        self._in_a_loss = False


def _columns(pair: Pair) -> list[Tensor]:
    """Return what a pair tells of every patch, as matrices."""
    present = [] if pair.present_B is None else [pair.present_B[:, None]]
    return [pair.target_BK, *present, *(pair.taught or ())]


def _with_columns(pair: Pair, parts: list[Tensor]) -> Pair:
    """Return the pair with the first of ``parts``, which are taken away, in place of its own."""
    target_BK = parts.pop(0)
    present_B = None if pair.present_B is None else parts.pop(0)[:, 0] > 0.5
    taught = None if pair.taught is None else Taught(parts.pop(0), parts.pop(0))
    return pair._replace(target_BK=target_BK, present_B=present_B, taught=taught)


class _Gather(torch.autograd.Function):
    """All processes' rows below one another; the gradient is the sum of all processes'."""

    @staticmethod
    def forward(ctx: Any, x_BD: Tensor, group: Joined) -> Tensor:
        ctx.group = group
        return torch.cat(group.gather(x_BD))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        group: Joined = ctx.group
        total_BD = group.sum(gradients[0].contiguous().clone())
        return total_BD[group.part(len(total_BD))], None


class _Normalise(torch.autograd.Function):
    """Batch normalisation (arXiv 1502.03167) of equal shares of a batch; also mean, variance."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight_C: Tensor | None,
        bias_C: Tensor | None,
        eps: float,
        group: Joined,
    ) -> tuple[Tensor, Tensor, Tensor]:
        wide = x.float()
        axes = _all_but_channels(x)
        own_2C = torch.stack([wide.mean(axes), wide.var(axes, correction=0)])
        means_NC, variances_NC = torch.stack(group.gather(own_2C)).unbind(dim=1)
        mean_C = means_NC.mean(dim=0)
        variance_C = variances_NC.mean(dim=0) + means_NC.var(dim=0, correction=0)
        scale_C = (variance_C + eps).rsqrt()
        ctx.save_for_backward(x, weight_C, mean_C, scale_C)
        ctx.group, ctx.has_bias = group, bias_C is not None
        ctx.mark_non_differentiable(mean_C, variance_C)
        slope_C = scale_C if weight_C is None else scale_C * weight_C.float()
        offset_C = -mean_C * slope_C if bias_C is None else bias_C.float() - mean_C * slope_C
        result = torch.addcmul(_along(offset_C, x), wide, _along(slope_C, x)).to(x.dtype)
        return result, mean_C, variance_C

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight_C, mean_C, scale_C = ctx.saved_tensors
        group: Joined = ctx.group
        dy, axes = gradients[0].float(), _all_but_channels(x)
        standard = (x.float() - _along(mean_C, x)) * _along(scale_C, x)
        of_bias_C, of_weight_C = dy.sum(axes), (dy * standard).sum(axes)
        count = x.numel() // x.shape[1] * group.size
        mean_2C = group.sum(torch.stack([of_bias_C, of_weight_C])) / count
        slope_C = scale_C if weight_C is None else scale_C * weight_C.float()
        dx = (dy - _along(mean_2C[0], x) - standard * _along(mean_2C[1], x)) * _along(slope_C, x)
        return (
            dx.to(x.dtype),
            None if weight_C is None else of_weight_C.to(weight_C),
            of_bias_C if ctx.has_bias else None,
            None,
            None,
        )


def _all_but_channels(x: Tensor) -> list[int]:
    return [0, *range(2, x.ndim)]


def _along(values_C: Tensor, x: Tensor) -> Tensor:
    return values_C.view(1, -1, *[1] * (x.ndim - 2))
