"""What a TIFF file says about its channels and its pixels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from napari_splicer.images.units import pixel_size_um

if TYPE_CHECKING:
    from collections.abc import Sequence

    import tifffile

PAGE_NAME = 285
PLAUSIBLE_UM = (0.01, 10.0)
"""Plain TIFF often tells the resolution of a printer; only that of a microscope is believed."""


def channel_names(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries
) -> Sequence[str | None] | None:
    """Return names from OME-XML, ImageJ labels, or the pages' names, in that order of trust."""
    pixels = ome_pixels(tif)
    if pixels is not None:
        return [
            channel.get("Name") or channel.get("Fluor") for channel in pixels.findall("{*}Channel")
        ]
    labels = (tif.imagej_metadata or {}).get("Labels")
    if labels:
        return [str(label) for label in labels]
    return _page_names(series)


def pixel_size(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries
) -> tuple[float, float] | None:
    """Return the size of a pixel in µm, (y, x), or None if the file does not tell it."""
    pixels = ome_pixels(tif)
    if pixels is not None:
        return pixel_size_um(
            pixels.get("PhysicalSizeY"),
            pixels.get("PhysicalSizeX"),
            pixels.get("PhysicalSizeYUnit", "µm"),
            pixels.get("PhysicalSizeXUnit", "µm"),
        )
    page = series.keyframe
    per_unit_x, per_unit_y = page.resolution
    if per_unit_x <= 0 or per_unit_y <= 0:
        return None
    if tif.imagej_metadata is not None:
        unit = str(tif.imagej_metadata.get("unit", ""))
        return pixel_size_um(1 / per_unit_y, 1 / per_unit_x, unit, unit)
    unit = {2: "inch", 3: "cm", 4: "mm", 5: "µm"}.get(int(page.resolutionunit), "")
    size = pixel_size_um(1 / per_unit_y, 1 / per_unit_x, unit, unit)
    low, high = PLAUSIBLE_UM
    return size if size and low <= min(size) and max(size) <= high else None


def ome_pixels(tif: tifffile.TiffFile) -> ElementTree.Element | None:
    """Return the Pixels element of the first image in the OME-XML, or None without a valid one."""
    if tif.ome_metadata is None:
        return None
    try:
        return ElementTree.fromstring(tif.ome_metadata).find("{*}Image/{*}Pixels")
    except ElementTree.ParseError:
        return None


def _page_names(series: tifffile.TiffPageSeries) -> list[str] | None:
    """Return the PageName tags, else one-line descriptions, if every page has its own."""
    pages = [page.aspage() for page in series if page is not None]
    for texts in (
        [page.tags.valueof(PAGE_NAME, default="") for page in pages],
        [page.description for page in pages],
    ):
        names = [str(text).strip() for text in texts]
        if all(map(_is_name, names)) and len(set(names)) == len(names) > 1:
            return names
    return None


def _is_name(text: str) -> bool:
    """Tell a name from structured metadata (XML, JSON, key=value lines)."""
    return bool(re.fullmatch(r"[^\n\r<{][^\n\r]{0,99}", text)) and not text.startswith("ImageJ=")
