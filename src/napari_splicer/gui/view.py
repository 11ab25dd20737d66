"""Where the viewer looks."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import Camera
    from napari.layers import Layer
    from napari.viewer import Viewer
    from numpy.typing import NDArray


def camera_of(viewer: Viewer) -> Camera:
    """Return the viewer's camera, which napari 0.9 has moved into the scene."""
    return getattr(viewer, "scene", viewer).camera


def look_at(viewer: Viewer, layers: Sequence[Layer]) -> None:
    """Show the whole of some layers; by itself, napari does so for the first ones only."""
    fit = getattr(viewer, "fit_to_view", viewer.reset_view)
    # napari 0.9.2 fails where other layers have more axes than these (IndexError).
    flat = any(layer.ndim < viewer.dims.ndim for layer in layers)
    if "layers" in signature(fit).parameters and not flat:
        fit(layers=layers)
    else:  # before napari 0.9 of all layers, those of other images too
        fit()


def shows_all(viewer: Viewer, layers: Sequence[Layer]) -> bool:
    """Return whether the viewer shows the whole of some layers just as :func:`look_at` does."""
    camera = camera_of(viewer)
    centre, zoom = camera.center, camera.zoom
    look_at(viewer, layers)
    all_of_it = np.allclose([*centre[-2:], zoom], [*camera.center[-2:], camera.zoom])
    camera.center, camera.zoom = centre, zoom
    return bool(all_of_it)


def lie_alike(layers: Sequence[Layer], others: Sequence[Layer]) -> bool:
    """Return whether images of the first and of the second layers cover the same place."""
    return bool(layers and others) and all(
        np.allclose(a, b) for a, b in zip(_box(layers[0]), _box(others[0]), strict=True)
    )


def _box(layer: Layer) -> NDArray[np.float64]:
    return np.asarray(layer.extent.world, np.float64)[:, -2:]
