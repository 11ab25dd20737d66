"""Encoders: from a patch to its representation.

Two kinds are named in ``ModelSettings.encoder``: ``"compact"``, a residual network made for small
patches, and ``"timm:<name>"``, any image network of the timm library. Any other ``nn.Module`` that
maps (B, C, H, W) to (B, Z) can be handed to :func:`napari_splicer.model.objectives.build_network`.
"""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import nn

from napari_splicer.errors import InvalidSettings, NotInstalled
from napari_splicer.patches.memory_layout import channels_last

if TYPE_CHECKING:
    from torch import Tensor

_TIMM = "timm:"
LARGEST_MAP = 24
"""Pixels; side of the map that the stem leaves for the residual stages."""


@runtime_checkable
class Encoder(Protocol):
    """What a network must offer to serve as encoder.

    Attributes
    ----------
    out_features : int
        Width Z of the representation.
    """

    out_features: int

    def __call__(self, x_BCHW: Tensor) -> Tensor:
        """Return z_BZ."""
        ...


class CompactResNet(nn.Module):
    """A residual network for patches of 8 to 128 px (He et al., arXiv 1512.03385).

    Three stages of one residual block each, ``width``, 2 and 4 × ``width`` channels wide, and the
    mean over the map. The stem halves the patch until at most ``largest_map`` px are left, so that
    the cost per patch hardly grows with its size.

    Normalisation is by batch (arXiv 1502.03167), not by group or layer: those divide every patch by
    its own contrast, and how bright a marker is would be lost. In evaluation mode the statistics
    are fixed, so that a cell's embedding does not depend on its neighbours in the batch.

    Parameters
    ----------
    channels : int
        Channels of the patch.
    width : int
        Channels of the first stage.
    size : int
        Side of the patch in pixels; decides how often the stem halves it.
    largest_map : int
        Pixels.
    """

    def __init__(
        self, channels: int, width: int, size: int, *, largest_map: int = LARGEST_MAP
    ) -> None:
        super().__init__()
        self.out_features = 4 * width
        self.stem = _stem(channels, width, size, largest_map)
        self.stages = nn.Sequential(
            ResidualBlock(width, width, stride=1),
            ResidualBlock(width, 2 * width, stride=2),
            ResidualBlock(2 * width, 4 * width, stride=2),
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the representation z_BZ of patches x_BCHW."""
        if x_BCHW.device.type != "mps":  # elsewhere convolutions are faster with channels last
            x_BCHW = channels_last(x_BCHW)
        z_BZ: Tensor = self.stages(self.stem(x_BCHW)).mean(dim=(2, 3))
        return z_BZ


def _stem(channels: int, width: int, size: int, largest_map: int) -> nn.Sequential:
    halvings = max(0, math.ceil(math.log2(size / largest_map)))
    if halvings == 0:
        return nn.Sequential(*_convolution(channels, width, kernel=3, stride=1), nn.ReLU())
    layers: list[nn.Module] = []
    for entering in [channels] + [width] * (halvings - 1):
        layers += [*_convolution(entering, width, kernel=4, stride=2), nn.ReLU()]
    return nn.Sequential(*layers)


def _convolution(entering: int, leaving: int, *, kernel: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(entering, leaving, kernel, stride, (kernel - 1) // 2, bias=False)
    return [convolution, nn.BatchNorm2d(leaving)]


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions and a short cut around them.

    Parameters
    ----------
    entering, leaving : int
        Channels.
    stride : int
        By which the map shrinks.
    """

    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            *_convolution(entering, leaving, kernel=3, stride=stride),
            nn.ReLU(),
            *_convolution(leaving, leaving, kernel=3, stride=1),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or entering != leaving:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True),
                *_convolution(entering, leaving, kernel=1, stride=1),
            )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the block's map."""
        return F.relu(self.path(x_BCHW) + self.shortcut(x_BCHW))


def build_encoder(name: str, channels: int, width: int, size: int) -> nn.Module:
    """Make the encoder of this name, with fresh weights.

    Parameters
    ----------
    name : str
        ``"compact"``, or ``"timm:"`` and the name of a timm network, e.g. ``"timm:resnet18"``.
        timm networks are taken as published, untrained; those that need to know the size of their
        input (vision transformers) are made for ``size``.
    channels : int
        Channels of the patch.
    width : int
        Channels of the compact encoder's first stage; timm networks have their own.
    size : int
        Side of the patch in pixels.

    Returns
    -------
    nn.Module
        An :class:`Encoder`.

    Raises
    ------
    InvalidSettings
        If there is no encoder of this name, or it can't take patches of this size.
    NotInstalled
        If the name asks for timm and timm is missing.
    """
    if name == "compact":
        return CompactResNet(channels, width, size)
    if name.startswith(_TIMM):
        return _timm_encoder(name.removeprefix(_TIMM), channels, size)
    raise InvalidSettings(
        f"There is no encoder '{name}'.",
        "Use 'compact', or a network of the timm library such as 'timm:resnet18'.",
    )


def representation_width(encoder: nn.Module, channels: int, size: int) -> int:
    """Return Z: ``encoder.out_features``, or found by encoding one empty patch.

    Raises
    ------
    InvalidSettings
        If the encoder does not return a matrix (B, Z).
    """
    if isinstance(encoder, Encoder):
        return encoder.out_features
    training = encoder.training
    parameter = next(encoder.parameters(), torch.empty(0))
    encoder.eval()
    with torch.no_grad():
        z_BZ = encoder(torch.zeros(1, channels, size, size, device=parameter.device))
    encoder.train(training)
    if z_BZ.ndim != 2:
        raise InvalidSettings(
            f"The encoder returns an array of shape {tuple(z_BZ.shape)} for one patch.",
            "It must return one row of numbers per patch: end it with a pooling layer.",
        )
    return int(z_BZ.shape[1])


def _timm_encoder(name: str, channels: int, size: int) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise NotInstalled(
            f"The encoder 'timm:{name}' needs the package timm.", "Install it: pip install timm."
        ) from error
    if not timm.is_model(name):
        raise InvalidSettings(f"timm has no network '{name}'.", _nearest(name, timm.list_models()))
    about = timm.get_pretrained_cfg(name)
    fixed = {"img_size": size} if about is not None and about.fixed_input_size else {}
    try:
        encoder: nn.Module = timm.create_model(
            name, pretrained=False, in_chans=channels, num_classes=0, **fixed
        )
        encoder.out_features = representation_width(encoder, channels, size)  # type: ignore[assignment]
    except (RuntimeError, ValueError, AssertionError) as error:
        raise InvalidSettings(
            f"The network 'timm:{name}' can't take patches of {size} px ({error}).",
            "Choose larger patches, or the encoder 'compact'.",
        ) from error
    return encoder


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    if not near:
        return "timm's documentation lists its networks."
    return f"Similar names: {', '.join(f'timm:{other}' for other in near)}."
