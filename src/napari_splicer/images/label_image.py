"""Label images as OME-TIFF or OME-Zarr: tiled, compressed, with a pyramid, written tile by tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_splicer.shares import unheard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_splicer.shares import Report

    Labels = NDArray[np.unsignedinteger[Any]]

TILE = 512  # pixels
_STEP = 4  # between levels of the pyramid
_OVERVIEW = 4096  # pixels; images no longer than this need no smaller level
_SPAN = 8192  # pixels read at once along a row of tiles
_BLOCK = 2048  # rows read at once
TIFF_LIMIT = 2**32 - 2**25
"""Bytes that a classic TIFF can address."""


class Legend(NamedTuple):
    """A label's value, name and colour (``"#RRGGBB"``)."""

    value: int
    name: str
    colour: str


@dataclass(frozen=True)
class LabelImage:
    """A label image that is read box by box.

    Parameters
    ----------
    name : str
    read : callable
        ``read(y0, y1, x0, x1)`` gives the labels of a half-open box.
    shape : (int, int)
        Height and width in pixels.
    dtype : numpy.dtype
        Unsigned.
    pixel_size : (float, float), optional
        µm, (y, x).
    legend : sequence of Legend
        What the labels mean.
    painted : callable, optional
        Gives what is written, of ``dtype``, for labels that were read; default: these.
    """

    name: str
    read: Callable[[int, int, int, int], NDArray[Any]]
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    pixel_size: tuple[float, float] | None = None
    legend: Sequence[Legend] = ()
    painted: Callable[[NDArray[Any]], Labels] | None = None

    @property
    def factors(self) -> tuple[int, ...]:
        """How much smaller each level of the pyramid is, from 1."""
        factors = [1]
        while max(self.level_shape(factors[-1])) > _OVERVIEW:
            factors.append(factors[-1] * _STEP)
        return tuple(factors)

    def level_shape(self, factor: int) -> tuple[int, int]:
        """Return height and width of a level in its own pixels."""
        height, width = self.shape
        return -(-height // factor), -(-width // factor)

    def tiles(self, factor: int, report: Report = unheard) -> Iterator[tuple[slice, slice, Labels]]:
        """Yield the tiles of a level row by row, with their place; those at the edge are smaller.

        Labels can't be averaged, so a level takes every ``factor``-th pixel. ``report`` is told how
        much of all levels is done: each takes about as long, as each reads the whole image.
        """
        before, levels = self.factors.index(factor), len(self.factors)
        height, width = self.level_shape(factor)
        span = max(TILE, _SPAN // factor // TILE * TILE)
        for top in range(0, height, TILE):
            y = slice(top, min(top + TILE, height))
            for start in range(0, width, span):
                stop = min(start + span, width)
                band = self._thinned(factor, y, slice(start, stop))
                for left in range(start, stop, TILE):
                    x = slice(left, min(left + TILE, stop))
                    done = y.start * width + (y.stop - y.start) * x.stop
                    report((before + done / (height * width)) / levels)
                    yield y, x, band[:, left - start : x.stop - start]

    def _thinned(self, factor: int, y: slice, x: slice) -> Labels:
        """Read a box of a level, a block of rows at a time."""
        band = np.empty((y.stop - y.start, x.stop - x.start), self.dtype)
        right = min(x.stop * factor, self.shape[1])
        rows = max(1, _BLOCK // factor)
        for top in range(y.start, y.stop, rows):
            bottom = min(top + rows, y.stop)
            end = min(bottom * factor, self.shape[0])
            block = self.read(top * factor, end, x.start * factor, right)[::factor, ::factor]
            band[top - y.start : bottom - y.start] = self.painted(block) if self.painted else block
        return band


def write_ome_tiff(path: Path, image: LabelImage, report: Report = unheard) -> None:
    """Write a tiled, deflated OME-TIFF; the smaller levels of the pyramid are its SubIFDs."""
    from tifffile import TiffWriter

    metadata: dict[str, Any] = {"axes": "YX", "Name": image.name}
    if image.pixel_size is not None:
        y, x = image.pixel_size
        metadata |= {"PhysicalSizeY": y, "PhysicalSizeYUnit": "µm"}
        metadata |= {"PhysicalSizeX": x, "PhysicalSizeXUnit": "µm"}
    size = image.shape[0] * image.shape[1] * image.dtype.itemsize
    with TiffWriter(path, ome=True, bigtiff=size > TIFF_LIMIT) as tiff:
        for factor in image.factors:
            tiff.write(
                (_full(tile) for _, _, tile in image.tiles(factor, report)),
                shape=image.level_shape(factor),
                dtype=image.dtype,
                photometric="minisblack",
                tile=(TILE, TILE),
                compression="zlib",
                subifds=len(image.factors) - 1 if factor == 1 else None,
                subfiletype=None if factor == 1 else 1,
                metadata=metadata if factor == 1 else None,
            )


def write_ome_zarr(path: Path, image: LabelImage, report: Report = unheard) -> None:
    """Write an OME-Zarr 0.4 label image; its legend becomes ``image-label`` colours and names."""
    import zarr

    group = zarr.open_group(path, mode="w", zarr_format=2)
    for level, factor in enumerate(image.factors):
        _fill(_new_level(group, image, level), image.tiles(factor, report))
    group.attrs.update(_attributes(image))


class LabelStore:
    """An OME-Zarr 0.4 label image that is filled box by box, in any order; uint32.

    Parameters
    ----------
    path : Path, optional
        Default: it is kept in memory, compressed.
    name : str
    shape : (int, int)
        Height and width in pixels.
    pixel_size : (float, float), optional
        µm, (y, x).

    Attributes
    ----------
    finest : zarr.Array
        To be written to; 0 where nothing was written.
    """

    def __init__(
        self,
        path: Path | None,
        name: str,
        shape: tuple[int, int],
        pixel_size: tuple[float, float] | None = None,
    ) -> None:
        import zarr

        place = zarr.storage.MemoryStore() if path is None else path
        self._group = zarr.open_group(place, mode="w", zarr_format=2)
        self._image = LabelImage(name, self._read, shape, np.dtype(np.uint32), pixel_size)
        self.finest = _new_level(self._group, self._image, 0)

    def _read(self, y0: int, y1: int, x0: int, x1: int) -> Labels:
        box: Labels = self.finest[y0:y1, x0:x1]
        return box

    def finish(self, made_by: Mapping[str, Any]) -> tuple[Any, ...]:
        """Add the coarser levels, the metadata, and how it was made; return all levels."""
        coarser = list(enumerate(self._image.factors))[1:]
        levels = [_new_level(self._group, self._image, level) for level, _ in coarser]
        for array, (_, factor) in zip(levels, coarser, strict=True):
            _fill(array, self._image.tiles(factor))
        self._group.attrs.update({**_attributes(self._image), "napari-splicer": dict(made_by)})
        return (self.finest, *levels)


def _new_level(group: Any, image: LabelImage, level: int) -> Any:
    return group.create_array(
        str(level),
        shape=image.level_shape(image.factors[level]),
        chunks=(TILE, TILE),
        dtype=image.dtype,
        fill_value=0,
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )


def _fill(array: Any, tiles: Iterator[tuple[slice, slice, Labels]]) -> None:
    for y, x, tile in tiles:
        array[y, x] = tile


def _attributes(image: LabelImage) -> dict[str, Any]:
    return {
        "multiscales": [_multiscale(image)],
        "image-label": {
            "version": "0.4",
            "colors": [
                {"label-value": entry.value, "rgba": [*bytes.fromhex(entry.colour[1:]), 255]}
                for entry in image.legend
            ],
            "properties": [
                {"label-value": entry.value, "name": entry.name} for entry in image.legend
            ],
        },
    }


def _multiscale(image: LabelImage) -> dict[str, Any]:
    unit = {} if image.pixel_size is None else {"unit": "micrometer"}
    pixel = image.pixel_size or (1.0, 1.0)
    return {
        "version": "0.4",
        "name": image.name,
        "axes": [{"name": axis, "type": "space", **unit} for axis in "yx"],
        "datasets": [
            {
                "path": str(level),
                "coordinateTransformations": [
                    {"type": "scale", "scale": [side * factor for side in pixel]}
                ],
            }
            for level, factor in enumerate(image.factors)
        ],
    }


def _full(tile: Labels) -> Labels:
    """Fill a tile at the edge up with background."""
    missing = [(0, TILE - length) for length in tile.shape]
    return np.pad(tile, missing) if any(after for _, after in missing) else tile
