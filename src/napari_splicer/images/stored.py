"""What a file says about the image in it, before anything is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dask.array as da

    from napari_splicer.images.grid import Grid


@dataclass(frozen=True, eq=False)
class Stored:
    """Lazy levels as stored, with the metadata found beside them.

    Parameters
    ----------
    levels : tuple of dask.array.Array
        Finest first, all with the same axes.
    axes : str
        One letter per axis, see :func:`napari_splicer.images.axes.arrange`.
    channels : sequence of (str or None), optional
        Names in the file's order.
    pixel_size : (float, float), optional
        µm, (y, x).
    grids : tuple of Grid
        Where the pixels of each level lie on the finest, if it tells.
    remarks : tuple of str
        What is odd, in sentences.
    """

    levels: tuple[da.Array, ...]
    axes: str
    channels: Sequence[str | None] | None = None
    pixel_size: tuple[float, float] | None = None
    grids: tuple[Grid, ...] = ()
    remarks: tuple[str, ...] = ()
