"""Which light the markers of a synthetic tissue give, and what a camera makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage.segmentation import find_boundaries

from napari_splicer.samples.cells import SHAPES, Cells
from napari_splicer.samples.fields import smooth_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Marker: where in the cell it is, its background, and its mean in each type (photons per pixel).
MARKERS: dict[str, tuple[str, float, tuple[float, ...]]] = {
    "DNA": ("nucleus", 12, (150, 130, 130, 180, 120, 180, 170)),
    "Ki67": ("nucleus", 8, (60, 30, 30, 45, 30, 40, 40)),
    "PanCK": ("cytoplasm", 10, (180, 4, 4, 3, 6, 3, 3)),
    "Vimentin": ("cytoplasm", 12, (12, 120, 100, 30, 70, 35, 35)),
    "SMA": ("cytoplasm", 10, (4, 110, 30, 3, 6, 3, 3)),
    "CD31": ("membrane", 8, (3, 4, 140, 3, 8, 4, 4)),
    "CD45": ("membrane", 10, (4, 4, 4, 120, 80, 130, 130)),
    "CD3": ("membrane", 8, (3, 3, 3, 5, 5, 110, 110)),
    "CD8": ("membrane", 8, (3, 3, 3, 4, 4, 5, 120)),
    "CD20": ("membrane", 8, (3, 3, 3, 140, 4, 4, 4)),
    "CD68": ("cytoplasm", 10, (5, 5, 5, 5, 120, 5, 5)),
    "GZMB": ("cytoplasm", 10, (1.0, 1.0, 1.0, 1.0, 1.5, 1.5, 2.0)),
}
DIVIDING = np.array([0.35, 0.05, 0.05, 0.2, 0.05, 0.12, 0.12])  # share of Ki67+ cells by type

GAIN, OFFSET, READ_NOISE = 8.0, 100.0, 4.0  # counts per photon, counts, counts


def stain(
    cells: Cells,
    index: NDArray[np.int64],
    radius: NDArray[np.float32],
    stroma: NDArray[np.float32],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the light of every marker but granules, blurred: (C, H, W), photons per pixel."""
    size = len(index)
    count = len(cells.kind)
    edge = ndimage.distance_transform_edt(~find_boundaries(index, mode="inner")).astype(np.float32)
    nucleus = radius < SHAPES[cells.kind, 2].astype(np.float32)[index]
    where = {
        "nucleus": nucleus.astype(np.float32),
        "membrane": np.exp(-((edge / 1.5) ** 2)) + 0.1,
        "cytoplasm": np.where(nucleus, np.float32(0.5), np.float32(1)),
    }
    area = np.bincount(index.ravel(), minlength=count).clip(min=1)
    for place, weight in where.items():  # the mean over each cell becomes 1
        mean = np.bincount(index.ravel(), weight.ravel(), minlength=count) / area
        where[place] = weight / mean.clip(min=1e-3).astype(np.float32)[index]

    fibres = np.exp(-((smooth_field(rng, size, 9.0) / 0.25) ** 2)) * stroma * (index == 0)
    thickness = np.exp(rng.normal(0, 0.15, count))
    image = np.empty((len(MARKERS), size, size), dtype=np.float32)
    for row, (marker, (place, _, levels)) in enumerate(MARKERS.items()):
        amount = np.array(levels)[cells.kind] * thickness * np.exp(rng.normal(0, 0.3, count))
        if marker == "Ki67":
            amount *= np.where(rng.random(count) < DIVIDING[cells.kind], 1, 0.05)
        amount[0] = 0
        light = amount.astype(np.float32)[index] * where[place]
        light *= np.exp(0.25 * smooth_field(rng, size, 2.5))
        if marker in ("SMA", "Vimentin"):
            light += 60 * fibres
        sharp, haze = (ndimage.gaussian_filter(light, sigma) for sigma in (0.9, 4.0))
        image[row] = 0.85 * sharp + 0.15 * haze
    return image


def photograph(light: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return what the camera makes of the light: (C, H, W), counts."""
    image = np.empty(light.shape, dtype=np.uint16)
    for row, (_, background, _) in enumerate(MARKERS.values()):
        size = light.shape[1]
        evenness = np.exp(0.08 * smooth_field(rng, size, size / 3))
        photons = rng.poisson((light[row] + background) * evenness)
        counts = OFFSET + GAIN * photons + rng.normal(0, READ_NOISE, photons.shape)
        image[row] = counts.round().clip(0, np.iinfo(np.uint16).max)
    return image
