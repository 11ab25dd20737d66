"""What is known of cells from elsewhere: columns of a file that tells of them by their numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_splicer.analysis.clustering import is_exported, uncertainty_column
from napari_splicer.analysis.groups import clustering_names
from napari_splicer.analysis_settings import TABLE_COLUMNS
from napari_splicer.errors import UnreadableFile, listed
from napari_splicer.separators import separator_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from anndata import AnnData

MOST_CATEGORIES = 200
"""A column of more different words is notes or names, and can't be told apart by colours."""

_FEW_NUMBERS = 20  # different whole numbers that are taken for names, as of another tool's groups
_IDS = ("instance_id", "id", "cell_id", "cellid", "cell", "object", "objectnumber", "label")
_IMAGES = ("region", "image", "image_name", "image_id")
_ENDINGS = (".tif", ".tiff", ".ome.tif", ".ome.tiff", ".ome", ".zarr", ".ome.zarr", ".npy")
_UNFIT = re.compile(r'[/\\:*?"<>|\x00-\x1f]+')  # for folders, which columns become
_NAMED = 8  # columns, images


@dataclass(frozen=True, eq=False)
class Annotations:
    """Further columns of a table.

    Parameters
    ----------
    columns : DataFrame (n, columns)
        Row by row of the table: categories or numbers, missing where the file is silent.
    remarks : tuple of str
        What of the file was left out, in sentences.
    told : int
        Cells of the table that the file tells of.
    """

    columns: pd.DataFrame
    remarks: tuple[str, ...] = ()
    told: int = 0


def annotation_names(table: AnnData) -> tuple[str, ...]:
    """Return the columns of cells that were neither measured nor found by grouping them."""
    groupings = clustering_names(table)
    own = {*TABLE_COLUMNS, *groupings, *map(uncertainty_column, groupings)}
    return tuple(str(name) for name in table.obs.columns if name not in own)


def read_rows(path: Path) -> pd.DataFrame:
    """Return a CSV or Parquet file of cells, its key columns called ``instance_id``, ``region``.

    A cell's number may also be called ``id``, ``cell_id``, ``cell``, ``object`` or ``label``, its
    image ``image``; capitals count as small letters. Fields may be separated by commas, semicolons
    or tabs.

    Raises
    ------
    UnreadableFile
        If it is no such file.
    """
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            rows = pd.read_parquet(path)
        else:
            rows = _read_text(path)
    except (OSError, ValueError, ImportError) as error:
        raise UnreadableFile(
            f"{path} can't be read as a table ({error}).", "It should be a CSV or Parquet file."
        ) from error
    rows.columns = rows.columns.astype(str).str.strip()
    for ours, others in (("instance_id", _IDS), ("region", _IMAGES)):
        rows = rows.rename(columns={_first(rows.columns, others): ours})
    return rows


def _first(columns: pd.Index[Any], names: Sequence[str]) -> Any:
    small = {str(column).strip().lower(): column for column in reversed(columns)}
    return next((small[name] for name in names if name in small), None)


def _read_text(path: Path) -> pd.DataFrame:
    with path.open(encoding="utf-8-sig") as file:
        separator = separator_of(file.readline())
    how: dict[str, Any] = {"sep": separator, "encoding": "utf-8-sig"}
    image = _first(pd.read_csv(path, nrows=0, **how).columns, _IMAGES)
    words = {} if image is None else {image: str}  # 001 is another image than 1
    rows: pd.DataFrame = pd.read_csv(path, low_memory=False, dtype=words, **how)
    for name in rows.select_dtypes(object).columns.difference([image]) if separator == ";" else ():
        numbers = pd.to_numeric(rows[name].str.replace(",", ".", regex=False), errors="coerce")
        if not (numbers.isna() & rows[name].notna()).any():
            rows[name] = numbers
    return rows


def read_annotations(path: Path, table: AnnData, taken: Collection[str] = ()) -> Annotations:
    """Read what a file says of the cells of a table.

    Columns that the table has already, or would have when it is exported, stay as they are there.

    Parameters
    ----------
    path : Path
        CSV or Parquet, a row per cell; see :func:`read_rows`. The image is needed where the table
        has several.
    table : AnnData (n)
        Not changed.
    taken : collection of str
        Further names that a column can't have.

    Raises
    ------
    UnreadableFile
        If it can't be read, has no column of cell numbers, tells of a cell twice or of none that
        the table has, or no column is left.
    """
    images = [str(name) for name in table.obs["region"].unique()]
    rows, remarks = of_images(path, with_numbers(path, read_rows(path)), images)
    keys = [name for name in ("region", "instance_id") if name in rows.columns]
    place = _places(path, rows, table, keys)
    unknown = int((place < 0).sum())
    if unknown == len(place):
        raise UnreadableFile(
            f"None of the {unknown:,} cells in {path} is in the table.",
            "Its numbers must be those of the cells in the mask.",
        )
    if unknown:
        are = "cell in it is" if unknown == 1 else "cells in it are"
        remarks.append(f"{unknown:,} {are} not in the table, and left out.")
    new, kept = _names(rows.columns.difference(keys, sort=False), table, taken)
    if kept:
        remarks.append(f"The table has columns of these names already: {listed(kept, _NAMED)}.")
    columns, words = {}, []
    order = np.full(table.n_obs, -1)
    order[place[place >= 0]] = np.flatnonzero(place >= 0)
    for name, known_as in new.items():
        column = _column(rows[name])
        if column is None:
            words.append(name)
        else:
            columns[known_as] = _in_order(column, order)
    if words:
        remarks.append(
            f"No colours can tell apart so many different words: {listed(words, _NAMED)}."
        )
    if not columns:
        raise UnreadableFile(
            f"{path} has no column to take. {' '.join(remarks)}".strip(),
            "It needs a column beside the cell's number, of a name that the table does not have: "
            "rename it in the file, or remove the one in the table first.",
        )
    found = pd.DataFrame(columns, index=table.obs_names)
    return Annotations(found, tuple(remarks), len(place) - unknown)


def with_numbers(path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows whose ``instance_id`` is int64; raise UnreadableFile where it is no number."""
    if "instance_id" not in rows.columns:
        raise UnreadableFile(
            f"{path} has no column that says which cell a row is about; it has "
            f"{listed([str(name) for name in rows.columns], _NAMED)}.",
            "Call the column with the cell's number in the mask instance_id, id or cell.",
        )
    numbers = pd.to_numeric(rows["instance_id"], errors="coerce")
    wrong = ~np.isfinite(numbers) | (numbers % 1 != 0)
    if wrong.any():
        raise UnreadableFile(
            f"The column of cell numbers in {path} holds '{rows['instance_id'][wrong].iloc[0]}', "
            "which is no whole number.",
            "Call the column with the cell's number in the mask instance_id.",
        )
    return rows.assign(instance_id=numbers.astype(np.int64))


def of_images(
    path: Path, rows: pd.DataFrame, images: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows that tell of these images, which may be called as their files are.

    Beside them, what was left out, in sentences. Raises UnreadableFile where none is left, or it is
    not said which of several images a cell is in.
    """
    if "region" not in rows.columns:
        if len(images) > 1:
            raise UnreadableFile(
                f"{path} has no column that says which image a cell is in.",
                f"Add a column image with the names {listed(images, _NAMED)}.",
            )
        return rows, []
    called = {f"{name}{ending}": name for name in images for ending in _ENDINGS}
    said = rows["region"].astype(str)
    own = said.map({**called, **{name: name for name in images}})
    if own.isna().all():
        raise UnreadableFile(
            f"{path} tells of no cell in {listed(images, _NAMED)}; its images are "
            f"{listed([*said.unique()], _NAMED)}.",
            "Give the images the same names, or leave out that column.",
        )
    left = said[own.isna()].unique()
    what = "another image" if len(left) == 1 else f"{len(left):,} other images"
    remarks = [f"It also tells of {what}."] if len(left) else []
    return rows.assign(region=own)[own.notna()].reset_index(drop=True), remarks


def _places(path: Path, rows: pd.DataFrame, table: AnnData, keys: list[str]) -> Any:
    """Return the row in the table of every row of the file; -1 where there is none."""
    if rows.duplicated(keys).any():
        twice = rows.loc[rows.duplicated(keys), "instance_id"].iloc[0]
        raise UnreadableFile(f"{path} tells of cell {twice} twice.", "Leave one row per cell.")
    cells = table.obs[keys].astype({key: rows[key].dtype for key in keys})
    if len(keys) == 1:
        return pd.Index(cells["instance_id"]).get_indexer(pd.Index(rows["instance_id"]))
    known = pd.MultiIndex.from_frame(cells)
    return known.get_indexer(pd.MultiIndex.from_frame(rows[keys]))


def _names(
    names: pd.Index[Any], table: AnnData, taken: Collection[str]
) -> tuple[dict[str, str], list[str]]:
    """Return what new columns are called in the table, and which it has already."""
    used = {str(name).lower() for name in (*table.obs.columns, *table.var_names, *taken)}
    new: dict[str, str] = {}
    kept: list[str] = []
    for name in map(str, names):
        fit = _UNFIT.sub("_", name).strip(" ._")
        if not fit or fit.lower() == "index" or name.startswith("Unnamed:"):
            continue  # the row numbers that some programs write
        if fit.lower() in used or is_exported(table, fit) or fit.lower().startswith("intensity_"):
            kept.append(name)
        else:
            new[name] = fit
            used.add(fit.lower())
    return new, kept


def _column(values: pd.Series[Any]) -> pd.Series[Any] | None:
    """Return a column as categories or numbers; None where it is neither."""
    known = values.dropna()
    if pd.api.types.is_bool_dtype(known.dtype):
        return _categories(values, ["False", "True"])
    if pd.api.types.is_numeric_dtype(values.dtype):
        different = np.asarray(pd.unique(known))
        if len(different) > _FEW_NUMBERS or (different % 1 != 0).any():
            return values.astype(np.float64)
        whole = values.astype("Int64")
        return _categories(whole, [str(int(number)) for number in sorted(different)])
    words = sorted(map(str, pd.unique(known)))
    return _categories(values, words) if len(words) <= MOST_CATEGORIES else None


def _categories(values: pd.Series[Any], names: list[str]) -> pd.Series[Any]:
    codes, different = pd.factorize(values)
    order = pd.Index(names).get_indexer(pd.Index([str(value) for value in different], dtype=str))
    codes = np.where(codes < 0, -1, np.append(order, -1)[codes])
    return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(names)))


def _in_order(column: pd.Series[Any], order: Any) -> Any:
    """Return a column in the order of the table, missing where ``order`` is -1."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = np.append(column.cat.codes.to_numpy(), -1)[order]
        return pd.Categorical.from_codes(codes, categories=column.cat.categories)
    return np.append(column.to_numpy(np.float64), np.nan)[order]


def carry_annotations(source: AnnData, target: AnnData, rows: Any = None) -> None:
    """Give a table the annotations of another; columns that it has stay as they are.

    Parameters
    ----------
    source, target : AnnData
    rows : int (n,), optional
        For each cell of ``target`` its row in ``source``, -1 where it has none there; without it,
        both have the same cells.
    """
    for name in annotation_names(source):
        if name in target.obs:
            continue
        values = source.obs[name].array
        if rows is not None:
            values = source.obs[name].reset_index(drop=True).reindex(rows).array
        target.obs[name] = values


def keep_annotations(source: AnnData, target: AnnData) -> None:
    """Give a table the annotations of another of the same cells, and no others."""
    for name in set(annotation_names(target)) - set(annotation_names(source)):
        del target.obs[name]
    carry_annotations(source, target)
