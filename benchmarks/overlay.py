"""Overlay of a million cells: a code per group against a colour per cell.

Both start from the same mask (4096 × 4096 px, 10⁶ cells, sparse and shuffled ids) and the same
clustering, and end with a napari Labels layer whose slice is ready to be drawn. Run by hand:

    python benchmarks/overlay.py [--side 4096] [--groups 20]
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_splicer.gui.overlay import ClusterLookup

if TYPE_CHECKING:
    from collections.abc import Callable

CELL = 4  # px


def make_mask(side: int, *, sparse: bool, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a mask of square cells, and their ids in random order."""
    rng = np.random.default_rng(seed)
    cells = (side // CELL) ** 2
    ids = rng.choice(2**32 - 1, cells, replace=False) + 1 if sparse else rng.permutation(cells) + 1
    mask = ids.reshape(side // CELL, -1).repeat(CELL, 0).repeat(CELL, 1).astype(np.uint32)
    mask[::CELL] = 0
    return mask, ids


def seconds(action: Callable[[], Any]) -> tuple[float, Any]:
    """Return how long ``action`` takes, and what it returns."""
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def drawn(layer: Labels) -> np.ndarray:
    """Return the texture that napari uploads for the layer's current slice."""
    return layer.colormap._data_to_texture(np.asarray(layer._slice.image.raw))


def by_group(levels: list[Any], lookup: ClusterLookup, colours: dict[str, Any]) -> Labels:
    """Paint through the lookup, as the plugin does."""
    layer = Labels(lookup.overlay(levels)[0], colormap=lookup.colormap(colours), multiscale=False)
    drawn(layer)
    return layer


def by_cell(mask: np.ndarray, ids: np.ndarray, groups: np.ndarray, colours: dict[str, Any]) -> None:
    """Paint through a colormap with an entry per cell."""
    entries: dict[int | None, Any] = {0: "transparent", None: "transparent"}
    entries |= {int(i): colours[g] for i, g in zip(ids, groups, strict=True)}
    layer = Labels(mask, colormap=DirectLabelColormap(color_dict=entries))
    drawn(layer)


def recoloured(layer: Labels, colormap: DirectLabelColormap) -> None:
    """Give the layer other colours."""
    layer.colormap = colormap
    drawn(layer)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--groups", type=int, default=20)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    names = [f"group {i}" for i in range(options.groups)]
    colours = {name: np.append(rng.random(3), 1) for name in names}

    warm, few = make_mask(16, sparse=True)  # what napari compiles on first use is not counted
    by_group([warm], ClusterLookup.from_groups(few, few % 2), {"0": "red", "1": "blue"})
    by_cell(warm, few, few % 2, {0: "red", 1: "blue"})
    for sparse in (False, True):
        mask, ids = make_mask(options.side, sparse=sparse)
        groups = np.array(names)[rng.integers(0, len(names), len(ids))]
        print(f"{len(ids):,} cells, {'sparse' if sparse else 'dense'} ids, {mask.shape} px")
        build, lookup = seconds(lambda i=ids, g=groups: ClusterLookup.from_groups(i, g))
        lazy = da.from_array(mask, chunks=1024)
        remap, _ = seconds(lambda m=mask, u=lookup: u.apply(m))
        paint, layer = seconds(lambda m=mask, u=lookup: by_group([m], u, colours))
        paint_lazy, _ = seconds(lambda m=lazy, u=lookup: by_group([m], u, colours))
        recolour, _ = seconds(lambda x=layer, u=lookup: recoloured(x, u.colormap(colours)))
        rival, _ = seconds(lambda m=mask, i=ids, g=groups: by_cell(m, i, g, colours))
        print(f"  lookup built       {build:7.3f} s")
        print(f"  mask remapped      {remap:7.3f} s")
        print(f"  painted            {paint:7.3f} s   {rival / paint:6.0f} x faster than per cell")
        print(f"  painted, lazy      {paint_lazy:7.3f} s   {rival / paint_lazy:6.0f} x faster")
        print(f"  recoloured         {recolour:7.3f} s   {rival / recolour:6.0f} x faster")
        print(f"  a colour per cell  {rival:7.3f} s")


if __name__ == "__main__":
    main()
