"""Groups as an image: every pixel of a cell, or tile, holds the number of its group."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from napari_splicer.analysis.groups import colours_of, groups_of
from napari_splicer.embedding.table import holds_tiles
from napari_splicer.errors import NoCells
from napari_splicer.export.tile_groups import tile_reader
from napari_splicer.files import check_free, written
from napari_splicer.images.label_image import LabelImage, Legend, write_ome_tiff, write_ome_zarr
from napari_splicer.shares import unheard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.shares import Report

    Reader = Callable[[int, int, int, int], NDArray[Any]]

ImageFormat = Literal["ome-tiff", "ome-zarr"]


@dataclass(frozen=True, eq=False)
class GroupCodes:
    """The group number of every cell, or tile, of one image.

    Parameters
    ----------
    ids : int64 (n,)
        Cell ids, ascending.
    codes : uint8 or uint16 (n,)
        1 … G; 0 for cells without a group.
    names, colours : tuple of str
        Of groups 1 … G.
    """

    ids: NDArray[np.int64]
    codes: NDArray[np.unsignedinteger[Any]]
    names: tuple[str, ...]
    colours: tuple[str, ...]

    @classmethod
    def from_table(cls, table: AnnData, image: str, clustering: str) -> GroupCodes:
        """Look the cells of ``image`` up in a table.

        Raises
        ------
        InvalidSettings
            If the table has no such clustering.
        NoCells
            If it has no cell of this image.
        """
        groups = groups_of(table, clustering).cat
        check_image(table, image)
        here = (table.obs["region"] == image).to_numpy()
        names = tuple(map(str, groups.categories))
        ids = table.obs["instance_id"].to_numpy(np.int64)[here]
        codes = groups.codes.to_numpy(np.int64)[here] + 1
        order = np.argsort(ids)
        return cls(
            ids[order],
            codes[order].astype(np.min_scalar_type(len(names))),
            names,
            tuple(colours_of(table, clustering)),
        )

    def legend(self) -> pd.DataFrame:
        """Return ``code``, ``name``, ``colour`` and ``count`` (cells of this image) per group."""
        counts = np.bincount(self.codes, minlength=len(self.names) + 1)[1:]
        return pd.DataFrame(
            {
                "code": np.arange(1, len(self.names) + 1),
                "name": self.names,
                "colour": self.colours,
                "count": counts,
            }
        )


class CellPainter:
    """Paints the cells of a mask in the numbers of their groups, and keeps in mind which it saw."""

    def __init__(self, groups: GroupCodes) -> None:
        self._groups = groups
        self._seen = np.zeros(len(groups.ids), bool)
        self._unknown: set[int] = set()

    def __call__(self, labels: NDArray[Any]) -> NDArray[np.unsignedinteger[Any]]:
        """Map cell ids to group numbers.

        Ids may be sparse and as large as 2**63.

        Parameters
        ----------
        labels : integer array
            A piece of the mask.

        Returns
        -------
        uint8 or uint16 array of the same shape
            0 for background and for cells that are not in the table.
        """
        ids, codes = self._groups.ids, self._groups.codes
        pixels, here = pd.factorize(labels.ravel())
        here = here.astype(np.int64)
        rows = np.searchsorted(ids, here).clip(max=len(ids) - 1)
        known = ids[rows] == here
        self._seen[rows[known]] = True
        self._unknown.update(here[~known].tolist())
        found = np.where(known, codes[rows], 0).astype(codes.dtype)
        return np.asarray(found[pixels].reshape(labels.shape))

    def mismatch(self, mask: str) -> tuple[str, ...]:
        """Say how many cells only the table, or only the mask of this name, has; once all is seen.

        What it saw is all that is looked at, so the mask need not be read again.
        """
        sentences = []
        if only_mask := len(self._unknown - {0}):
            sentences.append(
                f"{only_mask} cells of the mask {mask} are not in the table; "
                "they are left black in the cluster image."
            )
        if only_table := int((~self._seen).sum()):
            sentences.append(f"{only_table} cells of the table are not in the mask {mask}.")
        return tuple(sentences)


def check_image(table: AnnData, image: str) -> None:
    """Raise NoCells, naming the images that a table has, unless it has cells of ``image``."""
    names = [str(name) for name in table.obs["region"].unique()]
    if image not in names:
        raise NoCells(
            f"The table holds no cell of the image {image}.",
            f"It holds cells of: {', '.join(names)}.",
        )


def check_drawable(table: AnnData, field: MaskedImage) -> None:
    """Raise NoCells unless there is what it takes to draw the groups of ``field``."""
    check_image(table, field.name)
    if field.cells is None and not holds_tiles(table):
        raise NoCells(
            f"{field.name} has no cell mask, so its groups can't be drawn.",
            "Export the table alone, or add the mask.",
        )


def legend_path(path: Path) -> Path:
    """Return where the legend of the cluster image ``path`` lies: beside it, as CSV."""
    return path.with_name(f"{path.name}.legend.csv")


def write_cluster_image(
    field: MaskedImage,
    table: AnnData,
    clustering: str,
    path: Path,
    *,
    image_format: ImageFormat = "ome-tiff",
    overwrite: bool = False,
    report: Report = unheard,
) -> tuple[str, ...]:
    """Write the groups of one field of view as a label image, and its legend beside it.

    The mask is read block by block; height, width and pixel size of the image are kept. Tiles need
    no mask: they fill the image.

    Parameters
    ----------
    field : MaskedImage
    table : AnnData
        Cells are joined by image name and id.
    clustering : str
        A categorical column of ``table.obs``.
    path : Path
        The legend goes to :func:`legend_path` of it.
    report : callable, optional
        Is told how much is done, from 0 to 1.

    Returns
    -------
    tuple of str
        What does not fit between table and mask, in sentences.

    Raises
    ------
    NoCells
        If the field has no mask, or the table no cell of it.
    InvalidSettings
        If the table has no such clustering.
    WouldOverwrite, CannotWrite
        See :func:`napari_splicer.files.written`.
    """
    check_drawable(table, field)
    groups = GroupCodes.from_table(table, field.name, clustering)
    mask = None if holds_tiles(table) else field.cells
    painter = CellPainter(groups)
    if mask is None:
        drawn = _drawn(field, groups, _tile_reader(groups, table, field.name), clustering)
    else:
        drawn = replace(_drawn(field, groups, mask.read, clustering), painted=painter)
    legend = legend_path(path)
    check_free(legend, overwrite=overwrite)
    write = write_ome_tiff if image_format == "ome-tiff" else write_ome_zarr
    with written(path, overwrite=overwrite) as temporary:
        write(temporary, drawn, report)
    with written(legend, overwrite=overwrite) as temporary:
        groups.legend().to_csv(temporary, index=False)
    return () if mask is None else painter.mismatch(mask.name)


def _tile_reader(groups: GroupCodes, table: AnnData, image: str) -> Reader:
    tiles = table.obs[table.obs["region"] == image].set_index("instance_id").loc[groups.ids]
    return tile_reader(tiles["y"].to_numpy(float), tiles["x"].to_numpy(float), groups.codes)


def _drawn(field: MaskedImage, groups: GroupCodes, read: Reader, clustering: str) -> LabelImage:
    entries = zip(groups.names, groups.colours, strict=True)
    return LabelImage(
        name=f"{field.name} {clustering}",
        read=read,
        shape=field.image.shape,
        dtype=groups.codes.dtype,
        pixel_size=field.image.pixel_size,
        legend=[Legend(code, *entry) for code, entry in enumerate(entries, 1)],
    )
