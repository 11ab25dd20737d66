from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels, Layer

from napari_splicer.gui import display
from napari_splicer.gui.display import image_layers, mask_layer
from napari_splicer.gui.overlay import ClusterLookup
from napari_splicer.gui.reading import read_mask
from napari_splicer.images import pyramid
from napari_splicer.images.image import Affine2D, MultiplexImage
from napari_splicer.images.masks import LabelMask


def test_channels_that_show_different_things_are_on_at_first() -> None:
    rng = np.random.default_rng(0)
    nuclei, stroma = np.zeros((2, 64, 64), np.uint16)
    nuclei[:32], stroma[32:] = 100, 90
    rare = np.zeros((64, 64), np.uint16)
    rare[5, 5] = 1000
    noisy = nuclei + rng.integers(0, 5, nuclei.shape).astype(np.uint16)
    image = MultiplexImage.from_array(
        np.stack([rare, nuclei, noisy, np.zeros_like(rare), stroma]),
        ["rare", "nuclei", "nuclei too", "empty", "stroma"],
    )
    layers = {settings["name"]: settings for _, settings, _ in image_layers(image)}
    shown = [name for name, settings in layers.items() if settings["visible"]]
    assert len(shown) == 3
    assert "stroma" in shown
    assert {"nuclei", "nuclei too"} & set(shown)
    assert not {"empty", "rare"} & set(shown[:2])
    colours = [layers[name]["colormap"] for name in shown]
    assert len(set(colours)) == 3


def test_tiny_images_with_undefined_pixels_can_be_shown() -> None:
    pixels = np.full((2, 5, 7), np.nan, np.float32)
    pixels[0, 0, 0] = 3
    layers = image_layers(MultiplexImage.from_array(pixels, ["a", "b"]))
    assert [settings["visible"] for _, settings, _ in layers] == [True, True]


class Counted:
    """Labels, (Y, X), that remember how many pixels were read of them at a time."""

    def __init__(self, labels: np.ndarray) -> None:
        self._labels, self.read = labels, []
        self.shape, self.dtype, self.ndim, self.chunks = labels.shape, labels.dtype, 2, (64, 64)

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        piece = self._labels[key]
        self.read.append(piece.size)
        return piece


@pytest.fixture
def flat(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """A mask of 1000 × 1040 pixels without a pyramid, of a size that is not kept in memory."""
    monkeypatch.setattr(display, "_PAINTED", 2**18)
    monkeypatch.setattr(display, "_AT_HAND", 2**17)
    monkeypatch.setattr(pyramid, "_PIECE", 64)
    y, x = np.indices((1000, 1040)) // 40
    return Counted((y * 26 + x + 1).astype(np.uint32))


def test_a_large_mask_without_a_pyramid_is_read_as_it_is_looked_at(flat: Counted) -> None:
    mask = LabelMask.from_array(flat, name="cells")
    levels, settings, kind = mask_layer(mask, Affine2D())
    whole = mask.shape[0] * mask.shape[1]
    assert max(flat.read) < whole / 4
    assert sum(flat.read) <= whole  # once, for the level that is kept
    assert settings["multiscale"]
    assert [isinstance(level, np.ndarray) for level in levels] == [False, False, True, True]
    for level, factor in zip(levels, (1, 2, 4, 16), strict=True):
        fine = np.asarray(mask.data)[factor // 2 :: factor, factor // 2 :: factor]
        lines = tuple(slice(0, min(pair)) for pair in zip(fine.shape, level.shape, strict=True))
        np.testing.assert_array_equal(np.asarray(level)[lines], fine[lines])

    layer = Layer.create(levels, settings, kind)
    assert not layer.editable
    layer.visible = True
    lookup = ClusterLookup.from_groups([1, 2, 300], ["a", "b", "a"])
    overlay = Labels(lookup.overlay(layer.data), multiscale=True)
    for shown in (layer, overlay):
        for side, level in ((90, 0), (250, 1)):  # a view of so many pixels, at two places
            for start in (130, 500):
                flat.read.clear()
                corners = np.array([[start, start], [start + side, start + side]])
                shown._update_draw(1.0, corners, np.array([80, 80]))
                assert shown.data_level == level
                # Of what the layer showed, napari may still have the pixels for the overlay.
                assert int(shown is layer) <= sum(flat.read) < 4 * (side + 128) ** 2 < whole
    flat.read.clear()
    np.testing.assert_array_equal(read_mask(layer, ()).read(0, 9, 50, 60), mask.read(0, 9, 50, 60))
    assert max(flat.read) <= 64 * 64


def test_levels_of_a_large_mask_that_may_be_kept_are_in_memory(flat: Counted) -> None:
    pyramid_of = [flat, flat[::2, ::2], flat[::8, ::8]]
    levels, settings, _ = mask_layer(LabelMask.from_array(pyramid_of, name="cells"), Affine2D())
    assert settings["multiscale"]
    assert [level.shape for level in levels] == [(1000, 1040), (500, 520), (125, 130)]
    assert [isinstance(level, np.ndarray) for level in levels] == [False, False, True]
    np.testing.assert_array_equal(levels[2], pyramid_of[2])


def test_a_pyramid_whose_smallest_level_is_large_gets_smaller_ones(flat: Counted) -> None:
    half = Counted(flat[::2, ::2])
    flat.read.clear()
    levels, _, _ = mask_layer(LabelMask.from_array([flat, half], name="cells"), Affine2D())
    shapes = [(1000, 1040), (500, 520), (250, 260), (62, 65)]
    assert [level.shape for level in levels] == shapes
    assert [isinstance(level, np.ndarray) for level in levels] == [False, False, True, True]
    np.testing.assert_array_equal(levels[2], half[1::2, 1::2])
    assert sum(flat.read) < 1000 * 1040 / 3  # to see whether the level below has its labels


def test_levels_in_which_labels_were_averaged_are_not_shown(flat: Counted) -> None:
    fine = np.asarray(flat[:, :])
    averaged = fine.reshape(500, 2, 520, 2).mean(axis=(1, 3)).round().astype(np.uint32)
    averaged[::20] += 7  # where cells meet, as an average would have it
    levels, _, _ = mask_layer(LabelMask.from_array([flat, averaged]), Affine2D())
    assert [level.shape for level in levels] == [(1000, 1040), (500, 520), (250, 260), (62, 65)]
    np.testing.assert_array_equal(np.asarray(levels[1]), fine[1::2, 1::2])


def test_a_mask_that_can_be_painted_on_is_in_memory(flat: Counted) -> None:
    small = LabelMask.from_array(flat[:400, :400], name="cells")
    levels, settings, kind = mask_layer(small, Affine2D())
    assert isinstance(levels, np.ndarray)
    assert Layer.create(levels, settings, kind).editable
    flat.chunks = flat.shape  # decoded whole, whatever is wanted of it
    assert isinstance(mask_layer(LabelMask.from_array(flat), Affine2D())[0], np.ndarray)
