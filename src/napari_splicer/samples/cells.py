"""Which cells a synthetic tissue has, where they are, and which pixels are theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_splicer.samples.fields import smooth_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

TYPES = ("tumour", "fibroblast", "endothelial", "B cell", "macrophage", "CD4 T", "CD8 T")
CYTOTOXIC = TYPES.index("CD8 T")

# Share of each type in tumour nests, stroma and lymphoid aggregates.
SHARES = np.array(
    [
        [0.63, 0.00, 0.00, 0.01, 0.07, 0.04, 0.25],
        [0.02, 0.38, 0.10, 0.02, 0.12, 0.08, 0.28],
        [0.00, 0.03, 0.03, 0.32, 0.07, 0.21, 0.34],
    ]
)
# Semi-axes of the cell in pixels, and the nucleus's as a fraction of them.
SHAPES = np.array(
    [
        [12.0, 10.5, 0.62],
        [14.0, 6.5, 0.55],
        [13.0, 6.5, 0.55],
        [8.5, 8.0, 0.68],
        [11.5, 10.0, 0.52],
        [8.5, 8.0, 0.68],
        [9.5, 9.0, 0.60],
    ]
)


@dataclass(frozen=True)
class Cells:
    """What is known of the cells before anything is drawn. Index 0 is the background."""

    seeds: NDArray[np.int64]  # (n + 1, 2) y, x in px
    kind: NDArray[np.int64]  # (n + 1,) index into TYPES; -1 for the background
    axes: NDArray[np.float64]  # (n + 1, 2) semi-axes in px
    tilt: NDArray[np.float64]  # (n + 1,) radians
    engaged: NDArray[np.bool_]  # (n + 1,)


def lay_out(size: int, rng: np.random.Generator) -> tuple[Cells, NDArray[np.float32]]:
    """Place cells, choose their types and states; also where stroma is (0 to 1 per pixel)."""
    spacing = 21.0
    rows = np.arange(spacing / 2, size, spacing * np.sqrt(3) / 2)
    columns = np.arange(0, size, spacing)
    y, x = (part.ravel() for part in np.meshgrid(rows, columns, indexing="ij"))
    x = x + np.repeat(np.arange(len(rows)) % 2 * spacing / 2, len(columns))
    y, x = (part + rng.uniform(-0.22, 0.22, part.size) * spacing for part in (y, x))
    inside = (np.minimum(y, x) >= 2) & (np.maximum(y, x) <= size - 3)
    seeds = np.stack([y[inside], x[inside]], axis=1).astype(np.int64)

    nest, lymphoid, hole = (smooth_field(rng, size, scale) for scale in (55.0, 45.0, 30.0))
    at_seed = tuple(seeds.T)
    in_nest = nest > np.quantile(nest[at_seed], 0.58)
    in_lymphoid = lymphoid > np.quantile(lymphoid[at_seed], 0.75)
    compartment = np.where(in_nest, 0, np.where(in_lymphoid, 2, 1))
    solid = hole > np.quantile(hole[at_seed], 0.04)

    seeds = seeds[solid[at_seed]]
    chances = SHARES.cumsum(axis=1)[compartment[tuple(seeds.T)]]
    kind = (rng.random(len(seeds))[:, None] > chances).sum(axis=1).clip(max=len(TYPES) - 1)
    cytotoxic = rng.permutation(np.flatnonzero(kind == CYTOTOXIC))
    engaged = np.zeros(len(seeds), dtype=bool)
    engaged[cytotoxic[: len(cytotoxic) // 2]] = True
    spread = np.exp(rng.normal(0, 0.08, (len(seeds), 2)))
    stroma = ((compartment == 1) & solid).astype(np.float32)
    return Cells(
        seeds=np.concatenate([[[0, 0]], seeds]),
        kind=np.concatenate([[-1], kind]),
        axes=np.concatenate([[[1, 1]], SHAPES[kind, :2] * spread]),
        tilt=np.concatenate([[0], rng.uniform(0, np.pi, len(seeds))]),
        engaged=np.concatenate([[False], engaged]),
    ), stroma


def grow(
    cells: Cells, size: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Grow every cell to its ellipse or its neighbours, whichever comes first.

    Returns the index of the cell at every pixel (0: none), and the pixel's distance from the
    cell's middle, as a fraction of its semi-axes. Edges are wavy: all is seen through a smooth
    displacement of about 1 px.
    """
    markers = np.zeros((size, size), dtype=np.int64)
    markers[tuple(cells.seeds[1:].T)] = np.arange(1, len(cells.seeds))
    nearest = ndimage.distance_transform_edt(
        markers == 0, return_distances=False, return_indices=True
    )
    grid = np.indices((size, size), dtype=np.float32)
    moved = [grid[axis] + 1.1 * smooth_field(rng, size, 8.0) for axis in (0, 1)]
    rounded = tuple(np.rint(part).astype(np.int64).clip(0, size - 1) for part in moved)
    index = markers[tuple(nearest)][rounded]
    dy, dx = (part - cells.seeds[index, axis] for axis, part in enumerate(moved))
    cos, sin = np.cos(cells.tilt)[index], np.sin(cells.tilt)[index]
    major, minor = (cells.axes[:, axis][index] for axis in (0, 1))
    radius = np.hypot((dx * cos + dy * sin) / major, (dy * cos - dx * sin) / minor)
    index[radius > 1] = 0
    return index, radius.astype(np.float32)
