"""The table of cells as files: h5ad and zarr hold all of it, CSV and Parquet a flat copy."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_splicer.analysis.maps import MAIN, further_maps
from napari_splicer.files import written
from napari_splicer.shares import unheard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pyarrow as pa
    from anndata import AnnData

    from napari_splicer.shares import Report

FIRST = ("image", "id", "x", "y", "area", "touches_border")
"""Columns of flat rows that say which cell it is, and where it lies."""

_ROWS = 50_000  # cells written at a time
_OVERHEAD = 4 * 2**20  # bytes of a table for names, colours, settings


def write_h5ad(
    table: AnnData, path: str | Path, *, overwrite: bool = False, report: Report = unheard
) -> None:
    """Write all of the table as ``.h5ad``, for scanpy and others.

    Raises
    ------
    WouldOverwrite, CannotWrite
        See :func:`napari_splicer.files.written`.
    """
    import h5py

    # HDF5 does not survive a full disk: it takes the whole program down. So room is made sure of.
    with (
        written(path, overwrite=overwrite, room=_room(table)) as temporary,
        h5py.File(temporary, "w") as file,
    ):
        _write_parts(table, file, report)


def _room(table: AnnData) -> int:
    """Return bytes that surely hold a table."""
    frames = [table.obs, table.var]
    words = sum(int(frame.memory_usage(deep=True).sum()) for frame in frames)
    return int(1.1 * (_size(table) + words)) + _OVERHEAD


def _size(table: AnnData) -> int:
    """Return the bytes of a table's matrices."""
    arrays = [table.X, *table.layers.values(), *table.obsm.values()]
    return sum(getattr(array, "nbytes", 0) for array in arrays)


def _write_parts(table: AnnData, group: Any, report: Report) -> None:
    """Write a table matrix by matrix into a file, or folder, that is open."""
    from anndata.experimental import write_dispatched

    done, size = 0, max(1, _size(table))

    def write(function: Callable[..., None], group: Any, key: str, part: Any, **how: Any) -> None:
        nonlocal done
        how.pop("iospec")
        function(group, key, part, **how)
        done += getattr(part, "nbytes", 0)
        report(min(done / size, 1.0))

    write_dispatched(group, "/", table, callback=write)


def write_zarr(
    table: AnnData, path: str | Path, *, overwrite: bool = False, report: Report = unheard
) -> None:
    """Write all of the table as a ``.zarr`` folder (zarr format 2, which every reader knows).

    Raises
    ------
    WouldOverwrite, CannotWrite
        See :func:`napari_splicer.files.written`.
    """
    import zarr

    with written(path, overwrite=overwrite) as temporary:
        group = zarr.open_group(temporary, mode="w", zarr_format=2)
        _write_parts(table, group, report)
        zarr.consolidate_metadata(group.store, zarr_format=2)


def write_csv(
    table: AnnData, path: str | Path, *, overwrite: bool = False, report: Report = unheard
) -> None:
    """Write a row per cell as CSV; columns as :func:`flat_rows` has them, NaN as an empty field.

    Raises
    ------
    WouldOverwrite, CannotWrite
        See :func:`napari_splicer.files.written`.
    """
    from pyarrow.csv import CSVWriter

    _write_batches(table, path, CSVWriter, overwrite, report)


def write_parquet(
    table: AnnData, path: str | Path, *, overwrite: bool = False, report: Report = unheard
) -> None:
    """Write a row per cell as Parquet; columns as :func:`flat_rows` has them.

    Raises
    ------
    WouldOverwrite, CannotWrite
        See :func:`napari_splicer.files.written`.
    """
    from pyarrow.parquet import ParquetWriter

    _write_batches(table, path, ParquetWriter, overwrite, report)


def flat_rows(table: AnnData, start: int = 0, stop: int | None = None) -> pd.DataFrame:
    """Return the rows ``start`` to ``stop`` as plain columns.

    Returns
    -------
    DataFrame
        ``image``; ``id`` in its mask; ``x``, ``y`` centroid in pixels; ``area`` in pixels;
        ``touches_border``; one column per clustering, and any other that ``obs`` has;
        ``umap_1``, ``umap_2``, and those of further maps, such as ``umap_immune_1``;
        ``intensity_<channel>`` mean intensity, raw units; ``splicer_0`` … the representation.
        Columns that the table can't fill are left out.
    """
    rows = slice(start, stop)
    obs = table.obs.iloc[rows].rename(columns={"region": "image", "instance_id": "id"})
    others = [column for column in obs.columns if column not in FIRST]
    obs = obs[[column for column in FIRST if column in obs.columns] + others]
    parts = [obs]
    for key in (MAIN, *further_maps(table)):
        if key in table.obsm:
            places, name = np.asarray(table.obsm[key][rows]), key.removeprefix("X_")
            parts.append(_columns(places, obs.index, [f"{name}_1", f"{name}_2"]))
    intensities = [f"intensity_{channel}" for channel in table.var_names]
    parts.append(_columns(np.asarray(table.X[rows]), obs.index, intensities))
    if "X_splicer" in table.obsm:
        z = np.asarray(table.obsm["X_splicer"][rows])
        parts.append(_columns(z, obs.index, [f"splicer_{i}" for i in range(z.shape[1])]))
    flat: pd.DataFrame = pd.concat(parts, axis=1).reset_index(drop=True)
    return flat


def _columns(values: np.ndarray, index: pd.Index[str], names: list[str]) -> pd.DataFrame:
    return pd.DataFrame(values, index=index, columns=pd.Index(names))


def _write_batches(
    table: AnnData,
    path: str | Path,
    writer: Callable[..., Any],
    overwrite: bool,
    report: Report,
) -> None:
    """Write the flat table piece by piece; ``writer(path, schema)`` opens the file."""
    with written(path, overwrite=overwrite) as temporary:
        batches = _batches(table)
        first = next(batches)
        with writer(temporary, first.schema) as file:
            for number, batch in enumerate(chain([first], batches), 1):
                file.write_table(batch)
                report(min(number * _ROWS / max(1, table.n_obs), 1.0))


def _batches(table: AnnData) -> Iterator[pa.Table]:
    """Yield the flat table in pieces, all with the same schema; one piece if it has no rows."""
    import pyarrow as pa

    words = {name for name in table.obs.columns if _holds_words(table.obs[name])}
    schema = None
    for start in range(0, max(table.n_obs, 1), _ROWS):
        rows = flat_rows(table, start, start + _ROWS)
        for column in rows.select_dtypes(["category", "object"]):
            # As words, also where all of a piece is missing: another piece may have some.
            worded = ("region" if column == "image" else column) in words
            rows[column] = rows[column].astype("string" if worded else object)
        piece = pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
        schema = piece.schema
        yield piece


def _holds_words(column: pd.Series[Any]) -> bool:
    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    values = column.cat.categories if categorical else column
    return pd.api.types.infer_dtype(values, skipna=True) in ("string", "empty")
