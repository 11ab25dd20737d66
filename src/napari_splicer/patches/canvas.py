"""The part of one layer that lies on the device: the block read last, and strips of earlier ones.

Windows that reach outside the field see it mirrored at its border (border pixels repeated), in
labels and regions just as in the pixels, so that every label still lies on the pixels it names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_splicer.patches.blocks import Block

_AS_SIGNED = {
    torch.uint16: torch.int16,
    torch.uint32: torch.int32,
    torch.uint64: torch.int64,
    torch.bool: torch.uint8,
}

_WITHOUT_DTYPE = {"f2": "f4", "f8": "f4", "f16": "f4", "u8": "i8"}
_WITHOUT_DTYPE_MPS = {**_WITHOUT_DTYPE, "u2": "i4", "u4": "i8"}


def upload(array: NDArray[Any], device: torch.device) -> Tensor:
    """Copy ``array`` to the device as stored; float64 becomes float32, uint64 int64."""
    kinds = _WITHOUT_DTYPE_MPS if device.type == "mps" else _WITHOUT_DTYPE
    wanted = kinds.get(array.dtype.str[1:], array.dtype)
    return torch.from_numpy(np.require(array, dtype=wanted, requirements=["C", "W"])).to(device)


def as_bits(tensor: Tensor) -> Tensor:
    """Return a view of a type that torch can index; undone by ``.view(tensor.dtype)``."""
    return tensor.view(_AS_SIGNED.get(tensor.dtype, tensor.dtype))


class Canvas:
    """The pixels of one layer from which windows of ``side`` pixels can be cut.

    Parameters
    ----------
    side : int
        Of the windows.
    shape : (int, int)
        Height and width of the field.
    """

    def __init__(self, side: int, shape: tuple[int, int]) -> None:
        self._side = side
        self._halo = side - 1
        self._shape = shape
        self._band: tuple[int, int] | None = None
        self._above_PHW: Tensor | None = None
        self._block: Block | None = None
        self._pixels_PHW: Tensor

    def extend(self, block: Block, tile_PHW: Tensor) -> None:
        """Add the block just read; ``tile_PHW`` has one plane per channel or mask."""
        planes, height, width = tile_PHW.shape
        halo = self._halo
        if self._above_PHW is None or self._band != block.band:
            self._band = block.band
            self._block = None
            self._above_PHW = tile_PHW.new_zeros((planes, halo, block.band[1] - block.band[0]))
        above_PHW = self._above_PHW[:, :, block.x0 - block.band[0] : block.x1 - block.band[0]]
        pixels_PHW = tile_PHW.new_zeros((planes, halo + height, halo + width))
        last = self._block
        if last is not None and (last.y0, last.x1) == (block.y0, block.x0) and halo:
            pixels_PHW[:, :, :halo] = self._pixels_PHW[:, :, -halo:]
        pixels_PHW[:, :halo, halo:] = above_PHW
        pixels_PHW[:, halo:, halo:] = tile_PHW
        above_PHW.copy_(pixels_PHW[:, height:, halo:])
        self._pixels_PHW = pixels_PHW
        self._block = block

    def cut(self, starts: NDArray[np.int64]) -> Tensor:
        """Return the windows whose top left corners (y, x) are ``starts`` (B, 2), as (B, P, S, S).

        All must end in the block added last.
        """
        if self._block is None:
            raise RuntimeError("extend() comes before cut()")
        pixels_PHW = self._pixels_PHW
        origin = starts.min(axis=0)
        end = starts.max(axis=0) + self._side
        corner = (self._block.y0 - self._halo, self._block.x0 - self._halo)
        for axis in (0, 1):
            length = self._shape[axis]
            if origin[axis] >= 0 and end[axis] <= length:
                pixels_PHW = pixels_PHW.narrow(
                    axis + 1, int(origin[axis]) - corner[axis], int(end[axis] - origin[axis])
                )
            else:
                index = mirrored(np.arange(origin[axis], end[axis]), length) - corner[axis]
                pixels_PHW = pixels_PHW.index_select(
                    axis + 1, torch.from_numpy(index).to(pixels_PHW.device)
                )
        windows_PYXSS = pixels_PHW.unfold(1, self._side, 1).unfold(2, self._side, 1)
        top, left = torch.from_numpy(starts - origin).to(pixels_PHW.device).unbind(1)
        return windows_PYXSS[:, top, left].transpose(0, 1)


def mirrored(index: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Return where ``index`` falls if ``length`` pixels are mirrored at both ends, repeatedly.

    Examples
    --------
    >>> mirrored(np.array([-2, -1, 0, 2, 3, 4]), 3).tolist()
    [1, 0, 0, 2, 2, 1]
    """
    folded = index % (2 * length)
    return np.minimum(folded, 2 * length - 1 - folded)
