"""From a path or an array to an image or a mask. Nothing but metadata is read here."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari_splicer.errors import NoCells
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.images.panel import Panel, read_panel
from napari_splicer.images.read import read_path, stem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_splicer.config import ImageInput
    from napari_splicer.images.image import PixelSize

RUN_FILE = ".toml"

_OPENED: WeakKeyDictionary[MaskedImage, tuple[ImageInput, Path | None]] = WeakKeyDictionary()
"""What images were opened as, as long as they live."""


def open_image(
    source: Any,
    *,
    name: str | None = None,
    channels: Sequence[str | None] | None = None,
    pixel_size: float | PixelSize | None = None,
    panel: str | Path | Panel | None = None,
) -> MultiplexImage:
    """Open a multiplex image lazily.

    Parameters
    ----------
    source : path, array, sequence of arrays, or MultiplexImage
        OME-TIFF, plain or ImageJ TIFF, a folder of one TIFF per channel, OME-Zarr, ``.zarr``
        or ``.npy``; a run file (``.toml``), for all its images side by side
        (:class:`~napari_splicer.images.sheet.Sheet`); or numpy, dask or zarr arrays (C, Y, X).
    name : str, optional
        Default: the file's name.
    channels : sequence of str, optional
        Names that replace the file's.
    pixel_size : float or (float, float), optional
        µm, (y, x); replaces the file's.
    panel : path or Panel, optional
        ``panel.csv`` (steinbock) or ``markers.csv`` (MCMICRO): names the channels, and drops those
        that are not to be kept.

    Raises
    ------
    UnreadableFile
        If there is no such file, or it is damaged or of another kind.
    UnsupportedImage
        For volumes and time series.
    SizeMismatch
        If the files of a folder differ in height or width.
    InvalidPanel
        If names or panel do not fit the number of channels.
    """
    if isinstance(source, MultiplexImage):
        image = source if name is None else replace(source, name=name)
    elif isinstance(source, (str, os.PathLike)):
        image = _open_path(Path(source), name)
    else:
        image = MultiplexImage.from_array(source, name=name or "image")
    if channels is not None:
        image = image.with_channels(channels)
    if pixel_size is not None:
        image = image.with_pixel_size(pixel_size)
    if panel is None:
        return image
    known = panel if isinstance(panel, Panel) else read_panel(panel)
    named, doubt = known.apply(image), known.doubt(image)
    return replace(named, remarks=(*named.remarks, doubt)) if doubt else named


def open_mask(source: Any, *, name: str | None = None) -> LabelMask:
    """Open a label image lazily.

    Parameters
    ----------
    source : path, array, sequence of arrays, or LabelMask
        As for :func:`open_image`. Of an OME-Zarr image that holds one label image, that is taken.
    name : str, optional
        Default: the file's name.

    Raises
    ------
    UnreadableFile
        If there is no such file, or it is damaged or of another kind.
    InvalidMask
        If it has several channels; values are checked when they are read.
    UnsupportedImage
        For volumes and time series.
    """
    if isinstance(source, LabelMask):
        return source if name is None else replace(source, name=name)
    if not isinstance(source, (str, os.PathLike)):
        return LabelMask.from_array(source, name=name or "mask")
    path = Path(source)
    if path.suffix.lower() == RUN_FILE:
        return _of_sheet(path)
    stored = read_path(path, labels=True)
    return LabelMask.from_array(
        stored.levels, name=name or stem(path), axes=stored.axes, source=str(path)
    )


def open_input(settings: ImageInput, folder: Path | None = None) -> MaskedImage:
    """Open an image with its masks, as a run file names them.

    Parameters
    ----------
    settings : ImageInput
    folder : Path, optional
        What relative paths are relative to; default: the working directory.

    Raises
    ------
    SplicerError
        As :func:`open_image` and :func:`open_mask`; SizeMismatch if they do not fit each other.
    """
    base = folder or Path()
    image = open_image(
        base / settings.image,
        name=settings.name,
        pixel_size=settings.pixel_size,
        panel=None if settings.panel is None else base / settings.panel,
    )
    field = MaskedImage(
        image=image,
        cells=None if settings.mask is None else open_mask(base / settings.mask),
        regions={
            name: open_mask(base / path, name=name) for name, path in settings.regions.items()
        },
    )
    _OPENED[field] = (settings, folder)
    return field


def opened_as(field: MaskedImage) -> tuple[ImageInput, Path | None] | None:
    """Return what :func:`open_input` was called with for ``field``; None if it came otherwise.

    Another process opens the files again by that, as no open file can be handed to it.
    """
    return _OPENED.get(field)


def _of_sheet(path: Path) -> LabelMask:
    from napari_splicer.images.side_by_side import open_sheet

    mask = open_sheet(path).cells()
    if mask is None:
        raise NoCells(f"{path} names no mask of cells.", "Add a 'mask' to its images.")
    return mask


def _open_path(path: Path, name: str | None) -> MultiplexImage:
    if path.suffix.lower() == RUN_FILE:
        from napari_splicer.images.side_by_side import open_sheet

        return open_sheet(path).image()
    stored = read_path(path)
    image = MultiplexImage.from_array(
        stored.levels, name=name or stem(path), axes=stored.axes, pixel_size=stored.pixel_size
    )
    remarks = stored.remarks + image.remarks
    image = replace(image, source=str(path), grids=stored.grids, remarks=remarks)
    names = stored.channels
    if names is None or (image.is_rgb and len(names) == 1):
        return image
    if len(names) == len(image.channels):
        return image.with_channels(names)
    odd = f"The file names {len(names)} channels but holds {len(image.channels)}: they are ignored."
    return replace(image, remarks=(odd, *image.remarks))
