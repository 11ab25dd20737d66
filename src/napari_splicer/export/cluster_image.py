"""Groups as an image: every pixel of a cell, or tile, holds the number of its group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from napari_splicer.analysis.groups import colours_of, groups_of
from napari_splicer.embedding.table import holds_tiles
from napari_splicer.errors import NoCells
from napari_splicer.export.tile_groups import tile_reader
from napari_splicer.files import check_free, written
from napari_splicer.images.label_image import LabelImage, Legend, write_ome_tiff, write_ome_zarr

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.images.masks import LabelMask, MaskedImage

    Reader = Callable[[int, int, int, int], NDArray[np.unsignedinteger[Any]]]

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

    def apply(self, labels: NDArray[Any]) -> NDArray[np.unsignedinteger[Any]]:
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
        here, inverse = np.unique(labels, return_inverse=True)
        rows = np.searchsorted(self.ids, here.astype(np.int64)).clip(max=len(self.ids) - 1)
        known = self.ids[rows] == here.astype(np.int64)
        found = np.where(known, self.codes[rows], 0).astype(self.codes.dtype)
        return np.asarray(found[inverse].reshape(labels.shape))

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

    def mismatch(self, mask: LabelMask) -> tuple[str, ...]:
        """Say how many cells only the table, or only the mask, has."""
        in_mask = mask.cells()["id"].to_numpy(np.int64)
        sentences = []
        if only_mask := len(np.setdiff1d(in_mask, self.ids, assume_unique=True)):
            sentences.append(
                f"{only_mask} cells of the mask {mask.name} are not in the table; "
                "they are left black in the cluster image."
            )
        if only_table := len(np.setdiff1d(self.ids, in_mask, assume_unique=True)):
            sentences.append(f"{only_table} cells of the table are not in the mask {mask.name}.")
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
    remarks: tuple[str, ...] = ()
    if field.cells is not None and not holds_tiles(table):
        remarks, read = groups.mismatch(field.cells), _cell_reader(groups, field.cells)
    else:
        read = _tile_reader(groups, table, field.name)
    legend = legend_path(path)
    check_free(legend, overwrite=overwrite)
    write = write_ome_tiff if image_format == "ome-tiff" else write_ome_zarr
    with written(path, overwrite=overwrite) as temporary:
        write(temporary, _drawn(field, groups, read, clustering))
    with written(legend, overwrite=overwrite) as temporary:
        groups.legend().to_csv(temporary, index=False)
    return remarks


def _cell_reader(groups: GroupCodes, mask: LabelMask) -> Reader:
    return lambda *box: groups.apply(mask.read(*box))


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
