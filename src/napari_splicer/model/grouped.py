"""Branches of one architecture run as one network with grouped layers.

On an accelerator N small networks cost N times the launches of one, and launches are what small
networks cost there. Here every layer of all branches is one call: convolutions are grouped,
normalisations run over all channels at once, matrices are stacked. Parameters and running
statistics stay those of the branches, so that a model trained either way is the same model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_splicer.model.encoders import CompactResNet, ResidualBlock
from napari_splicer.patches.memory_layout import channels_last

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Layer = type[nn.Module] | tuple[type[nn.Module], ...]
    Apply = Callable[[Sequence[nn.Module], Tensor], Tensor]


def run_grouped(branches: Sequence[nn.Module], inputs: Sequence[Tensor]) -> list[Tensor]:
    """Return what every branch makes of its input, to rounding.

    Parameters
    ----------
    branches : sequence of nn.Module
        Of one architecture; the first layer may take, and the last one give, different numbers of
        channels.
    inputs : sequence of Tensor
        (B, C_i, H, W) each, of one batch and size.

    Returns
    -------
    list of Tensor
        (B, K_i) each.
    """
    widest = max(x.shape[1] for x in inputs)
    x_BCHW = torch.cat([F.pad(x, (0, 0, 0, 0, 0, widest - x.shape[1])) for x in inputs], dim=1)
    joined = _run(branches, x_BCHW)
    widths = [_last_width(branch) for branch in branches]
    parts = joined.view(len(joined), len(branches), -1).unbind(dim=1)
    return [part[:, :width] for part, width in zip(parts, widths, strict=True)]


def _run(modules: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Apply modules of one kind side by side; channels of the branches lie one after the other."""
    first = modules[0]
    for kind, apply in _LAYERS.items():
        if isinstance(first, kind):
            return apply(modules, x)
    raise TypeError(f"{type(first).__name__} can't be run grouped")


def _in_turn(modules: Sequence[nn.Module], x: Tensor) -> Tensor:
    for layers in zip(*(cast("nn.Sequential", module) for module in modules), strict=True):
        x = _run(layers, x)
    return x


def _encoder(modules: Sequence[nn.Module], x_BCHW: Tensor) -> Tensor:
    encoders = [cast("CompactResNet", module) for module in modules]
    if x_BCHW.device.type != "mps":
        x_BCHW = channels_last(x_BCHW)
    x_BCHW = _run([encoder.stem for encoder in encoders], x_BCHW)
    return _run([encoder.stages for encoder in encoders], x_BCHW).mean(dim=(2, 3))


def _block(modules: Sequence[nn.Module], x_BCHW: Tensor) -> Tensor:
    blocks = [cast("ResidualBlock", module) for module in modules]
    path = _run([block.path for block in blocks], x_BCHW)
    return F.relu(path + _run([block.shortcut for block in blocks], x_BCHW))


def _convolution(modules: Sequence[nn.Module], x_BCHW: Tensor) -> Tensor:
    layers = [cast("nn.Conv2d", module) for module in modules]
    entering = x_BCHW.shape[1] // len(layers)
    weights = [
        F.pad(layer.weight, (0, 0, 0, 0, 0, entering - layer.in_channels)) for layer in layers
    ]
    first = layers[0]
    return F.conv2d(
        x_BCHW,
        torch.cat(weights),
        None,
        first.stride,
        first.padding,
        groups=len(layers),
    )


def _linear(modules: Sequence[nn.Module], x_BF: Tensor) -> Tensor:
    layers = [cast("nn.Linear", module) for module in modules]
    widest = max(layer.out_features for layer in layers)
    weights_NKF = torch.stack(
        [F.pad(layer.weight, (0, 0, 0, widest - layer.out_features)) for layer in layers]
    )
    x_NBF = x_BF.view(len(x_BF), len(layers), -1).transpose(0, 1)
    y_NBK: Tensor = x_NBF @ weights_NKF.transpose(1, 2)
    if layers[0].bias is not None:
        biases = [F.pad(layer.bias, (0, widest - layer.out_features)) for layer in layers]
        y_NBK = y_NBK + torch.stack(biases)[:, None]
    return y_NBK.transpose(0, 1).flatten(1)


def _normalisation(modules: Sequence[nn.Module], x: Tensor) -> Tensor:
    layers = [cast("nn.BatchNorm2d", module) for module in modules]
    first = layers[0]
    means = torch.cat([_of(layer.running_mean) for layer in layers])
    variances = torch.cat([_of(layer.running_var) for layer in layers])
    result = F.batch_norm(
        x,
        means,
        variances,
        torch.cat([layer.weight for layer in layers]),
        torch.cat([layer.bias for layer in layers]),
        first.training,
        first.momentum or 0.0,
        first.eps,
    )
    if first.training:
        width = first.num_features
        for layer, mean, variance in zip(
            layers, torch.split(means, width), torch.split(variances, width), strict=True
        ):
            _of(layer.running_mean).copy_(mean)
            _of(layer.running_var).copy_(variance)
            _of(layer.num_batches_tracked).add_(1)
    return result


def _same(modules: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Apply a layer that has no parameters and treats channels alike."""
    result: Tensor = modules[0](x)
    return result


def _of(buffer: Tensor | None) -> Tensor:
    if buffer is None:
        raise TypeError("a branch's normalisation must keep running statistics")
    return buffer


def _last_width(branch: nn.Module) -> int:
    linear = [module for module in branch.modules() if isinstance(module, nn.Linear)][-1]
    return linear.out_features


_LAYERS: dict[Layer, Apply] = {
    nn.Sequential: _in_turn,
    CompactResNet: _encoder,
    ResidualBlock: _block,
    nn.Conv2d: _convolution,
    nn.Linear: _linear,
    (nn.BatchNorm1d, nn.BatchNorm2d): _normalisation,
    (nn.ReLU, nn.AvgPool2d, nn.Identity): _same,
}
