"""Granules of granzyme B: the subtle pattern of a synthetic tissue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.special import erf

from napari_splicer.samples.cells import CYTOTOXIC, Cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRANULE_LIGHT = 6.0  # photons per pixel of the cell, its granules together
GRANULES = 12  # mean number in a cell
GRANULE_SIGMA = 1.1  # px, after blur
POLE_WIDTH = np.deg2rad(25)  # standard deviation of the angle of gathered granules


def draw_granules(
    cells: Cells, index: NDArray[np.int64], contrast: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the light of all granules: (H, W), photons per pixel. See the module's docstring."""
    size = len(index)
    owners = np.flatnonzero(cells.kind == CYTOTOXIC)
    numbers = rng.poisson(GRANULES, owners.size).clip(min=6)
    area = np.bincount(index.ravel(), minlength=len(cells.kind))
    wanted = GRANULE_LIGHT * np.exp(rng.normal(0, 0.35, owners.size)) * area[owners]

    group = np.repeat(np.arange(owners.size), numbers)  # granule -> its cell among the owners
    pole = rng.uniform(0, 2 * np.pi, owners.size)[group]
    gathered = (rng.random(group.size) < contrast) & cells.engaged[owners][group]
    angle = np.where(
        gathered,
        pole + rng.normal(0, POLE_WIDTH, group.size),
        rng.uniform(0, 2 * np.pi, group.size),
    )
    depth = rng.uniform(0.5, 0.82, group.size)
    brightness = rng.gamma(4, 0.25, group.size)
    middle = np.array(ndimage.center_of_mass(index > 0, index, owners))[group]
    direction = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    reach = _reach(index, middle, direction, owners[group])
    light, rows, columns = _spots(middle + direction * (depth * reach)[:, None], size)
    light *= brightness[:, None, None]

    own = (light * (index[rows, columns] == owners[group][:, None, None])).sum(axis=(1, 2))
    within = np.bincount(group, own, minlength=owners.size).clip(min=1e-6)
    light *= (wanted / within)[group][:, None, None]
    return _add_up(light, rows, columns, size) + _debris(size, rng)


def _reach(
    index: NDArray[np.int64],
    middle: NDArray[np.float64],
    direction: NDArray[np.float64],
    owner: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return how far from ``middle`` along ``direction`` the ``owner``'s mask ends, in px."""
    steps = np.arange(0.5, 24, 0.5)
    points = middle[:, None] + direction[:, None] * steps[:, None]
    pixels = np.rint(points).astype(np.int64)
    outside = ((pixels < 0) | (pixels >= len(index))).any(axis=2)
    pixels = pixels.clip(0, len(index) - 1)
    outside |= index[pixels[..., 0], pixels[..., 1]] != owner[:, None]
    outside[:, -1] = True
    reach: NDArray[np.float64] = steps[outside.argmax(axis=1)] - 0.5
    return reach


def _spots(
    points: NDArray[np.float64], size: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return each point's light, blurred, on the pixels around it, and their rows and columns.

    All three are (n, 9, 9). A point's light adds up to 1; what falls outside the image is lost.
    """
    offsets = np.arange(-4, 5)
    pixel = np.rint(points).astype(np.int64)[:, :, None] + offsets  # (n, 2, 9)
    scale = np.sqrt(2) * GRANULE_SIGMA
    side = pixel - points[:, :, None]
    profile = (erf((side + 0.5) / scale) - erf((side - 0.5) / scale)) / 2
    profile *= (pixel >= 0) & (pixel < size)
    pixel = pixel.clip(0, size - 1)
    light = profile[:, 0, :, None] * profile[:, 1, None, :]
    rows, columns = np.broadcast_arrays(pixel[:, 0, :, None], pixel[:, 1, None, :])
    return light, rows, columns


def _debris(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return unspecific specks, as bright as granules, anywhere: (H, W), photons per pixel."""
    number = rng.poisson(size * size / 2500)
    light, rows, columns = _spots(rng.uniform(0, size - 1, (number, 2)), size)
    light *= rng.gamma(4, 30, number)[:, None, None]
    return _add_up(light, rows, columns, size)


def _add_up(
    light: NDArray[np.float64], rows: NDArray[np.int64], columns: NDArray[np.int64], size: int
) -> NDArray[np.float64]:
    flat = (rows * size + columns).ravel()
    canvas = np.bincount(flat, light.ravel(), minlength=size * size)
    return np.asarray(canvas, dtype=np.float64).reshape(size, size)
