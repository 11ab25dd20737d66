"""Memory of tiles is asked for once, though blocks of a field differ in width."""

from __future__ import annotations

import numpy as np
import pytest

from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.patches import blocks
from napari_splicer.patches.reader import PatchReader
from napari_splicer.patches.sites import Sites, grid_sites
from napari_splicer.patches.tiles import FieldSites, TileSource


@pytest.mark.parametrize("side", [1, 2, 7, 16])
def test_bands_and_borders_need_no_other_memory(side, monkeypatch) -> None:
    """Three bands of two blocks: the first of the later ones, and the last of all, are wider."""
    monkeypatch.setattr(blocks, "LEAST_SIDE", 32)
    monkeypatch.setattr(blocks, "BAND_WIDTH", 64)
    image = MultiplexImage.from_array(
        np.zeros((2, 96, 192), np.uint16), ["A", "B"], name="field", axes="CYX"
    )
    cells = LabelMask.from_array(np.ones((96, 192), np.uint8), name="cells")
    object.__setattr__(image, "levels", (image.data.rechunk((1, 32, 32)),))
    field = MaskedImage(image, cells)
    sites = grid_sites([field], size=side)
    reader = PatchReader([field], sites, channels=("A", "B"), side=side, size=side)
    asked: list[int] = []
    taken = np.zeros

    def counted(shape, dtype=float):
        if isinstance(shape, int):  # so is asked for memory, not for planes
            asked.append(shape)
        return taken(shape, dtype)

    monkeypatch.setattr("napari_splicer.patches.tiles.np.zeros", counted)
    widths = {tile.pixels.padded_PHW.shape[2] for tile in reader.tiles()}
    assert len(widths) >= (3 if side > 2 else 1)
    kinds, buffers = 3, 3  # pixels, labels and regions; three tiles are in memory
    assert len(asked) <= kinds * buffers


def test_what_is_too_small_is_gone_before_more_is_asked_for(monkeypatch) -> None:
    image = MultiplexImage.from_array(np.zeros((1, 8, 8), np.uint16), ["A"], name="f", axes="CYX")
    block = blocks.Block(0, 8, 0, 8, np.empty(0, int), np.empty(0, int), (0, 8), 0)
    none = np.empty(0, int)
    field = FieldSites(0, MaskedImage(image), 4, none, Sites(none, none, none, none))
    source = TileSource((), (), np.dtype(np.uint16))
    source._memory["pixels", 0] = np.zeros(8, np.uint8)
    held: list[int] = []
    taken = np.zeros

    def counted(shape, dtype=float):
        held.append(len(source._memory))
        return taken(shape, dtype)

    monkeypatch.setattr("napari_splicer.patches.tiles.np.zeros", counted)
    source._layer(("pixels", 0), 1, np.dtype(np.uint16), field, block)
    assert held == [0]
