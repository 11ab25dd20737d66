"""One layer as a record, and a record as a layer again: its name, its look, its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import AVAILABLE_COLORMAPS

from napari_splicer.gui.project.record import LayerRecord, Look, Placing
from napari_splicer.gui.reading import OWN

if TYPE_CHECKING:
    from napari.layers import Layer


def describe(layer: Layer, origin: int, place: int) -> LayerRecord:
    """Return the record of a layer that is the ``place``-th of an origin."""
    kind = type(layer).__name__.lower()
    colormap = getattr(getattr(layer, "colormap", None), "name", None)
    limits = getattr(layer, "contrast_limits", None)
    sheet = layer.metadata.get(OWN, {}).get("sheet")
    return LayerRecord(
        name=layer.name,
        kind=kind,
        origin=origin,
        place=place,
        sheet="" if sheet is None or kind != "labels" else sheet.name,
        look=Look(
            visible=layer.visible,
            opacity=float(layer.opacity),
            blending=str(layer.blending),
            gamma=float(layer.gamma) if hasattr(layer, "gamma") else None,
            colormap=colormap if kind == "image" else None,
            contour=int(layer.contour) if kind == "labels" else None,
            contrast_limits=None if limits is None else (float(limits[0]), float(limits[1])),
        ),
        placing=Placing(
            scale=_row(layer.scale),
            translate=_row(layer.translate),
            rotate=_rows(layer.rotate),
            shear=_row(layer.shear),
            affine=_rows(layer.affine),
            units=tuple(map(str, layer.units)),
        ),
    )


def dress(layer: Layer, record: LayerRecord) -> None:
    """Give a layer the name, look and place that a record tells."""
    layer.name = record.name
    look, placing = record.look, record.placing
    if look.contrast_limits is not None and look.contrast_limits[0] < look.contrast_limits[1]:
        layer.contrast_limits = look.contrast_limits
    if look.colormap in AVAILABLE_COLORMAPS:
        layer.colormap = look.colormap
    if look.gamma is not None:
        layer.gamma = look.gamma
    if look.contour is not None and hasattr(layer, "contour"):
        layer.contour = look.contour
    layer.opacity, layer.blending, layer.visible = look.opacity, look.blending, look.visible
    if placing is not None and len(placing.scale) == layer.ndim:
        layer.scale, layer.translate = placing.scale, placing.translate
        layer.rotate, layer.shear = np.array(placing.rotate), np.array(placing.shear)
        layer.affine, layer.units = np.array(placing.affine), placing.units


def _row(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _rows(matrix: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(_row(row) for row in np.asarray(matrix))
