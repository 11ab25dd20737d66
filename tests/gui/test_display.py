from __future__ import annotations

import numpy as np

from napari_splicer.gui.display import image_layers
from napari_splicer.images.image import MultiplexImage


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
