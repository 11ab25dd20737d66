"""LabelMask: a lazy image of cell ids; MaskedImage: a field of view with its masks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.errors import InvalidMask, NoCells
from napari_splicer.images.axes import arrange, guess_axes
from napari_splicer.images.cell_table import cell_table
from napari_splicer.images.checks import check_box, check_same_size
from napari_splicer.images.lazy import as_levels, computed
from napari_splicer.images.planes import Planes

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dask.array as da
    import pandas as pd
    from numpy.typing import NDArray

    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.sheet import Sheet


@dataclass(frozen=True, eq=False)
class LabelMask:
    """A lazy label image: 0 is background, every other value the id of a cell or region.

    Parameters
    ----------
    name : str
    levels : tuple of dask.array.Array
        Resolutions, each (Y, X), integer or bool, finest first.
    source : str, optional
        Path; None for arrays.
    planes : Planes, optional
        The levels as they are stored, where they can be read from there.
    sheet : Sheet, optional
        Of several images side by side, where the cells are those of their own masks.
    """

    name: str
    levels: tuple[da.Array, ...]
    source: str | None = None
    planes: Planes | None = None
    sheet: Sheet | None = None

    @classmethod
    def from_array(
        cls, data: Any, *, name: str = "mask", axes: str | None = None, source: str | None = None
    ) -> LabelMask:
        """Wrap a label image, or a pyramid of them, without reading it.

        Floating point and signed labels are accepted; each block is checked when it is read.

        Parameters
        ----------
        data : numpy, dask or zarr array, or a sequence of them
            (Y, X), or with further axes of length 1.
        name : str
        axes : str, optional
            Letters of the axes; guessed from the shape by default.
        source : str, optional
            Path, where it comes from a file.

        Raises
        ------
        InvalidMask
            If it has several channels or colours: then it is an image, not a mask.
        UnsupportedImage
            For volumes, time series, or pixels that are no numbers.
        """
        levels = as_levels(data)
        axes = axes or guess_axes(levels[0].shape)
        arranged = arrange(levels, axes, name)
        count = arranged.levels[0].shape[0]
        if count > 1:
            raise InvalidMask(
                f"{name} cannot be a mask: it has {count} channels.",
                "A mask has a single plane of cell ids; this looks like an image.",
            )
        planes = tuple(_checked(level[0], name) for level in arranged.levels)
        direct = Planes.of(levels, axes) if levels[0].dtype.kind in "ui" else None
        return cls(name=name, levels=planes, source=source, planes=direct)

    @property
    def data(self) -> da.Array:
        """The finest level, (Y, X)."""
        return self.levels[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.data.shape[0]), int(self.data.shape[1])

    def read(
        self, y0: int, y1: int, x0: int, x1: int, *, out: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Read a box of the finest level; only chunks that it touches are decoded.

        Parameters
        ----------
        y0, y1, x0, x1 : int
            Half-open box in pixels, inside the mask.
        out : ndarray (y1 - y0, x1 - x0), optional
            To be filled, in its own type.

        Returns
        -------
        ndarray (y1 - y0, x1 - x0)
            ``out``, or else integer or bool; contiguous, and the caller's own.

        Raises
        ------
        IndexError
            If the box reaches outside the mask.
        InvalidMask
            If a value in a chunk of this box is no id.
        """
        check_box((y0, y1, x0, x1), self.shape, self.name)
        if self.planes is None:
            return computed(self.data[y0:y1, x0:x1], out)
        if out is None:
            out = np.empty((y1 - y0, x1 - x0), self.data.dtype)
        self.planes.read(y0, y1, x0, x1, (0,), out[None])
        return out if out.dtype.kind == "u" else _as_ids(out, self.name)

    def cells(self) -> pd.DataFrame:
        """Return one row per cell: centroid, box, area; see :func:`cell_table.cell_table`.

        The table is computed once; every call returns the same one, so copy it to change it.

        Raises
        ------
        NoCells
            If the mask is empty, or says only where cells are, not which pixel is whose.
        InvalidMask
            If a value is no id.
        """
        return self._cells

    def with_cells(self, table: pd.DataFrame) -> LabelMask:
        """Return this mask with the table of its cells, or of those that matter, given.

        For a process that needs a few of them, and is told by one that went through the mask.

        Parameters
        ----------
        table : DataFrame
            Rows of what :meth:`cells` returns, sorted by id.
        """
        told = replace(self)
        vars(told)["_cells"] = table
        return told

    @cached_property
    def _cells(self) -> pd.DataFrame:
        if self.data.dtype == bool:
            raise NoCells(
                f"The mask {self.name} tells only yes and no, not one cell from another.",
                "Give every cell an id of its own (e.g. skimage.measure.label), "
                "or use this mask as a region.",
            )
        table = cell_table(self.data)
        if table.empty:
            raise NoCells(
                f"The mask {self.name} holds no cells: all its values are 0.",
                "Choose another mask, or describe tiles (in a run file: patches.sites = 'grid').",
            )
        return table


@dataclass(frozen=True, eq=False)
class MaskedImage:
    """One field of view: an image, the mask of its cells, and masks of regions by name.

    Raises
    ------
    SizeMismatch
        If a mask has another height or width than the image, naming both.
    """

    image: MultiplexImage
    cells: LabelMask | None = None
    regions: Mapping[str, LabelMask] = field(default_factory=dict)

    def __post_init__(self) -> None:
        masks = [] if self.cells is None else [("the mask", self.cells)]
        masks += [("the region", mask) for mask in self.regions.values()]
        for what, mask in masks:
            check_same_size(
                f"The image {self.image.name}",
                self.image.shape,
                f"{what} {mask.name}",
                mask.shape,
                len(self.image.channels),
            )

    @property
    def name(self) -> str:
        """Name of the field of view."""
        return self.image.name


def _checked(level: da.Array, name: str) -> da.Array:
    """Return ``level`` with integer or bool type, whose blocks are checked as they are read."""
    if level.dtype == bool or (level.dtype.kind == "u" and level.dtype.itemsize < 8):
        return level  # those of 64 bits don't compare with ids, which are int64
    dtype = level.dtype if level.dtype.kind == "i" else np.dtype(np.int64)
    empty = np.empty((0, 0), dtype=dtype)
    return level.map_blocks(_as_ids, name=None, mask=name, dtype=dtype, meta=empty)


def _as_ids(block: NDArray[Any], mask: str) -> NDArray[Any]:
    if block.dtype.kind == "f" and not (np.isfinite(block) & (np.floor(block) == block)).all():
        raise InvalidMask(
            f"{mask} cannot be a mask: some of its values are not whole numbers.",
            "A mask holds cell ids; this looks like an image or a probability map.",
        )
    if block.dtype.kind in "fu":
        block = block.astype(np.int64)
    if block.size and block.min() < 0:
        raise InvalidMask(
            f"{mask} cannot be a mask of cells: it holds negative numbers, or such from 2⁶³.",
            "Cell ids are 1 or more, and background is 0.",
        )
    return block
