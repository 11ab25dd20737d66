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
        self._above_PHWK: Tensor | None = None
        self._block: Block | None = None
        self._pixels_PHWK: Tensor
        self.dtype: torch.dtype

    def extend(self, block: Block, layer: Layer, padded_PHWK: Tensor | None = None) -> None:
        """Add the block just read; on a CPU, its memory becomes the canvas's.

        ``padded_PHWK``, if given, takes the place of the layer's pixels: K numbers for each.
        """
        if padded_PHWK is None:
            padded_PHWK = upload(layer.padded_PHW, self._device)[..., None]
        self.dtype = padded_PHWK.dtype
        pixels_PHWK = as_bits(padded_PHWK)
        planes, depth = len(pixels_PHWK), pixels_PHWK.shape[3]
        halo, width, height = layer.halo, layer.width, block.y1 - block.y0
        last, across = self._block, block.band[1] - block.band[0]
        if self._above_PHWK is None or last is None or last.band != block.band:
            last = None
            self._above_PHWK = pixels_PHWK.new_zeros((planes, halo, across, depth))
        above_PHWK = self._above_PHWK[:, :, block.x0 - block.band[0] : block.x1 - block.band[0]]
        here = slice(halo, halo + width)
        if last is not None and (last.y0, last.x1) == (block.y0, block.x0) and halo:
            pixels_PHWK[:, :, :halo] = self._pixels_PHWK[:, :, -halo:]
        pixels_PHWK[:, :halo, here] = above_PHWK
        above_PHWK.copy_(pixels_PHWK[:, height:, here])
        self._pixels_PHWK, self._halo, self._block = pixels_PHWK, halo, block
        beyond = pixels_PHWK.shape[2] - halo - width
        if block.x0 == 0:
            self._mirror(block, np.arange(-halo, 0))
        self._mirror(block, np.arange(block.x1, block.x1 + beyond))

    def cut(self, starts: NDArray[np.int64], out_BPSR: Tensor | None = None) -> Tensor:
        """Return the windows whose top left corners (y, x) are ``starts`` (B, 2).

        All must end in the block added last. They are (B, P, S, R): a row has S pixels of K numbers
        each. ``out_BPSR``, if given, has the type of the tiles, and as many numbers.
        """
        if self._block is None:
            raise RuntimeError("extend() comes before cut()")
        planes, height, width, depth = self._pixels_PHWK.shape
        device, side = self._pixels_PHWK.device, self.side
        y_BS = mirrored(starts[:, :1] + np.arange(side), self._shape[0])
        y_BS += self._halo - self._block.y0
        x_B1 = starts[:, 1:] + self._halo - self._block.x0
        in_plane_BS = torch.from_numpy(y_BS * width + x_B1).to(device)
        plane_P1 = torch.arange(planes, device=device)[:, None] * (height * width)
        first_BPS = in_plane_BS[:, None] + plane_P1
        # Every run of S pixels is a row of this view, so windows are copied a row at a time: many
        # times faster than indexing pixel by pixel.
        run = side * depth
        runs_NR = self._pixels_PHWK.as_strided(
            (max(0, planes * height * width - side + 1), run), (depth, 1)
        )
        if out_BPSR is None:
            shape = (len(starts), planes, side, run)
            out_BPSR = torch.empty(shape, dtype=self.dtype, device=device)
        torch.index_select(runs_NR, 0, first_BPS.flatten(), out=as_bits(out_BPSR).view(-1, run))
        return out_BPSR

    def _mirror(self, block: Block, columns: NDArray[np.int64]) -> None:
        """Fill columns that lie outside the field from those inside."""
        if not len(columns):
            return
        corner = self._halo - block.x0
        target = slice(columns[0] + corner, columns[-1] + 1 + corner)
        source = mirrored(columns, self._shape[1]) + corner
        pixels_PHWK = self._pixels_PHWK
        if (np.diff(source) == -1).all():  # several times faster than index by index
            pixels_PHWK[:, :, target] = pixels_PHWK[:, :, source[-1] : source[0] + 1].flip(2)
        else:  # a field narrower than the halo is mirrored more than once
            columns_W = torch.from_numpy(source).to(self._device)
            pixels_PHWK[:, :, target] = pixels_PHWK[:, :, columns_W]


def mirrored(index: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Return where ``index`` falls if ``length`` pixels are mirrored at both ends, repeatedly.

    Examples
    --------
    >>> mirrored(np.array([-2, -1, 0, 2, 3, 4]), 3).tolist()
    [1, 0, 0, 2, 2, 1]
    """
    folded = index % (2 * length)
    return np.minimum(folded, 2 * length - 1 - folded)
