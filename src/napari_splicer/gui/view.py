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


def camera_of(viewer: Viewer) -> Camera:
    """Return the viewer's camera, which napari 0.9 has moved into the scene."""
    return getattr(viewer, "scene", viewer).camera


def look_at(viewer: Viewer, layers: Sequence[Layer]) -> None:
    """Show the whole of some layers; by itself, napari does so for the first ones only."""
    fit = getattr(viewer, "fit_to_view", viewer.reset_view)
    if "layers" in signature(fit).parameters:
        fit(layers=layers)
    else:  # before napari 0.9 of all layers, those of other images too
        fit()


def is_seen(viewer: Viewer, layers: Sequence[Layer]) -> bool:
    """Return whether the middle of the view lies on one of the layers."""
    middle = np.asarray(camera_of(viewer).center[-2:])
    boxes = (np.asarray(layer.extent.world)[:, -2:] for layer in layers)
    return any(bool(((low <= middle) & (middle <= high)).all()) for low, high in boxes)
