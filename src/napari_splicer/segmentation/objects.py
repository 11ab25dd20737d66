"""From the light of nuclei to cells: denoise, threshold, find centres, flood, grow.

Whatever is done to a pixel depends on its surroundings up to a known distance, so that a piece of
an image, read with a margin, gives what the whole image would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Lengths as shares of the diameter of a nucleus.
_NOISE = 0.1  # standard deviation of the blur that takes noise away
_AROUND = 1.0  # standard deviation of what a pixel is compared with
_BRIGHT = 0.2  # standard deviation of the blur in which a nucleus has one maximum
_APART = 0.3  # centres are maxima as far around as this
_MARGIN = 6.0  # blurs and centres reach 3.9; the rest is for the flood

_SMALLEST = 0.2  # share of a round nucleus' area; what is smaller is dropped
_LIGHT = 0.5  # weight of brightness against shape in finding centres
_DIM = 0.5  # how far above the dark the dimmest nucleus is, as a share of Otsu's threshold


@dataclass(frozen=True)
class Lengths:
    """What is looked for, in pixels.

    Parameters
    ----------
    diameter : float
        Of a typical nucleus.
    expansion : float
        How far a cell reaches beyond its nucleus.
    """

    diameter: float
    expansion: float

    @property
    def margin(self) -> int:
        """Pixels around a piece that its cells depend on."""
        return math.ceil(_MARGIN * self.diameter + 2 * self.expansion)


@dataclass(frozen=True)
class Found:
    """Nuclei in a piece of an image, grown into cells.

    Attributes
    ----------
    labels : int32 (h, w)
        0 outside cells, else the number of the cell, from 1.
    y, x : int64 (n,)
        A pixel of each cell, its centre, in the piece; cell 1 first.
    """

    labels: NDArray[np.int32]
    y: NDArray[np.int64]
    x: NDArray[np.int64]

    def within(self, y0: int, y1: int, x0: int, x1: int) -> Found:
        """Return only the cells whose centre lies in a half-open box, whole, numbered anew."""
        own = (self.y >= y0) & (self.y < y1) & (self.x >= x0) & (self.x < x1)
        number = np.zeros(len(own) + 1, np.int32)
        number[1:][own] = np.arange(1, own.sum() + 1)
        return Found(number[self.labels], self.y[own], self.x[own])


def denoise(light_YX: NDArray[np.float32], diameter: float) -> NDArray[np.float32]:
    """Return smoothed light; its square root, so that noise is about the same in dark and bright.

    Parameters
    ----------
    light_YX : float32 (h, w)
        0 and more.
    diameter : float
        Of a nucleus, in pixels.
    """
    return _blurred(np.sqrt(light_YX), _NOISE * diameter)


def darkest_nucleus(smooth_N: NDArray[np.float32]) -> float:
    """Return how bright a pixel of :func:`denoise` must be at least, from a sample of them.

    Halfway from what is usual in the dark up to Otsu's threshold (doi:10.1109/TSMC.1979.4310076).
    """
    from skimage.filters import threshold_otsu

    threshold = float(threshold_otsu(smooth_N))
    dark = float(smooth_N[smooth_N <= threshold].mean())
    return dark + _DIM * (threshold - dark)


def find_cells(
    light_YX: NDArray[np.float32], lengths: Lengths, darkest: float, sensitivity: float = 1.0
) -> Found:
    """Find nuclei, and grow each into a cell.

    A pixel belongs to nuclei if it is brighter than its surroundings and than ``darkest``. Nuclei
    that touch are divided by a watershed from their centres, where the distance to the background,
    and the brightness, are highest.

    Parameters
    ----------
    light_YX : float32 (h, w)
        Of the nuclear channels, 0 to 1.
    lengths : Lengths
    darkest : float
        From :func:`darkest_nucleus`.
    sensitivity : float
        By how much pixels count as brighter.
    """
    from scipy import ndimage
    from skimage.segmentation import expand_labels, watershed

    d = lengths.diameter
    smooth_YX = denoise(light_YX, d)
    around_YX = _blurred(smooth_YX, _AROUND * d, reach=2.0)
    nuclei_YX = smooth_YX * sensitivity > np.maximum(around_YX, darkest)
    height_YX = _heights(nuclei_YX, smooth_YX, around_YX, d)
    reach = 2 * max(1, round(_APART * d)) + 1
    peaks_YX = nuclei_YX & (height_YX == ndimage.maximum_filter(height_YX, size=reach))
    seeds_YX, count = ndimage.label(peaks_YX, np.ones((3, 3)))
    labels_YX = watershed(-height_YX, seeds_YX, mask=nuclei_YX).astype(np.int32)
    area_N = np.bincount(labels_YX.ravel(), minlength=count + 1)
    kept_N = area_N >= _SMALLEST * math.pi * d**2 / 4
    kept_N[0] = False
    number_N = np.where(kept_N, np.cumsum(kept_N), 0).astype(np.int32)
    y, x = _first_pixels(seeds_YX)
    nuclei = number_N[labels_YX]
    cells = expand_labels(nuclei, lengths.expansion) if lengths.expansion else nuclei
    return Found(cells, y[kept_N[1:]], x[kept_N[1:]])


def _heights(
    nuclei_YX: NDArray[np.bool_],
    smooth_YX: NDArray[np.float32],
    around_YX: NDArray[np.float32],
    d: float,
) -> NDArray[np.float32]:
    """Return what is highest in the middle of nuclei: far from their edge, and bright."""
    from scipy import ndimage

    inside_YX = ndimage.distance_transform_edt(nuclei_YX)
    depth_YX = (np.minimum(inside_YX, d) / (d / 2)).astype(np.float32)
    light_YX = _blurred(smooth_YX, _BRIGHT * d) / np.maximum(around_YX, 1e-3)
    return (_blurred(depth_YX, _NOISE * d) + _LIGHT * light_YX).astype(np.float32)


def _first_pixels(
    seeds_YX: NDArray[np.integer[Any]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first pixel, row by row, of every seed; a few have two of the same height."""
    y, x = np.nonzero(seeds_YX)
    _, first = np.unique(seeds_YX[y, x], return_index=True)
    return y[first], x[first]


def _blurred(
    plane_YX: NDArray[np.float32], deviation: float, reach: float = 3.0
) -> NDArray[np.float32]:
    """Return a plane blurred by a Gaussian that ends after ``reach`` standard deviations."""
    from scipy import ndimage

    blurred: NDArray[np.float32] = ndimage.gaussian_filter(plane_YX, deviation, truncate=reach)
    return blurred
