"""Spots: where images lie on a sheet, and between what their cells are numbered there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.errors import NoCells

if TYPE_CHECKING:
    import pandas as pd

    from napari_splicer.config import ImageInput
    from napari_splicer.images.masks import LabelMask, MaskedImage


@dataclass(frozen=True, eq=False)
class Spot:
    """One image on a sheet: where its first pixel lies, and between what its cells are numbered.

    The number of a cell on the sheet is greater than ``first`` and ``last`` at most.
    """

    field: MaskedImage
    y: int
    x: int
    first: int
    last: int

    @property
    def name(self) -> str:
        """What the image is called."""
        return self.field.name

    @property
    def box(self) -> tuple[slice, slice]:
        """Its pixels on the sheet."""
        height, width = self.field.image.shape
        return slice(self.y, self.y + height), slice(self.x, self.x + width)

    def holds(self, cells: pd.DataFrame) -> pd.Series[bool]:
        """Return which cells of a table in pixels of the sheet lie in this image."""
        rows, columns = self.box
        here = cells["y"].between(rows.start, rows.stop - 1)
        return here & cells["x"].between(columns.start, columns.stop - 1)

    def at_border(self, cells: pd.DataFrame) -> int:
        """Return how many of these touch its edge."""
        ends = [end for side in self.box for end in (side.start, side.stop)]
        sides = zip(("y0", "y1", "x0", "x1"), ends, strict=True)
        touching = np.any([cells[side].eq(end) for side, end in sides], axis=0)
        return int((self.holds(cells) & touching).sum())


@dataclass(frozen=True)
class Absent:
    """The spot of an image that could not be opened again, and by what it may be found."""

    name: str
    settings: ImageInput
    shape: tuple[int, int]
    y: int
    x: int
    first: int
    last: int


def last_id(mask: LabelMask | None) -> int:
    """Return the largest number of a mask's cells, which is read; 0 where it has none."""
    try:
        return 0 if mask is None else int(mask.cells()["id"].max())
    except NoCells:
        return 0
