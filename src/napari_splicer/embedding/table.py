"""The AnnData that comes out: one row per cell, its keys as CONVENTIONS of the ecosystem have them.

``uns["splicer"]`` holds only what both h5ad and zarr can write. What is told per image or per
component, whose names may hold any sign, is kept in columns instead of being used as keys.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_splicer.embedding.observations import observations
from napari_splicer.errors import UNFORESEEN, SplicerError, UnreadableFile
from napari_splicer.versions import package_versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.config import PatchSettings
    from napari_splicer.images.fingerprint import Seen
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.patches.sites import Sites

MATRICES = ("X_splicer", "X_splicer_chunks")
"""What the network says of every cell: its representation and the primary embedding."""

PACKAGES = ("anndata", "numpy", "torch")
"""Packages that decide what a table holds."""


def rows_without_values(
    fields: Sequence[MaskedImage], sites: Sites, sides: Sequence[int]
) -> AnnData:
    """Return a table that says where every cell (or tile) is, and nothing else of it yet.

    Parameters
    ----------
    fields : sequence of MaskedImage
        With names of their own.
    sites : Sites (n)
        In the order that rows are to have; all of one field together.
    sides : sequence of int, one per field
        Side in pixels of a tile; not used for cells.

    Returns
    -------
    AnnData (n, C)
        Without ``X``; one variable per channel of all fields, in order of first use; ``obs``:
        ``instance_id``, ``region``, ``area``, ``y``, ``x``, ``touches_border``;
        ``obsm["spatial"]``; ``uns["spatialdata_attrs"]`` and ``uns["splicer"]``.
    """
    from anndata import AnnData

    names = [field.name for field in fields]
    channels = list(dict.fromkeys(c for field in fields for c in field.image.channels))
    table = AnnData(
        obs=observations(fields, sites, sides),
        var=pd.DataFrame(index=pd.Index(channels, dtype=str)),
        obsm={"spatial": np.stack([sites.x, sites.y], axis=1)},
    )
    table.uns["spatialdata_attrs"] = _attributes(names)
    sizes = [field.image.pixel_size or (np.nan, np.nan) for field in fields]
    record(table).update(
        sites=sites.kind,
        versions=package_versions(*PACKAGES),
        pixel_sizes={
            "region": np.array(names),
            "y_um": np.array([y for y, _ in sizes]),
            "x_um": np.array([x for _, x in sizes]),
        },
    )
    return table


def note_representation(table: AnnData, width: int, chunks: Mapping[str, slice]) -> None:
    """Note in ``uns`` what the network's matrices of a table hold.

    Parameters
    ----------
    table : AnnData (n cells)
    width : int
        Columns of the representation, ``obsm["X_splicer"]``.
    chunks : mapping of str to slice
        Columns of ``obsm["X_splicer_chunks"]``, the primary embedding, of each component.
    """
    record(table)["chunks"] = {
        "component": np.array(list(chunks), dtype=str),
        "start": np.array([chunk.start for chunk in chunks.values()], np.int64),
        "stop": np.array([chunk.stop for chunk in chunks.values()], np.int64),
    }
    # What napari-harpy asks of a matrix before it trains classifiers on it.
    table.uns.setdefault("feature_matrices", {})["X_splicer"] = {
        "feature_columns": [f"X_splicer_{i}" for i in range(width)],
        "features": ["custom_obsm"],
        "source_kind": "custom_obsm",
        "schema_version": 1,
        "backend": "numpy",
        "dtype": "float32",
    }


def note_blank(table: AnnData, absent: Mapping[str, Sequence[str]]) -> None:
    """Note which components the network had to do without, by image, in ``uns["splicer"]``.

    Columns ``region`` and ``component`` of ``blank``, which is left out where there is none. What
    the chunks of these components say is guessed from the others.
    """
    pairs = [(region, name) for region, names in absent.items() for name in names]
    if pairs:
        regions, names = zip(*pairs, strict=True)
        record(table)["blank"] = {
            "region": np.array(regions, dtype=str),
            "component": np.array(names, dtype=str),
        }


def note_pixels(table: AnnData, seen: Sequence[Seen]) -> None:
    """Note in ``uns["splicer"]`` of which pixels a table is: columns of ``pixels``."""
    record(table)["pixels"] = {
        "what": np.array([one.what for one in seen], dtype=str),
        "fingerprint": np.array([one.fingerprint for one in seen], dtype=str),
    }


def note_levels(table: AnnData, settings: PatchSettings, fields: Sequence[MaskedImage]) -> None:
    """Note in ``uns["splicer"]`` at which resolution the network saw the images.

    Columns ``region`` and ``coarser`` of ``levels``: how many times coarser than the full
    resolution, at which everything else is told; left out where it was the full one everywhere.
    """
    from napari_splicer.patches.levels import coarseness

    coarser = [coarseness(field.image, settings) for field in fields]
    if max(coarser) > 1:
        record(table)["levels"] = {
            "region": np.array([field.name for field in fields]),
            "coarser": np.array(coarser),
        }


def take_rows(table: AnnData, rows: NDArray[np.bool_]) -> AnnData:
    """Return a table of the cells selected by ``rows``, bool (n,), and only of their images."""
    taken = table[rows].copy()
    taken.obs["region"] = taken.obs["region"].cat.remove_unused_categories()
    taken.uns["spatialdata_attrs"] = _attributes(taken.obs["region"].cat.categories.tolist())
    return taken


def read_table(path: str | Path, *, lazy_above: int | None = None) -> AnnData:
    """Read a table of cells, ``.h5ad`` or a ``.zarr`` folder.

    Parameters
    ----------
    path : str or Path
    lazy_above : int, optional
        Where a ``.zarr`` has more cells than this, ``X``, the representation and the embedding are
        dask arrays, which are read piece by piece.

    Raises
    ------
    UnreadableFile
        If there is no such table, it is damaged, or its rows can't be told apart by image and
        cell id.
    """
    from anndata import read_h5ad

    path = Path(path)
    if not path.exists():
        raise UnreadableFile(f"There is no table at {path}.", "Check the path.")
    try:
        _check_kind(path)
        table = _read_zarr(path, lazy_above) if path.is_dir() else read_h5ad(path)
    except SplicerError:
        raise
    except UNFORESEEN as error:
        raise UnreadableFile(
            f"{path} can't be read as a table of cells: {error}.",
            "It should be an .h5ad file or a .zarr folder that AnnData wrote.",
        ) from error
    lacking = [column for column in ("instance_id", "region") if column not in table.obs]
    if lacking:
        raise UnreadableFile(
            f"The table {path} has no column {' and no column '.join(lacking)}, so its cells "
            "can't be found in an image.",
            "Use a table that 'embed' made.",
        )
    attributes = table.uns.get("spatialdata_attrs", {})
    if isinstance(attributes.get("region"), np.ndarray):  # spatialdata takes a list only
        attributes["region"] = attributes["region"].tolist()
    return table


def _read_zarr(path: Path, lazy_above: int | None) -> AnnData:
    import dask.array as da
    import zarr
    from anndata import AnnData, read_zarr
    from anndata.io import read_elem

    group = zarr.open_group(path, mode="r")
    columns = group["obs"]
    if lazy_above is None or columns[columns.attrs["_index"]].shape[0] <= lazy_above:
        return read_zarr(path)
    # zarr has an array's pieces as its chunks; anndata's own lazy reader would need xarray.
    matrices = {
        name: da.from_zarr(array) if name in MATRICES else read_elem(array)
        for name, array in group["obsm"].members()
    }
    return AnnData(
        X=da.from_zarr(group["X"]),
        obs=read_elem(columns),
        var=read_elem(group["var"]),
        obsm=matrices,
        uns=read_elem(group["uns"]),
    )


def _attributes(regions: list[str]) -> dict[str, Any]:
    return {
        "region": regions[0] if len(regions) == 1 else regions,
        "region_key": "region",
        "instance_key": "instance_id",
    }


def _check_kind(path: Path) -> None:
    if path.is_dir():
        import zarr

        kind = zarr.open_group(path, mode="r").attrs.get("encoding-type")
    else:
        import h5py

        with h5py.File(path) as file:
            kind = file.attrs.get("encoding-type")
    if kind != "anndata":
        raise ValueError("it holds something else")


def record(table: AnnData) -> dict[str, Any]:
    """Return ``uns["splicer"]``, what the project notes about a table, to be read or added to."""
    noted: dict[str, Any] = table.uns.setdefault("splicer", {})
    return noted


def holds_tiles(table: AnnData) -> bool:
    """Return whether a table's rows are tiles of a grid, not cells."""
    return bool(table.uns.get("splicer", {}).get("sites") == "grid")


def chunk_slices(table: AnnData) -> dict[str, slice]:
    """Return the columns of ``obsm["X_splicer_chunks"]`` that belong to each component."""
    chunks = table.uns.get("splicer", {}).get("chunks")
    if chunks is None:
        return {}
    rows = zip(chunks["component"], chunks["start"], chunks["stop"], strict=True)
    return {str(name): slice(int(start), int(stop)) for name, start, stop in rows}
