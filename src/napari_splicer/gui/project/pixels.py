"""Pixels that lie in no file, kept in a project as Zarr: whole, or as a pyramid."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.errors import UNFORESEEN, UnreadableFile
from napari_splicer.files import written

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_CHUNK = 1024  # px
_LAZY_ABOVE = 2**28  # pixels; below, they are read into memory, where they can be painted on


def write_pixels(levels: Sequence[Any], path: Path) -> str:
    """Write an array, or a pyramid of them, as a new ``.zarr`` folder, a band of chunks at a time.

    Parameters
    ----------
    levels : sequence of array (…, Y, X)
        Finest first; numpy, dask or zarr.
    path : Path

    Returns
    -------
    str
        A digest of the finest level, by which :func:`read_pixels` tells whether it is damaged.

    Raises
    ------
    CannotWrite
        See :func:`napari_splicer.files.written`.
    """
    import zarr

    digest = _begun(levels[0])
    with written(path) as temporary:
        group = zarr.open_group(temporary, mode="w", zarr_format=2)
        for number, level in enumerate(levels):
            lone = (1,) * (level.ndim - 2)
            array = group.create_array(
                str(number),
                shape=level.shape,
                chunks=(*lone, *(min(n, _CHUNK) for n in level.shape[-2:])),
                dtype=_native(level),
            )
            for place in np.ndindex(*level.shape[:-2]):
                for top in range(0, level.shape[-2], _CHUNK):
                    box = (*place, slice(top, top + _CHUNK))
                    band = np.ascontiguousarray(level[box], _native(level))
                    array[box] = band
                    if not number:
                        digest.update(band.data)
    return str(digest.hexdigest())


def read_pixels(path: Path, digest: str = "") -> list[Any]:
    """Return the levels of what :func:`write_pixels` wrote; large ones as dask arrays.

    Parameters
    ----------
    path : Path
    digest : str
        What :func:`write_pixels` returned: Zarr takes pieces that are missing for zeros.

    Raises
    ------
    UnreadableFile
        If it is missing or damaged.
    """
    import dask.array as da
    import zarr

    try:
        group = zarr.open_group(path, mode="r")
        arrays = [group[str(number)] for number in range(len(group))]
        if not arrays:
            raise KeyError("no level")
        large = len(arrays) > 1 or np.prod(arrays[0].shape) > _LAZY_ABOVE
        levels = [da.from_zarr(array) if large else array[:] for array in arrays]
        if digest and not large and _digest(levels[0]) != digest:
            raise ValueError("they are not what was saved")
        return levels
    except UNFORESEEN as error:
        raise UnreadableFile(
            f"{path} is damaged: its pixels can't be read ({error}).",
            "Copy the project's folder again.",
        ) from error


def _native(level: Any) -> np.dtype[Any]:
    """Return the type of pixels in the order of bytes that they are read again in."""
    native: np.dtype[Any] = np.dtype(level.dtype).newbyteorder("=")
    return native


def _begun(level: Any) -> Any:
    return hashlib.sha256(f"{_native(level)}{tuple(level.shape)}".encode())


def _digest(level: Any) -> str:
    digest = _begun(level)
    digest.update(np.ascontiguousarray(level, _native(level)).data)
    return str(digest.hexdigest())
