"""*File > Open Sample > SpliCER*: the synthetic tissue as one layer per channel, and its mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_splicer.gui.reading import OWN

# What is on at first: enough to see nests, vessels and immune cells; the rest is one click away.
_COLOURS = {
    "DNA": ("blue", True),
    "PanCK": ("green", True),
    "CD45": ("red", True),
    "SMA": ("magenta", False),
    "Vimentin": ("cyan", False),
    "CD8": ("yellow", False),
}


def open_sample() -> list[tuple[Any, dict[str, Any], str]]:
    """Return the synthetic tissue as layer data: its channels, then its cell mask."""
    from napari_splicer.samples import synthetic_tissue

    field = synthetic_tissue().field
    image, cells = field.image, field.cells
    pixels = np.asarray(image.data)
    place = {"scale": image.transform.scale, "units": image.transform.units}
    layers: list[tuple[Any, dict[str, Any], str]] = []
    for name, plane in zip(image.channels, pixels, strict=True):
        colour, visible = _COLOURS.get(name, ("gray", False))
        layers.append(
            (
                plane,
                {
                    "name": name,
                    "colormap": colour,
                    "blending": "additive",
                    "visible": visible,
                    "contrast_limits": _limits(plane),
                    "metadata": {OWN: {"image": image.name}},
                    **place,
                },
                "image",
            )
        )
    if cells is not None:
        mask = {"name": "cell mask", "opacity": 0.3, "visible": False, **place}
        layers.append((np.asarray(cells.data), mask, "labels"))
    return layers


def _limits(plane: Any) -> tuple[float, float]:
    low, high = np.quantile(plane, (0.05, 0.997))
    return float(low), float(high)
