"""A field of view as a scanner would give it: finer than the network sees, with a pyramid."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import tifffile
import zarr

from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FACTORS = (1, 2, 4)


def averaged(pixels: NDArray[Any], factor: int) -> NDArray[Any]:
    """Return means of blocks, (C, Y, X), in the pixels' own type."""
    channels, height, width = pixels.shape
    blocks = pixels.reshape(channels, height // factor, factor, width // factor, factor)
    return np.asarray(blocks.mean(axis=(2, 4)).round().astype(pixels.dtype))


def finer(field: MaskedImage, times: int = 2) -> tuple[list[NDArray[Any]], NDArray[Any], float]:
    """Return levels, labels and pixel size of a field with every pixel cut into several.

    Noise makes the pixels of one differ.
    """
    assert field.cells is not None
    assert field.image.pixel_size is not None
    pixels = np.kron(field.image.data.compute(), np.ones((1, times, times), np.uint8))
    noise = np.random.default_rng(0).integers(0, 200, pixels.shape)
    pixels = np.minimum(pixels + noise, 2**16 - 1).astype(np.uint16)
    labels = np.kron(field.cells.data.compute(), np.ones((times, times), np.uint8))
    levels = [averaged(pixels, factor) for factor in FACTORS]
    return levels, labels.astype(np.uint32), field.image.pixel_size[0] / times


def with_pyramid(
    field: MaskedImage, *, chunk: int = 64, log: list[tuple[int, ...]] | None = None
) -> MaskedImage:
    """Return a field with half its pixel size and three levels; reads go into ``log``."""
    levels, labels, pixel_size = finer(field)

    def logged(block: NDArray[Any], level: int, block_info: Any = None) -> NDArray[Any]:
        if log is not None and block_info:
            log.append((level, *block_info[0]["chunk-location"]))
        return block

    lazy = [
        da.from_array(level, chunks=(1, chunk, chunk)).map_blocks(
            logged, level=number, dtype=level.dtype, meta=np.empty((0, 0, 0), level.dtype)
        )
        for number, level in enumerate(levels)
    ]
    image = MultiplexImage.from_array(
        lazy, field.image.channels, name=field.name, pixel_size=pixel_size, axes="CYX"
    )
    cells = LabelMask.from_array(da.from_array(labels, chunks=chunk), name="cells")
    return MaskedImage(image, cells)


def at_full_resolution(field: MaskedImage) -> MaskedImage:
    """Return the field without the smaller levels."""
    return replace(field, image=replace(field.image, levels=field.image.levels[:1]))


def write_zarr(
    path: Path, levels: Sequence[NDArray[Any]], channels: Sequence[str], pixel_size: float
) -> None:
    """Write an OME-Zarr 0.4 in chunks of 64 pixels."""
    group = zarr.open_group(path, mode="w", zarr_format=2)
    datasets = []
    for number, (level, factor) in enumerate(zip(levels, FACTORS, strict=True)):
        group.create_array(str(number), data=level, chunks=(1, 64, 64))
        scale = {"type": "scale", "scale": [1.0, pixel_size * factor, pixel_size * factor]}
        datasets.append({"path": str(number), "coordinateTransformations": [scale]})
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": a, "type": "space", "unit": "micrometer"} for a in "yx"]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    group.attrs["omero"] = {"channels": [{"label": name} for name in channels]}


def write_tiff(
    path: Path, levels: Sequence[NDArray[Any]], channels: Sequence[str], pixel_size: float
) -> None:
    """Write an OME-TIFF whose smaller levels are SubIFDs."""
    metadata = {
        "axes": "CYX",
        "Channel": {"Name": list(channels)},
        "PhysicalSizeX": pixel_size,
        "PhysicalSizeY": pixel_size,
    }
    options: dict[str, Any] = {
        "tile": (64, 64), "compression": "zlib", "photometric": "minisblack",
    }  # fmt: skip
    with tifffile.TiffWriter(path, ome=True) as tif:
        tif.write(levels[0], subifds=len(levels) - 1, metadata=metadata, **options)
        for level in levels[1:]:
            tif.write(level, subfiletype=1, **options)
