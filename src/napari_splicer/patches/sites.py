"""Where patches are cut: around every cell, or on a grid."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from napari_splicer.errors import InvalidSettings, NoCells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_splicer.config import PatchSettings
    from napari_splicer.images.masks import MaskedImage

T = TypeVar("T", bound=np.generic)

LARGEST_SIDE = 4096
"""Pixels of an image that a patch may span: far more than any network takes in."""


@dataclass(frozen=True, eq=False)
class Sites:
    """The centres of patches, over all fields of view.

    Parameters
    ----------
    field : int64 (n,)
        Position of the field of view in the list that the sites were made from.
    id : int64 (n,)
        The cell's label, or the tile's number within its field (row by row, from 1).
    y, x : float64 (n,)
        Centre in pixels; pixel ``i`` has its centre at ``i``.
    kind : {"cells", "grid"}
    """

    field: NDArray[np.int64]
    id: NDArray[np.int64]
    y: NDArray[np.float64]
    x: NDArray[np.float64]
    kind: Literal["cells", "grid"] = "cells"

    def __len__(self) -> int:
        return len(self.id)

    def take(self, index: ArrayLike) -> Sites:
        """Return the sites at the rows ``index`` (positions or a boolean selection)."""
        rows = np.asarray(index)
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "kind"}
        return Sites(**arrays, kind=self.kind)


def cell_sites(images: Sequence[MaskedImage]) -> Sites:
    """Return one site per cell, at its centroid, ordered by field and label.

    Raises
    ------
    NoCells
        If a field has no cell mask, or an empty one.
    """
    check_masks(images)
    tables = [masked.cells.cells() for masked in images if masked.cells is not None]
    return Sites(
        field=np.repeat(np.arange(len(tables)), [len(table) for table in tables]),
        id=_joined(table["id"].to_numpy(np.int64) for table in tables),
        y=_joined(table["y"].to_numpy(np.float64) for table in tables),
        x=_joined(table["x"].to_numpy(np.float64) for table in tables),
    )


def _joined(columns: Iterable[NDArray[T]]) -> NDArray[T]:
    """Return all in one; of a single image of millions of cells, not a copy."""
    first, *others = columns
    return np.concatenate([first, *others]) if others else first


def check_masks(images: Sequence[MaskedImage]) -> None:
    """Raise NoCells if a field has no cell mask, naming all of them; nothing is read."""
    lacking = [masked.name for masked in images if masked.cells is None]
    if lacking:
        several = len(lacking) > 1
        raise NoCells(
            f"{', '.join(lacking)} {'have' if several else 'has'} no cell mask, so "
            f"{'their' if several else 'its'} cells cannot be cut out.",
            "Choose a mask of the cells, or let patches lie on a grid.",
        )


def grid_sites(
    images: Sequence[MaskedImage],
    *,
    size: int | Sequence[int],
    stride: int | None = None,
) -> Sites:
    """Return the tiles of a grid that covers every field.

    The last tile of a row or column lies flush with the border, so that none reaches outside; a
    field smaller than a tile gets one tile, around its centre.

    Parameters
    ----------
    images : sequence of MaskedImage
    size : int or one int per field
        Side of a tile in the field's pixels.
    stride : int, optional
        Step in pixels; default ``size``.
    """
    sides = np.broadcast_to(np.asarray(size, dtype=np.int64), (len(images),)).tolist()
    parts = []
    for index, (masked, side) in enumerate(zip(images, sides, strict=True)):
        height, width = masked.image.shape
        step = stride or side
        y, x = np.meshgrid(
            tile_centres(height, side, step), tile_centres(width, side, step), indexing="ij"
        )
        parts.append((np.full(y.size, index), np.arange(1, y.size + 1), y.ravel(), x.ravel()))
    field, number, y, x = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Sites(field, number, y, x, kind="grid")


def find_sites(
    images: Sequence[MaskedImage], settings: PatchSettings, sides: Sequence[int]
) -> Sites:
    """Return the sites that ``settings`` ask for; ``sides`` as from :func:`patch_sides`."""
    if settings.sites == "cells":
        return cell_sites(images)
    return grid_sites(images, size=sides, stride=settings.stride)


def patch_sides(
    images: Sequence[MaskedImage], settings: PatchSettings, size: int | None = None
) -> tuple[int, ...]:
    """Return how many of each field's own pixels a patch spans.

    ``settings.size_um`` fixes the span in µm; a field of unknown pixel size is cut in pixels.

    Parameters
    ----------
    images : sequence of MaskedImage
    settings : PatchSettings
    size : int, optional
        Side in network pixels, for patches with a margin; default ``settings.size``.

    Raises
    ------
    InvalidSettings
        If a patch would span more than 4,096 pixels: then a size in µm, of patches or of the
        image's pixels, is wrong.
    """
    return tuple(
        patch_side(settings, masked.image.pixel_size, size, image=masked.name) for masked in images
    )


def patch_side(
    settings: PatchSettings,
    pixel_size: tuple[float, float] | None,
    size: int | None = None,
    *,
    image: str,
) -> int:
    """Return how many pixels of one image a patch spans; see :func:`patch_sides`.

    Parameters
    ----------
    settings : PatchSettings
    pixel_size : (float, float) or None
        Of the image, in µm, (y, x).
    size : int, optional
        Side in network pixels; default ``settings.size``.
    image : str
        What an error calls it.
    """
    size = size or settings.size
    if settings.size_um is None or pixel_size is None:
        return size
    side = size * settings.size_um / settings.size / float(np.mean(pixel_size))
    if side > LARGEST_SIDE:
        raise InvalidSettings(
            f"Patches of {settings.size_um:g} µm would be {side:,.0f} pixels wide in {image}, "
            f"whose pixels are {float(np.mean(pixel_size)):g} µm.",
            "Correct the image's pixel size, or the patches' size in µm (patches.size_um).",
        )
    return max(1, round(side))


def window_start(centre: NDArray[np.float64], side: int) -> NDArray[np.int64]:
    """Return the first of the ``side`` pixels around each centre, along one axis.

    Pixel ``i`` has its centre at ``i``; where ``side`` is even, a centre on a pixel has one more
    pixel behind it than before it.

    Examples
    --------
    >>> window_start(np.array([10.0, 10.5]), 4).tolist()
    [9, 9]
    """
    return np.floor(centre - side / 2 + 1).astype(np.int64)


def tile_centres(length: int, side: int, step: int) -> NDArray[np.float64]:
    """Return the centres of tiles that cover ``length`` pixels, the last one flush with its end."""
    if length <= side:
        return np.array([(length - 1) / 2])
    starts = np.append(np.arange(0, length - side, step), length - side)
    return np.asarray(starts + (side - 1) / 2, dtype=np.float64)
