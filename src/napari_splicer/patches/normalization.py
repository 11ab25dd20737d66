"""How raw intensities become network input: per channel, fitted once, stored with the model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_splicer.errors import UnusableChannel, listed
from napari_splicer.patches.blocks import block_edges

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_splicer.config import NormalizationSettings
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.masks import MaskedImage

CEILING = 4.0
"""Largest value before bending, in units of the upper quantile: keeps hot pixels from ruling."""

_TABLES = {torch.uint8: 2**8, torch.uint16: 2**16}

SAMPLE_PIXELS = 2**18
SAMPLE_BLOCKS = 32
_NAMED = 5  # images


@dataclass(frozen=True)
class Normalization:
    """Per-channel scale. Background becomes 0, the upper quantile 1.

    Parameters
    ----------
    channels : tuple of str
    lower, upper : tuple of float
        Raw intensities that become 0 and 1; exact float32 values. Equal where a channel is
        constant: it then becomes 0 everywhere.
    curve : float
        Strength of the arcsinh bend; 0 for none.
    """

    channels: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    curve: float

    @property
    def constant(self) -> tuple[str, ...]:
        """Channels in which nothing was seen to vary."""
        bounds = zip(self.channels, self.lower, self.upper, strict=True)
        return tuple(name for name, lower, upper in bounds if upper <= lower)

    def apply(self, x_BCHW: Tensor) -> Tensor:
        """Return normalised pixels, float32; what is not finite becomes 0.

        With ``v = clip((x - lower) / (upper - lower), 0, 4)``, the result is
        ``arcsinh(curve v) / arcsinh(curve)``, or ``v`` without a curve. On a CPU, pixels of up to
        16 bits are looked up in a table of all that they can be: three times as fast.
        """
        if x_BCHW.device.type == "cpu" and x_BCHW.dtype in _TABLES:
            return self._looked_up(x_BCHW)
        return self.compute(x_BCHW)

    def _looked_up(self, x_BCHW: Tensor) -> Tensor:
        channels, count = len(self.channels), _TABLES[x_BCHW.dtype]
        if x_BCHW.dtype not in self._tables:
            every_1C1N = torch.arange(count, dtype=torch.float32).expand(1, channels, 1, count)
            with torch.inference_mode(False):
                self._tables[x_BCHW.dtype] = self.compute(every_1C1N).flatten()
        first_C = torch.arange(channels, dtype=torch.int32) * count
        table, place_BCHW = self._tables[x_BCHW.dtype], x_BCHW.to(torch.int32)
        if not place_BCHW.is_contiguous(memory_format=torch.channels_last):
            place_BCHW.add_(first_C[:, None, None])
            return table.index_select(0, place_BCHW.flatten()).view(x_BCHW.shape)
        place_BHWC = place_BCHW.permute(0, 2, 3, 1)  # as they lie, and so come out
        rows_NWC = place_BHWC.flatten(0, 1).flatten(1)
        rows_NWC.add_(first_C.repeat(x_BCHW.shape[3]))  # row by row: four times as fast
        return table.index_select(0, rows_NWC.flatten()).view(place_BHWC.shape).permute(0, 3, 1, 2)

    @cached_property
    def _tables(self) -> dict[torch.dtype, Tensor]:
        return {}

    def compute(self, x_BCHW: Tensor) -> Tensor:
        """Return the same without a table, of which many images would each need one of 5 MB."""
        lower_C, upper_C = np.array([self.lower, self.upper], dtype=np.float32)
        span_C = upper_C - lower_C
        scale_C = np.divide(1, span_C, out=np.zeros_like(span_C), where=span_C > 0)
        shift_C1, scale_C1 = (
            torch.from_numpy(value).to(x_BCHW.device)[:, None, None] for value in (lower_C, scale_C)
        )
        v_BCHW = x_BCHW.to(torch.float32, copy=True).sub_(shift_C1).mul_(scale_C1)
        if x_BCHW.is_floating_point():
            v_BCHW.nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)
        v_BCHW.clamp_(0.0, CEILING)
        if self.curve <= 0:
            return v_BCHW
        # arcsinh, written out: twice as fast as torch.asinh on a CPU, and exact enough for v >= 0
        v_BCHW.mul_(self.curve)
        root_BCHW = v_BCHW.square().add_(1.0).sqrt_()
        return v_BCHW.add_(root_BCHW).log_().mul_(1.0 / math.asinh(self.curve))

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able copy."""
        return {
            "channels": list(self.channels),
            "lower": list(self.lower),
            "upper": list(self.upper),
            "curve": self.curve,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Normalization:
        """Return what :meth:`to_dict` was called on."""
        return cls(
            tuple(data["channels"]), tuple(data["lower"]), tuple(data["upper"]), data["curve"]
        )


@dataclass(frozen=True)
class Normalizer:
    """The scale of each field of view: the same for all, or one for each.

    Training and embedding both call :meth:`apply` and need not know which.
    """

    tables: tuple[Normalization, ...]

    def apply(self, x_BCHW: Tensor, field_B: Tensor) -> Tensor:
        """Return normalised pixels, float32, of patches from the fields ``field_B``."""
        if len(self.tables) == 1:
            return self.tables[0].apply(x_BCHW)
        out_BCHW = torch.empty(x_BCHW.shape, dtype=torch.float32, device=x_BCHW.device)
        for field in sorted(set(field_B.tolist())):
            rows = (field_B == field).nonzero()[:, 0].to(x_BCHW.device)
            out_BCHW[rows] = self.tables[field].compute(x_BCHW[rows])
        return out_BCHW


def make_normalizer(
    fields: Sequence[MaskedImage],
    normalization: Normalization,
    settings: NormalizationSettings,
    *,
    seed: int = 0,
) -> Normalizer:
    """Return how to normalise ``fields``: by the model's ``normalization``, or each by its own.

    With ``settings.scope == "image"`` every field is fitted here, fields that the model never saw
    included; its bundle still holds the scale over all training fields. Channels that a field lacks
    have a scale that makes them 0.
    """
    if settings.scope == "dataset":
        return Normalizer((normalization,))
    channels = normalization.channels
    return Normalizer(tuple(_fit_alone(field, channels, settings, seed) for field in fields))


def _fit_alone(
    field: MaskedImage, channels: Sequence[str], settings: NormalizationSettings, seed: int
) -> Normalization:
    here = [name for name in channels if name in field.image.channels]
    if len(here) == len(channels):
        return fit_normalization([field], channels, settings, seed=seed)
    fitted = fit_normalization([field], here, settings, seed=seed)
    bounds = dict(zip(here, zip(fitted.lower, fitted.upper, strict=True), strict=True))
    lower, upper = zip(*(bounds.get(name, (0.0, 0.0)) for name in channels), strict=True)
    return Normalization(tuple(channels), lower, upper, settings.curve)


def fit_normalization(
    fields: Sequence[MaskedImage],
    channels: Sequence[str],
    settings: NormalizationSettings,
    *,
    seed: int = 0,
    blocks: int = SAMPLE_BLOCKS,
) -> Normalization:
    """Fit the scale of ``channels`` on a random sample of pixels, the same share of every field.

    At most ``SAMPLE_PIXELS`` pixels are kept, from at most ``blocks`` blocks (one per field at
    least), each read once. Where the upper quantile does not exceed the lower one, as in sparse
    ion counts, it is taken over the pixels above the lower one; failing that, it is the maximum.
    A field that lacks a channel says nothing about it.

    Raises
    ------
    UnusableChannel
        If a channel holds no finite number in any sampled pixel.
    """
    rng = np.random.default_rng(seed)
    blocks = max(1, blocks // len(fields))
    pixels = max(1, SAMPLE_PIXELS // len(fields))
    samples = [_sample(f.image, channels, blocks, pixels, rng=rng) for f in fields]
    sample_CN = np.concatenate([values_CN for values_CN, _ in samples], axis=1)
    most_C = np.max([most_C for _, most_C in samples], axis=0)
    bounds = []
    for channel, values_N, most in zip(channels, sample_CN, most_C, strict=True):
        finite_N = values_N[np.isfinite(values_N)]
        if not finite_N.size:
            names = [field.image.name for field in fields if channel in field.image.channels]
            where = f" in {listed(names, _NAMED)}" if names else ""
            raise UnusableChannel(
                f"Channel {channel} holds no finite number{where}.",
                "Leave it out of all components, or repair the image.",
            )
        bounds.append(_bounds(finite_N, most, settings))
    lower, upper = zip(*bounds, strict=True)
    return Normalization(tuple(channels), lower, upper, settings.curve)


def _sample(
    image: MultiplexImage,
    channels: Sequence[str],
    blocks: int,
    pixels: int,
    *,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return random pixels (C, N) of up to ``blocks`` random blocks, and the blocks' maxima (C,).

    A marker that few cells carry may be missed by the sample, but not by the maximum.
    """
    boxes = list(_boxes(*block_edges(image, len(channels))))
    chosen = rng.permutation(len(boxes))[:blocks]
    share = -(-pixels // len(chosen))
    values, most_C = [], np.full(len(channels), -np.inf, dtype=np.float32)
    here = [index for index, name in enumerate(channels) if name in image.channels]
    for y0, y1, x0, x1 in (boxes[i] for i in np.sort(chosen)):
        place = rng.integers((y1 - y0) * (x1 - x0), size=share)
        pixels_CN = image.read(y0, y1, x0, x1, channels=[channels[index] for index in here])
        pixels_CN = pixels_CN.reshape(len(here), -1)
        values_CN = np.full((len(channels), share), np.nan, dtype=np.float32)
        values_CN[here] = pixels_CN[:, place]
        values.append(values_CN)
        for channel, plane_N in zip(here, pixels_CN, strict=True):
            finite_N = plane_N[np.isfinite(plane_N)] if plane_N.dtype.kind == "f" else plane_N
            if finite_N.size:
                most_C[channel] = max(most_C[channel], finite_N.max())
    return np.concatenate(values, axis=1), most_C


def _boxes(y: NDArray[np.int64], x: NDArray[np.int64]) -> Iterator[tuple[int, int, int, int]]:
    for y0, y1 in zip(y[:-1].tolist(), y[1:].tolist(), strict=True):
        for x0, x1 in zip(x[:-1].tolist(), x[1:].tolist(), strict=True):
            yield y0, y1, x0, x1


def _bounds(
    values_N: NDArray[np.float32], most: np.float32, settings: NormalizationSettings
) -> tuple[float, float]:
    """Return the raw intensities that become 0 and 1."""
    lower, upper = np.quantile(values_N, [settings.lower, settings.upper]).astype(np.float32)
    if upper <= lower:
        above_N = values_N[values_N > lower]
        upper = np.float32(np.quantile(above_N, settings.upper)) if above_N.size else most
    return float(lower), float(upper)
