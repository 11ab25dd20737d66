"""The light of nuclei: how bright the nuclear channels of an image are, 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.errors import InvalidSettings, UnusableChannel
from napari_splicer.segmentation.nuclear import chosen_channels
from napari_splicer.segmentation.objects import Lengths, darkest_nucleus, denoise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.segmentation.settings import SegmentationSettings

_SIDE = 512  # px, of the windows looked at
_WINDOWS = 4  # along each side, spread evenly
_BLACK, _WHITE = 0.01, 0.998  # quantiles that become 0 and 1
_NARROWEST, _WIDEST = 3.0, 200.0  # px; what nuclei can be found at, and what memory is bounded for


@dataclass(frozen=True, eq=False)
class NuclearLight:
    """What is the same all over an image, found by looking at a few windows of it.

    Attributes
    ----------
    image : MultiplexImage
    channels : tuple of str
    black, white : float32 (C, 1, 1)
        Raw intensities that become 0 and 1.
    lengths : Lengths
    darkest : float
        See :func:`~napari_splicer.segmentation.objects.darkest_nucleus`.
    """

    image: MultiplexImage
    channels: tuple[str, ...]
    black: NDArray[np.float32]
    white: NDArray[np.float32]
    lengths: Lengths
    darkest: float

    @classmethod
    def of(cls, image: MultiplexImage, settings: SegmentationSettings) -> NuclearLight:
        """Look at up to 16 windows of ``image``.

        Raises
        ------
        MissingChannels
            If it lacks a nuclear channel.
        InvalidSettings
            If nuclei would be too few, or too many, pixels wide.
        UnusableChannel
            If a nuclear channel is the same everywhere, or holds no finite number.
        """
        channels, lengths = chosen_channels(image, settings.channels), lengths_in(image, settings)
        raw = [image.read(*box, channels=channels) for box in _windows(image.shape)]
        bounds = [_bounds(image.name, *pair) for pair in zip(channels, *_flat(raw), strict=True)]
        black, white = np.asarray(bounds, np.float32).T[..., None, None]
        smooth = [denoise(_scaled(part, black, white), lengths.diameter).ravel() for part in raw]
        darkest = darkest_nucleus(np.concatenate(smooth))
        return cls(image, channels, black, white, lengths, darkest)

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[np.float32]:
        """Return a half-open box as float32 (y1 - y0, x1 - x0), 0 to 1: the channels' mean."""
        raw_CYX = self.image.read(y0, y1, x0, x1, channels=self.channels)
        return _scaled(raw_CYX, self.black, self.white)


def lengths_in(image: MultiplexImage, settings: SegmentationSettings) -> Lengths:
    """Return the lengths of ``settings`` in the pixels of ``image``.

    Raises
    ------
    InvalidSettings
        If nuclei would be too few, or too many, pixels wide, or nobody says how many.
    """
    width, reach = settings.lengths(in_pixels=image.pixel_size is None)
    pixel = float(np.mean(image.pixel_size or 1.0))
    unit = "pixels" if image.pixel_size is None else "µm"
    diameter = width / pixel
    if not _NARROWEST <= diameter <= _WIDEST:
        raise InvalidSettings(
            f"A nucleus {width:g} {unit} wide would be {round(diameter, 1):,g} pixels wide in "
            f"{image.name}; {_NARROWEST:g} to {_WIDEST:g} can be found.",
            "Correct the width of a nucleus, or the image's pixel size.",
        )
    return Lengths(diameter, reach / pixel)


def _windows(shape: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Yield half-open boxes spread evenly over an image, or all of it if it is small."""
    for y0, y1 in _spread(shape[0]):
        for x0, x1 in _spread(shape[1]):
            yield y0, y1, x0, x1


def _spread(length: int) -> list[tuple[int, int]]:
    if length <= _SIDE * _WINDOWS:
        edges = np.linspace(0, length, -(-length // _SIDE) + 1).astype(int).tolist()
        return list(pairwise(edges))
    starts = np.linspace(0, length - _SIDE, _WINDOWS).astype(int).tolist()
    return [(start, start + _SIDE) for start in starts]


def _flat(raw: list[NDArray[np.generic]]) -> tuple[NDArray[np.float32]]:
    """Return the pixels of all windows by channel, (C, N), in a tuple of one to be zipped."""
    parts = [part.reshape(len(part), -1).astype(np.float32) for part in raw]
    return (np.concatenate(parts, axis=1),)


def _bounds(image: str, channel: str, values_N: NDArray[np.float32]) -> tuple[float, float]:
    finite_N = values_N[np.isfinite(values_N)]
    if not finite_N.size or finite_N.min() == finite_N.max():
        raise UnusableChannel(
            f"Channel {channel} of {image} shows no nuclei: it has the same value wherever it was "
            "looked at.",
            "Choose another channel.",
        )
    black, white = np.quantile(finite_N, [_BLACK, _WHITE])
    # Where hardly a pixel differs from the others, the quantiles are the same.
    return (black, white) if white > black else (finite_N.min(), finite_N.max())


def _scaled(
    raw_CYX: NDArray[np.generic], black: NDArray[np.float32], white: NDArray[np.float32]
) -> NDArray[np.float32]:
    light_CYX = np.nan_to_num(raw_CYX.astype(np.float32), posinf=0.0, neginf=0.0)
    light_YX: NDArray[np.float32] = ((light_CYX - black) / (white - black)).clip(0, 1).mean(axis=0)
    return light_YX
