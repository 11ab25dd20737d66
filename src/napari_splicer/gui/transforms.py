"""Where a layer lies, and how large its pixels are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.images.image import Affine2D

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_splicer.images.image import PixelSize

_ROUNDING = 1e-8


def transform_of(layer: Layer) -> Affine2D:
    """Return where the layer's (Y, X) plane lies, whole."""
    rotate = np.asarray(layer.rotate)[-2:, -2:]
    shear = np.asarray(layer.shear)[-1:]
    affine = np.asarray(layer.affine)[-3:, -3:]
    return Affine2D(
        scale=(float(layer.scale[-2]), float(layer.scale[-1])),
        translate=(float(layer.translate[-2]), float(layer.translate[-1])),
        rotate=None if _is(rotate, np.eye(2)) else _rows(rotate),
        shear=None if _is(shear, 0) else tuple(float(v) for v in shear),
        affine=None if _is(affine, np.eye(3)) else _rows(affine),
        units=(str(layer.units[-2]), str(layer.units[-1])),
    )


def plane_at(layer: Layer, step: Sequence[int], keep: int = 2) -> tuple[int, ...]:
    """Return which part of a layer is on screen, as its place along each axis but the last ones.

    Parameters
    ----------
    layer : Layer
    step : sequence of int
        The viewer's current step along each of its axes.
    keep : int
        How many axes a part has: 2 for a (Y, X) plane, 3 with channels or colours.
    """
    shape = layer.data[0].shape if layer.multiscale else layer.data.shape
    colours = 1 if getattr(layer, "rgb", False) else 0  # an axis that the viewer does not have
    offset = len(step) - (len(shape) - colours)
    return tuple(
        min(int(step[offset + axis]), n - 1) for axis, n in enumerate(shape[: len(shape) - keep])
    )


def lie_together(layer: Layer, other: Layer, shape: tuple[int, int]) -> bool:
    """Return whether the same pixels of two layers lie at the same place, to within half of one.

    Parameters
    ----------
    layer, other : Layer
    shape : (int, int)
        Height and width of both in pixels.
    """
    corners = [_corners(each, shape) for each in (layer, other)]
    pixel = np.linalg.norm(corners[0][1:] - corners[0][0], axis=1) / shape
    return bool((np.abs(corners[0] - corners[1]) <= pixel.min() / 2).all())


def _corners(layer: Layer, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return where three corners of the layer's (Y, X) plane lie, (3, 2)."""
    spare = (0,) * (layer.ndim - 2)
    places = [(0, 0), (shape[0], 0), (0, shape[1])]
    return np.array([layer.data_to_world((*spare, *place))[-2:] for place in places], float)


def lay_over(layer: Layer, other: Layer) -> None:
    """Lay a layer's (Y, X) planes where those of another lie, with its scale and units."""
    there, spare = transform_of(other), layer.ndim - 2
    layer.units = (*layer.units[:spare], *there.units)
    layer.scale = (*layer.scale[:spare], *there.scale)
    layer.translate = (*layer.translate[:spare], *there.translate)
    for name, side in (("rotate", layer.ndim), ("affine", layer.ndim + 1)):
        whole, part = np.eye(side), getattr(there, name)
        if part is not None:
            whole[spare:, spare:] = part
        setattr(layer, name, whole)
    shear = np.zeros(len(layer.shear))
    shear[-1] = 0 if there.shear is None else there.shear[-1]
    layer.shear = shear


def pixel_size_of(layer: Layer) -> PixelSize | None:
    """Return the pixel's height and width in µm; None where the layer's units are no lengths."""
    if not all(unit.is_compatible_with("micrometer") for unit in layer.units[-2:]):
        return None
    y, x = (
        float((abs(scale) * unit).to("micrometer").magnitude)
        for scale, unit in zip(layer.scale[-2:], layer.units[-2:], strict=True)
    )
    return y, x


def said_of_scale(layer: Layer) -> tuple[str, ...]:
    """Say so where a layer's pixels have a size, but nobody knows in what."""
    scale = np.abs(layer.scale[-2:])
    if pixel_size_of(layer) is not None or (np.abs(scale - 1) <= _ROUNDING).all():
        return ()
    return (
        f"The layer's scale is {scale[1]:.4g}, in no unit of length. If it is in µm, enter it "
        "as the pixel size.",
    )


def _is(matrix: NDArray[Any], plain: NDArray[Any] | float) -> bool:
    # numpy.allclose takes ten times as long, and all layers are asked whenever one comes or goes.
    return bool((np.abs(matrix - plain) <= _ROUNDING).all())


def _rows(matrix: Any) -> Any:
    return tuple(tuple(float(value) for value in row) for row in matrix)
