"""Images laid side by side on a sheet: in what order, how far apart, and which at all."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.config import load_run
from napari_splicer.errors import InvalidSettings
from napari_splicer.images.patterns import expand
from napari_splicer.images.sheet import STEP, Sheet
from napari_splicer.images.spots import Spot, last_id
from napari_splicer.shares import finish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_splicer.images.image import PixelSize
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.shares import Shares

_GAP = 0.06  # between images, of their longer side
_WIDE = 1.5  # how many times wider than high a sheet is
_LARGEST = 2**27  # pixels that a window can draw at once
_ODD = 0.01  # of a pixel's side, that two sizes may differ by and be one


def lay_out(fields: Sequence[MaskedImage], name: str, source: str | None = None) -> Sheet:
    """Lay images side by side; masks are read, to number cells through.

    Parameters
    ----------
    fields : sequence of MaskedImage
        At least one.
    name : str
        Of the sheet.
    source : str, optional
        Path of the run file that names them.

    Raises
    ------
    InvalidSettings
        If two have one name, or they are too large together for a window to draw.
    """
    return finish(laying_out(fields, name, source))


def laying_out(
    fields: Sequence[MaskedImage], name: str, source: str | None = None
) -> Shares[Sheet]:
    """Do the same as :func:`lay_out`, and yield how much of it is done."""
    names = [field.name for field in fields]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidSettings(
            f"Two images are called {twice}.", "Give each a name of its own: cells are told by it."
        )
    longest = [max(field.image.shape[axis] for field in fields) for axis in (0, 1)]
    gap = _GAP * max(longest)
    height, width = (math.ceil((side + gap) / STEP) * STEP for side in longest)
    columns = min(len(fields), max(1, round(math.sqrt(len(fields) * _WIDE * height / width))))
    spots, first = [], 0
    for number, field in enumerate(fields):
        yield number / len(fields)
        row, column = divmod(number, columns)
        last = first + last_id(field.cells)
        spots.append(Spot(field, row * height, column * width, first, last))
        first = last
    rows = math.ceil(len(fields) / columns)
    sheet = Sheet(
        name=name,
        spots=tuple(spots),
        shape=(rows * height, columns * width),
        channels=tuple(dict.fromkeys(c for field in fields for c in field.image.channels)),
        pixel_size=common_pixel_size([field.image.pixel_size for field in fields]),
        source=source,
    )
    coarsest = sheet.factors()[-1]
    if math.prod(sheet.shape) > _LARGEST * coarsest**2:
        raise InvalidSettings(
            f"The {len(fields)} images are too large to be shown side by side: "
            f"{sheet.shape[0]:,} × {sheet.shape[1]:,} pixels, and they lack smaller levels.",
            "Name fewer of them in the run file, save them with a pyramid, or describe all with "
            "'napari-splicer run'.",
        )
    return sheet


def open_sheet(path: str | Path) -> Sheet:
    """Open the images that a run file names, side by side.

    Raises
    ------
    SplicerError
        As :func:`~napari_splicer.config.load_run`, :func:`~napari_splicer.images.open.open_input`
        and :func:`lay_out`.
    """
    from napari_splicer.images.open import open_input

    path = Path(path)
    inputs = expand(load_run(path).inputs, path.parent)
    if not inputs:
        raise InvalidSettings(f"{path} names no image.", "Add an [[inputs]] entry with 'image'.")
    return lay_out([open_input(item, path.parent) for item in inputs], path.stem, str(path))


def common_pixel_size(sizes: Sequence[PixelSize | None]) -> PixelSize | None:
    """Return the pixel size that all images have; None where one lacks it, or has another."""
    known = [size for size in sizes if size is not None]
    alike = len(known) == len(sizes) and np.allclose(known, known[0], rtol=_ODD, atol=0)
    return known[0] if alike else None
