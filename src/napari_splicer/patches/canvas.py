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
    from napari_splicer.patches.tiles import Layer

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
    device : torch.device or str
    """

    def __init__(self, side: int, shape: tuple[int, int], device: torch.device | str) -> None:
        self.side = side
        self._shape = shape
        self._device = torch.device(device)
        self._above_PHW: Tensor | None = None
        self._block: Block | None = None
        self._pixels_PHW: Tensor
        self.dtype: torch.dtype

    def extend(self, block: Block, layer: Layer) -> None:
        """Add the block just read; on a CPU, its memory becomes the canvas's."""
        padded_PHW = upload(layer.padded_PHW, self._device)
        self.dtype = padded_PHW.dtype
        pixels_PHW = as_bits(padded_PHW)
        planes, height, width = len(pixels_PHW), block.y1 - block.y0, layer.width
        halo, last = layer.halo, self._block
        if self._above_PHW is None or last is None or last.band != block.band:
            last = None
            self._above_PHW = pixels_PHW.new_zeros((planes, halo, block.band[1] - block.band[0]))
        above_PHW = self._above_PHW[:, :, block.x0 - block.band[0] : block.x1 - block.band[0]]
        here = slice(halo, halo + width)
        if last is not None and (last.y0, last.x1) == (block.y0, block.x0) and halo:
            pixels_PHW[:, :, :halo] = self._pixels_PHW[:, :, -halo:]
        pixels_PHW[:, :halo, here] = above_PHW
        above_PHW.copy_(pixels_PHW[:, height:, here])
        self._pixels_PHW, self._halo, self._block = pixels_PHW, halo, block
        beyond = pixels_PHW.shape[2] - halo - width
        if block.x0 == 0:
            self._mirror(block, np.arange(-halo, 0))
        self._mirror(block, np.arange(block.x1, block.x1 + beyond))

    def cut(self, starts: NDArray[np.int64], out_BPSS: Tensor | None = None) -> Tensor:
        """Return the windows whose top left corners (y, x) are ``starts`` (B, 2), as (B, P, S, S).

        All must end in the block added last. ``out_BPSS``, if given, has the type of the tiles.
        """
        if self._block is None:
            raise RuntimeError("extend() comes before cut()")
        planes, height, width = self._pixels_PHW.shape
        device, side = self._pixels_PHW.device, self.side
        y_BS = mirrored(starts[:, :1] + np.arange(side), self._shape[0])
        y_BS += self._halo - self._block.y0
        x_B1 = starts[:, 1:] + self._halo - self._block.x0
        in_plane_BS = torch.from_numpy(y_BS * width + x_B1).to(device)
        plane_P1 = torch.arange(planes, device=device)[:, None] * (height * width)
        first_BPS = in_plane_BS[:, None] + plane_P1
        # Every run of S pixels is a row of this view, so windows are copied a row at a time: many
        # times faster than indexing pixel by pixel.
        runs_NS = self._pixels_PHW.as_strided(
            (max(0, planes * height * width - side + 1), side), (1, 1)
        )
        if out_BPSS is None:
            shape = (len(starts), planes, side, side)
            out_BPSS = torch.empty(shape, dtype=self.dtype, device=device)
        torch.index_select(runs_NS, 0, first_BPS.flatten(), out=as_bits(out_BPSS).view(-1, side))
        return out_BPSS

    def _mirror(self, block: Block, columns: NDArray[np.int64]) -> None:
        """Fill columns that lie outside the field from those inside."""
        if not len(columns):
            return
        corner = self._halo - block.x0
        target = slice(columns[0] + corner, columns[-1] + 1 + corner)
        source = mirrored(columns, self._shape[1]) + corner
        pixels_PHW = self._pixels_PHW
        if (np.diff(source) == -1).all():  # several times faster than index by index
            pixels_PHW[:, :, target] = pixels_PHW[:, :, source[-1] : source[0] + 1].flip(2)
        else:  # a field narrower than the halo is mirrored more than once
            pixels_PHW[:, :, target] = pixels_PHW[:, :, torch.from_numpy(source).to(self._device)]


def mirrored(index: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Return where ``index`` falls if ``length`` pixels are mirrored at both ends, repeatedly.

    Examples
    --------
    >>> mirrored(np.array([-2, -1, 0, 2, 3, 4]), 3).tolist()
    [1, 0, 0, 2, 2, 1]
    """
    folded = index % (2 * length)
    return np.minimum(folded, 2 * length - 1 - folded)
