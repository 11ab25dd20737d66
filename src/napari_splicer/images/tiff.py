"""TIFF in the flavours of the field: OME-TIFF, ImageJ, plain pages; one file, or one per channel.

No file stays open: blocks are read by opening the file anew, so that hundreds of fields of view
need no more file handles than one.
"""

from __future__ import annotations

import os
import struct
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
import zarr

from napari_splicer.errors import UnreadableFile
from napari_splicer.images.lazy import as_dask
from napari_splicer.images.stored import Stored
from napari_splicer.images.tiff_metadata import channel_names, ome_pixels, pixel_size

if TYPE_CHECKING:
    from pathlib import Path

    import dask.array as da
    from numpy.typing import NDArray

BLOCK_BYTES = 2**24
"""Stored strips are joined into blocks of about this size."""

PAGE_BYTES = 2**26
"""Pages up to this size that are not tiled are decoded whole."""

DAMAGED = (
    ArithmeticError,
    AssertionError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,  # tifffile.TiffFileError is one
    struct.error,
)
"""What tifffile raises on files that are no TIFF, end too early, or hold random bytes."""


def read_tiff(path: Path) -> Stored:
    """Open the first image of a TIFF file lazily, with all its resolutions.

    Raises
    ------
    UnreadableFile
        If it is not a TIFF file, or ends too early.
    """
    try:
        with tifffile.TiffFile(path) as tif:
            # A read that fails may leave the file open; then it is closed with the last level.
            weakref.finalize(tif, tif.filehandle.close)
            series = tif.series[0]
            _check_complete(tif, path)
            return Stored(
                levels=tuple(_lazy_level(tif, index, path) for index in range(len(series.levels))),
                axes=_axes(series),
                channels=channel_names(tif, series),
                pixel_size=pixel_size(tif, series),
                remarks=_remarks(tif),
            )
    except DAMAGED as error:
        raise UnreadableFile(
            f"The file {path} cannot be read as a TIFF image ({error}).",
            "It may be damaged, copied incompletely, or not an image; export it again.",
        ) from error


class _Mapped:
    """Uncompressed pixels that lie in the file in one piece; mapped anew for every block."""

    def __init__(self, path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]):
        self._path, self._offset = path, offset
        self.shape, self.dtype = shape, dtype

    def __getitem__(self, key: Any) -> NDArray[Any]:
        view: NDArray[Any] = np.memmap(self._path, self.dtype, "r", self._offset, self.shape)[key]
        return view


def _axes(series: tifffile.TiffPageSeries) -> str:
    """Return the axes, with S only for colours: samples of any other kind are channels.

    Writers often mark three or four channels, one plane after the other, as RGB.
    """
    page = series.keyframe
    colours = page.photometric in (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR)
    side_by_side = page.planarconfig == tifffile.PLANARCONFIG.CONTIG
    plain_rgb = page.samplesperpixel == 3 and page.dtype == np.uint8
    axes: str = series.axes
    return axes if colours and (side_by_side or plain_rgb) else axes.replace("S", "C")


class _Compressed:
    """Pixels in strips or tiles. Handed to another process, it opens the file there again.

    Parameters
    ----------
    tif : TiffFile
        Open.
    index : int
        Which of the first series' levels.
    path : Path
    """

    def __init__(self, tif: tifffile.TiffFile, index: int, path: Path) -> None:
        self._again = path.absolute(), index
        level = tif.series[0].levels[index]
        page = level.keyframe
        whole_pages = not page.is_tiled and page.nbytes <= PAGE_BYTES
        store = level.aszarr(
            level=0,
            chunkmode=2 if whole_pages else 0,
            maxworkers=os.cpu_count() or 1,  # with 1, zarr decodes in the one thread of its loop
            _openfiles=0,  # close the file after every read
        )
        self._array = zarr.open_array(store, mode="r")
        self.shape, self.dtype = self._array.shape, self._array.dtype
        self.chunks = _joined_strips(self._array, level.axes)
        self.get_basic_selection = self._array.get_basic_selection

    def __getitem__(self, key: Any) -> Any:
        return self._array[key]

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened_again, self._again


def _opened_again(path: Path, index: int) -> _Compressed:
    with tifffile.TiffFile(path) as tif:
        return _Compressed(tif, index, path)


def _lazy_level(tif: tifffile.TiffFile, index: int, path: Path) -> da.Array:
    level = tif.series[0].levels[index]
    files = {page.parent.filehandle.path for page in level}
    if level.dataoffset is not None and len(files) == 1:
        dtype = level.dtype.newbyteorder(level.keyframe.parent.byteorder)
        file = files.pop()
        return as_dask(_Mapped(file, level.dataoffset, level.shape, dtype), source=path)
    return as_dask(_Compressed(tif, index, path), source=path)


def _joined_strips(array: zarr.Array, axes: str) -> tuple[int, ...]:
    """Return the stored chunk shape, with strips of a few rows joined to blocks."""
    chunks = list(array.chunks)
    rows, width = axes.index("Y"), axes.index("X")
    if chunks[width] >= array.shape[width]:
        strip_bytes = int(np.prod(chunks)) * array.dtype.itemsize
        chunks[rows] *= max(1, BLOCK_BYTES // strip_bytes)
    return tuple(min(chunk, n) for chunk, n in zip(chunks, array.shape, strict=True))


def _check_complete(tif: tifffile.TiffFile, path: Path) -> None:
    """Raise UnreadableFile if a plane is missing, or pixels lie behind the end of the file."""
    series = tif.series[0]
    size = tif.filehandle.size
    cut = _next_page_offset(tif) >= size
    if tif.imagej_metadata is not None:  # Fiji describes planes that have no page of their own
        cut |= series.size < int(tif.imagej_metadata.get("images", 1)) * series.keyframe.size
    for page in (page for level in series.levels for page in level):
        if page is None:
            raise UnreadableFile(
                f"The file {path} describes planes that are not there.",
                "Put all the files of this image into one folder, or export it again.",
            )
        ends = np.add(page.dataoffsets, page.databytecounts)
        cut |= page.parent is tif and ends.size > 0 and ends.max() > size
    if cut:
        raise UnreadableFile(
            f"The file {path} ends too early: pixels are missing.",
            "It was copied or written incompletely; copy or export it again.",
        )


def _next_page_offset(tif: tifffile.TiffFile) -> int:
    """Return where the last page that was found says that the next one is; 0 for nowhere."""
    file, form = tif.filehandle, tif.tiff
    file.seek(tif.pages[-1].offset)
    (tags,) = struct.unpack(form.tagnoformat, file.read(form.tagnosize))
    file.seek(tags * form.tagsize, 1)
    return int(struct.unpack(form.offsetformat, file.read(form.offsetsize))[0])


def _remarks(tif: tifffile.TiffFile) -> tuple[str, ...]:
    remarks = []
    if tif.is_ome and ome_pixels(tif) is None:
        remarks.append("Its OME-XML is damaged and was left out.")
    if len(tif.series) > 1:
        remarks.append(
            f"The file holds {len(tif.series)} images of different kinds; the first was taken."
        )
    return tuple(remarks)
