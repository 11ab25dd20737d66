"""From a path to what is stored there: tells the formats apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import dask.array as da
import numpy as np

from napari_splicer.errors import UnreadableFile, UnsupportedImage
from napari_splicer.images.axes import arrange, guess_axes
from napari_splicer.images.checks import check_same_size
from napari_splicer.images.lazy import as_dask
from napari_splicer.images.ome_zarr import is_zarr, read_zarr
from napari_splicer.images.stored import Stored
from napari_splicer.images.tiff import read_tiff

if TYPE_CHECKING:
    from pathlib import Path

TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf2", ".tf8", ".qptiff")
_EXTENSIONS = re.compile(r"(\.ome)?\.(tiff?|btf|tf2|tf8|qptiff|zarr|npy)$", re.IGNORECASE)


def read_path(path: Path, *, labels: bool = False) -> Stored:
    """Open the image at ``path`` lazily.

    Parameters
    ----------
    path : Path
        OME-TIFF, TIFF, folder of one TIFF per channel, Zarr or ``.npy``.
    labels : bool
        Of an OME-Zarr image, prefer the label image within.

    Raises
    ------
    UnreadableFile
        If there is no such file, or it is damaged or of another kind.
    UnsupportedImage, SizeMismatch
        If the files of a folder are no planes of one size.
    """
    if not path.exists():
        raise UnreadableFile(f"There is no file {path}.", "Check the path.")
    if path.is_dir():
        return read_zarr(path, labels=labels) if is_zarr(path) else _read_folder(path)
    if _is_tiff(path):
        return read_tiff(path)
    if path.suffix.lower() == ".npy":
        return _read_npy(path)
    raise UnreadableFile(
        f"{path} is not an image that can be opened.",
        "Give OME-TIFF, TIFF, a folder of one TIFF per channel, OME-Zarr or .npy.",
    )


def stem(path: Path) -> str:
    """Return a file's name without the extensions of image formats.

    Examples
    --------
    >>> from pathlib import Path
    >>> stem(Path("slides/ROI 1.v2.ome.tiff"))
    'ROI 1.v2'
    """
    return _EXTENSIONS.sub("", path.name) or path.name


def named_like_an_image(path: Path) -> bool:
    """Return whether a file's name ends like that of a format that can be opened."""
    return _EXTENSIONS.search(path.name) is not None


def _read_folder(path: Path) -> Stored:
    """Join one TIFF per channel, named by their files, in natural order (CD3 before CD20)."""
    files = sorted(
        (file for file in path.iterdir() if _is_tiff(file) and not file.name.startswith(".")),
        key=lambda file: natural(file.name),
    )
    if not files:
        raise UnreadableFile(
            f"The folder {path} holds no TIFF files.",
            "Choose the folder that holds one TIFF per channel, or an image file.",
        )
    stored = [read_tiff(file) for file in files]
    planes = [_plane(one, file) for one, file in zip(stored, files, strict=True)]
    for file, plane in zip(files, planes, strict=True):
        check_same_size(str(files[0]), planes[0].shape[1:], str(file), plane.shape[1:])
    return Stored(
        levels=(da.concatenate(planes),),
        axes="CYX",
        channels=[stem(file) for file in files],
        pixel_size=next((one.pixel_size for one in stored if one.pixel_size), None),
    )


def _plane(stored: Stored, file: Path) -> da.Array:
    plane = arrange(stored.levels[:1], stored.axes, str(file)).levels[0]
    if plane.shape[0] > 1:
        raise UnsupportedImage(
            f"{file} has {plane.shape[0]} channels, but in a folder of one TIFF per channel every "
            "file must hold one.",
            "Open that file itself, or choose another folder.",
        )
    return plane


def _read_npy(path: Path) -> Stored:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UnreadableFile(
            f"The file {path} cannot be read as a NumPy array ({error}).",
            "It may be damaged or copied incompletely; save it again.",
        ) from error
    return Stored((as_dask(array, source=path),), guess_axes(array.shape))


def _is_tiff(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in TIFF_SUFFIXES


def natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key in which numbers count by value.

    Examples
    --------
    >>> sorted(["CD20", "CD3"], key=natural)
    ['CD3', 'CD20']
    """
    parts = re.findall(r"\d+|\D+", name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
