"""Tensors on the disk, for patches that memory does not hold: written once, read by row."""

from __future__ import annotations

import math
import mmap
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_splicer.errors import CannotWrite
from napari_splicer.patches.canvas import as_bits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from torch import Tensor

RESERVE = 10**9
"""Bytes of the disk that are left to others, checkpoints and results among them."""


class PatchFile:
    """A temporary file that takes tensors with one row per patch, until the context is left.

    The file has no name (on Windows: is deleted with its last handle), so that nothing is left of
    it however the program ends. Rows are written through the system, which says so when the disk
    is full; writing through a memory map would take the program down.

    Parameters
    ----------
    like : mapping of str to Tensor
        By name, tensors of the shapes and types to be kept; may lie on the device ``"meta"``.
    folder : Path
        On the disk to be used.

    Raises
    ------
    CannotWrite
        If no file can be made there.
    """

    def __init__(self, like: Mapping[str, Tensor], folder: Path) -> None:
        self._like = dict(like)
        self._folder = folder
        self._starts: dict[str, int] = {}
        end = 0
        for name, tensor in like.items():
            self._starts[name] = end
            end += _whole_pages(tensor.nbytes)
        self._size = end
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        except OSError as error:
            raise self._told(error) from error

    def __enter__(self) -> PatchFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file; what was mapped of it stays."""
        with suppress(OSError):  # closing writes what a full disk did not take: that has been said
            self._file.close()

    def write(self, name: str, rows_B: Tensor, values: Tensor) -> None:
        """Write ``values``, one per row, into ``rows_B`` of the tensor ``name``.

        Raises
        ------
        CannotWrite
            If the disk is full.
        """
        like, start = self._like[name], self._starts[name]
        size = _row_bytes(like)
        plain = as_bits(values.to(like.dtype)).cpu().contiguous().numpy()
        try:
            for row, value in zip(rows_B.tolist(), plain, strict=True):
                self._file.seek(start + row * size)
                self._file.write(value.data)
        except OSError as error:
            raise self._told(error) from error

    def mapped(self) -> PatchMap:
        """Return the tensors as they lie in the file, all rows of which have been written.

        Raises
        ------
        CannotWrite
            If the disk is full.
        """
        try:
            self._file.truncate(self._size)  # flushes, too
        except OSError as error:
            raise self._told(error) from error
        # Shared, as a private map of this size may be refused; nobody writes to it.
        return PatchMap(mmap.mmap(self._file.fileno(), self._size), self._like, self._starts)

    def _told(self, error: OSError) -> CannotWrite:
        return CannotWrite(
            f"The training patches can't be kept on the disk of {self._folder} ({error.strerror}).",
            "Free some space, or give training patches more memory (training.cache_gb).",
        )


class PatchMap:
    """Tensors that lie in a file: what is touched of them is read, and stays as memory allows.

    The room on the disk is given back once neither this nor a tensor is left.

    Attributes
    ----------
    tensors : dict of str to Tensor
    """

    def __init__(
        self, data: mmap.mmap, like: Mapping[str, Tensor], starts: Mapping[str, int]
    ) -> None:
        self._data = data
        self._starts = dict(starts)
        self.tensors = {name: self._tensor(starts[name], tensor) for name, tensor in like.items()}

    def expect(self, rows_B: Tensor) -> None:
        """Let the system read these rows of every tensor, all at once.

        Touching them reads page after page instead, 30 times as slow where nothing is in memory.
        Does nothing on systems that can't be told.
        """
        if not hasattr(self._data, "madvise"):
            return
        for name, tensor in self.tensors.items():
            size = _row_bytes(tensor)
            for row in rows_B.tolist() if size else []:
                start = self._starts[name] + row * size
                before = start % mmap.PAGESIZE
                self._data.madvise(mmap.MADV_WILLNEED, start - before, size + before)

    def _tensor(self, start: int, like: Tensor) -> Tensor:
        if not like.nbytes:
            return torch.empty(like.shape, dtype=like.dtype)
        plain = np.frombuffer(self._data, np.uint8, like.nbytes, start)
        return torch.from_numpy(plain).view(like.dtype).view(like.shape)


def room_on_disk(folder: Path) -> int:
    """Return the bytes that may be used on the disk of ``folder``."""
    return max(0, shutil.disk_usage(folder).free - RESERVE)


def disk_folder(folder: Path | None) -> Path:
    """Return a folder that exists, on the same disk: of temporary files, if none is given.

    Raises
    ------
    CannotWrite
        If there is no such disk.
    """
    if folder is None:
        return Path(tempfile.gettempdir())
    for place in (folder, *folder.absolute().parents):
        if place.is_dir():
            return place
    raise CannotWrite(
        f"Nothing can be kept in {folder}: there is no such drive or folder.",
        "Connect the drive, or choose another folder.",
    )


def _row_bytes(like: Tensor) -> int:
    return math.prod(like.shape[1:]) * like.itemsize


def _whole_pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
