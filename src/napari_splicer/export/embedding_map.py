"""The embedding of a grid's tiles as an image, one pixel per tile, and its colours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_splicer.analysis.tile_map import TileMap, principal_colours
from napari_splicer.errors import InvalidSettings
from napari_splicer.export.cluster_image import check_image
from napari_splicer.files import written
from napari_splicer.images.label_image import TIFF_LIMIT
from napari_splicer.shares import unheard

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.export.cluster_image import ImageFormat
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.shares import Report

_BAND = 64  # rows of tiles that are read and written at once
_HELD = 2**26  # bytes of planes that are held at once


@dataclass(frozen=True, eq=False)
class _Drawn:
    """What is written: columns of a matrix over the tiles of one image."""

    name: str
    channels: Sequence[str]
    tiles: TileMap
    matrix: Any
    dtype: np.dtype[Any]
    pixel_size: tuple[float, float] | None

    @property
    def shape(self) -> tuple[int, int, int]:
        return (len(self.channels), *self.tiles.row.shape)

    @property
    def scale(self) -> tuple[float, float]:
        """From one tile to the next, in µm, or in pixels where their size is unknown."""
        (y, x), (down, across) = self.pixel_size or (1.0, 1.0), self.tiles.step
        return y * down, x * across

    @property
    def origin(self) -> tuple[float, float]:
        """Where the centre of the first tile lies, in the same unit."""
        y, x = self.pixel_size or (1.0, 1.0)
        return y * float(self.tiles.y[0]), x * float(self.tiles.x[0])

    @property
    def size(self) -> int:
        """Bytes of the pixels."""
        return math.prod(self.shape) * self.dtype.itemsize

    def planes(self, report: Report) -> Iterator[NDArray[Any]]:
        """Yield one channel after the other (gy, gx); a few at a time are read."""
        planes = len(self.channels)
        count = max(1, _HELD * planes // self.size)
        for start in range(0, planes, count):
            taken = self.tiles.take(self.matrix[:, start : start + count])
            report(min(start + count, planes) / planes)
            yield from taken

    def fill(self, target: Any, report: Report) -> None:
        """Write band after band into ``target`` (D, gy, gx)."""
        height = self.shape[1]
        for start in range(0, height, _BAND):
            band = slice(start, min(start + _BAND, height))
            target[:, band] = self.tiles.take(self.matrix, band)
            report(band.stop / height)


def check_mappable(table: AnnData) -> None:
    """Raise InvalidSettings unless a table's tiles have an embedding."""
    if "X_splicer" not in table.obsm:
        raise InvalidSettings(
            "The table was made without a model, so its tiles have no embedding to draw.",
            "Embed them with a model.",
        )


def write_embedding_map(
    field: MaskedImage,
    table: AnnData,
    path: Path,
    *,
    image_format: ImageFormat = "ome-tiff",
    overwrite: bool = False,
    report: Report = unheard,
) -> None:
    """Write the representation of the tiles of one image, float32 (D, gy, gx).

    One pixel per tile, as far apart as the tiles are; NaN where the grid lacks one. A large grid is
    never held whole.

    Raises
    ------
    InvalidSettings
        If the table was made without a model.
    NoCells
        If the table has no tile of the image.
    WouldOverwrite, CannotWrite
        See :func:`napari_splicer.files.written`.
    """
    check_mappable(table)
    matrix = table.obsm["X_splicer"]
    names = [f"X_splicer_{i}" for i in range(matrix.shape[1])]
    drawn = _drawn(field, table, matrix, names, "embedding")
    with written(path, overwrite=overwrite) as temporary:
        if image_format == "ome-tiff":
            _write_tiff(temporary, drawn, report)
        else:
            _write_zarr(temporary, drawn, report)


def write_colour_map(
    field: MaskedImage,
    table: AnnData,
    path: Path,
    *,
    image_format: ImageFormat = "ome-tiff",
    overwrite: bool = False,
    report: Report = unheard,
) -> None:
    """Write the tiles' first three principal components as red, green and blue, uint8.

    The same colours in all images of the table; see
    :func:`napari_splicer.analysis.tile_map.principal_colours`. Raises as
    :func:`write_embedding_map`.
    """
    check_mappable(table)
    colours: NDArray[np.uint8] = principal_colours(table)
    drawn = _drawn(field, table, colours, ("red", "green", "blue"), "embedding colours")
    with written(path, overwrite=overwrite) as temporary:
        if image_format == "ome-tiff":
            _write_rgb_tiff(temporary, drawn, report)
        else:
            _write_zarr(temporary, drawn, report, colours=("FF0000", "00FF00", "0000FF"))


def _drawn(
    field: MaskedImage, table: AnnData, matrix: Any, channels: Sequence[str], what: str
) -> _Drawn:
    check_image(table, field.name)
    tiles = TileMap.of(table, field.name)
    return _Drawn(
        f"{field.name} {what}", channels, tiles, matrix, matrix.dtype, field.image.pixel_size
    )


def _write_tiff(path: Path, drawn: _Drawn, report: Report) -> None:
    import tifffile

    metadata = _metadata(drawn, planes=len(drawn.channels))
    metadata |= {"axes": "CYX", "Channel": {"Name": list(drawn.channels)}}
    tifffile.imwrite(
        path,
        drawn.planes(report),
        shape=drawn.shape,
        dtype=drawn.dtype,
        ome=True,
        bigtiff=drawn.size > TIFF_LIMIT,
        photometric="minisblack",
        compression="zlib",
        metadata=metadata,
    )


def _write_rgb_tiff(path: Path, drawn: _Drawn, report: Report) -> None:
    import tifffile

    pixels = drawn.tiles.take(drawn.matrix).transpose(1, 2, 0)
    report(1.0)  # small: three bytes per tile
    metadata = _metadata(drawn, planes=1) | {"axes": "YXS"}
    tifffile.imwrite(
        path, pixels, ome=True, photometric="rgb", compression="zlib", metadata=metadata
    )


def _metadata(drawn: _Drawn, *, planes: int) -> dict[str, Any]:
    (down, across), (y, x) = drawn.scale, drawn.origin
    unit = "pixel" if drawn.pixel_size is None else "µm"
    return {
        "Name": drawn.name,
        "PhysicalSizeY": down,
        "PhysicalSizeYUnit": unit,
        "PhysicalSizeX": across,
        "PhysicalSizeXUnit": unit,
        "Plane": {
            "PositionY": [y] * planes,
            "PositionYUnit": [unit] * planes,
            "PositionX": [x] * planes,
            "PositionXUnit": [unit] * planes,
        },
    }


def _write_zarr(path: Path, drawn: _Drawn, report: Report, *, colours: Sequence[str] = ()) -> None:
    """Write an OME-Zarr 0.4 image of one level."""
    import zarr

    group = zarr.open_group(path, mode="w", zarr_format=2)
    count, height, width = drawn.shape
    array = group.create_array(
        "0",
        shape=drawn.shape,
        chunks=(count, min(_BAND, height), min(_BAND, width)),
        dtype=drawn.dtype,
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    drawn.fill(array, report)
    unit = {} if drawn.pixel_size is None else {"unit": "micrometer"}
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": axis, "type": "space", **unit} for axis in "yx"]
    place = [
        {"type": "scale", "scale": [1.0, *drawn.scale]},
        {"type": "translation", "translation": [0.0, *drawn.origin]},
    ]
    channels: list[dict[str, Any]] = [{"label": name} for name in drawn.channels]
    for channel, colour in zip(channels, colours, strict=False):
        channel |= {"color": colour, "window": {"start": 0, "end": 255, "min": 0, "max": 255}}
    group.attrs.update(
        {
            "multiscales": [
                {
                    "version": "0.4",
                    "name": drawn.name,
                    "axes": axes,
                    "datasets": [{"path": "0", "coordinateTransformations": place}],
                }
            ],
            "omero": {"channels": channels},
        }
    )
