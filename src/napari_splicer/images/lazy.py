"""Any array-like becomes a dask array without being read or copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import dask.array as da
import numpy as np

from napari_splicer.errors import UnreadableFile, UnsupportedImage

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CHUNK_SIDE = 2048
"""Side in pixels of the blocks into which an array without chunks of its own is cut."""


class StoredArray:
    """An array seen only through slicing.

    dask copies arrays that it recognises (NumPy, memory maps) whole into its graph; it asks this
    one for a block when the block is needed.

    Parameters
    ----------
    array : numpy array, zarr array, or anything with shape, dtype and slicing
    source : Path, optional
        File that it comes from.
    """

    def __init__(self, array: Any, source: Path | None) -> None:
        self._array = array
        self._source = source
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype = np.dtype(array.dtype)
        self.ndim = len(self.shape)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        with self._named():
            return np.asarray(self._array[key])

    def read(self, key: tuple[slice | int, ...], out: NDArray[Any]) -> None:
        """Fill ``out``, in its own type, with what lies at ``key``.

        Raises
        ------
        UnreadableFile
            If a file it comes from was moved or damaged.
        """
        with self._named():
            if hasattr(self._array, "get_basic_selection"):  # zarr decodes into given memory
                from zarr.buffer.cpu import NDBuffer

                self._array.get_basic_selection(key, out=NDBuffer(out))
            else:
                out[...] = self._array[key]

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name the file where it can't be read."""
        try:
            yield
        except (OSError, RuntimeError, ValueError, LookupError) as error:
            if self._source is None:
                raise
            raise UnreadableFile(
                f"A part of {self._source} cannot be read ({error}).",
                "The file was moved, changed or damaged since it was opened; check it.",
            ) from error


_STORED: WeakValueDictionary[str, StoredArray] = WeakValueDictionary()
"""What dask arrays were made of, by their names, as long as they live."""


def stored_array(array: da.Array) -> StoredArray | None:
    """Return what :func:`as_dask` wrapped as ``array``; None of what was made in another way."""
    return _STORED.get(array.name)


def as_dask(
    array: Any, chunks: tuple[int, ...] | None = None, source: Path | None = None
) -> da.Array:
    """Wrap ``array`` lazily.

    Parameters
    ----------
    array : numpy, dask, zarr or xarray array, or anything with shape, dtype and slicing
        Its last two axes are taken for (Y, X).
    chunks : tuple of int, optional
        Block shape; default: as stored, or single planes in blocks of ``CHUNK_SIDE`` pixels.
    source : Path, optional
        File that the blocks come from, named if one of them cannot be read.

    Returns
    -------
    dask.array.Array
        In the machine's byte order.
    """
    if hasattr(array, "dims") and hasattr(array, "data"):  # xarray
        array = array.data
    if not isinstance(array, da.Array):
        if chunks is None:
            chunks = getattr(array, "chunks", None) or _planes(array.shape)
        stored = StoredArray(array, source)
        array = da.from_array(stored, chunks=chunks, name=False, meta=_empty(array))
        _STORED[array.name] = stored
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def as_levels(data: Any) -> tuple[da.Array, ...]:
    """Return the pyramid in ``data``, one array or a sequence of arrays, finest level first.

    Raises
    ------
    UnsupportedImage
        If ``data`` holds no array, or numbers that are no intensities.
    """
    arrays = list(data) if isinstance(data, Sequence) else [data]
    if not arrays or not all(hasattr(a, "shape") and hasattr(a, "dtype") for a in arrays):
        raise UnsupportedImage(
            f"This is no image: {type(data).__name__}.", "Give an array, or a list of levels."
        )
    levels = tuple(as_dask(array) for array in arrays)
    if levels[0].dtype.kind not in "buif":
        raise UnsupportedImage(
            f"Pixels of type {levels[0].dtype} are no intensities.",
            "Convert the image to integers or real numbers.",
        )
    return tuple(sorted(levels, key=lambda level: level.size, reverse=True))


def computed(box: da.Array, out: NDArray[Any] | None) -> NDArray[Any]:
    """Return the numbers of ``box``: in ``out``, chunk by chunk, or in memory of their own."""
    if out is None:
        return np.require(box.compute(), requirements=("C", "O", "W"))
    da.store(box, out, lock=False)
    return out


def _planes(shape: tuple[int, ...]) -> tuple[int, ...]:
    sides = (max(1, min(length, CHUNK_SIDE)) for length in shape[-2:])
    return (*(1 for _ in shape[:-2]), *sides)


def _empty(array: Any) -> NDArray[Any]:
    return np.empty((0,) * len(array.shape), dtype=array.dtype)
