"""What an export will write, checked before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from napari_splicer.analysis.clustering import clusterings
from napari_splicer.embedding.table import holds_tiles
from napari_splicer.errors import InvalidSettings
from napari_splicer.export.cluster_image import (
    ImageFormat,
    check_drawable,
    legend_path,
    write_cluster_image,
)
from napari_splicer.export.embedding_map import write_colour_map, write_embedding_map
from napari_splicer.export.replay import run_file
from napari_splicer.export.tables import write_csv, write_h5ad, write_parquet, write_zarr
from napari_splicer.files import check_free, check_writable, file_name, write_text
from napari_splicer.shares import unheard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from anndata import AnnData

    from napari_splicer.config import RunConfig
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.shares import Report

_TABLES: dict[str, tuple[str, Callable[..., None]]] = {
    "h5ad": (".h5ad", write_h5ad),
    "zarr": (".zarr", write_zarr),
    "csv": (".csv", write_csv),
    "parquet": (".parquet", write_parquet),
}
_IMAGES: dict[ImageFormat, str] = {"ome-tiff": ".ome.tif", "ome-zarr": ".ome.zarr"}


@dataclass(frozen=True)
class ExportTask:
    """One file to be written, and those that come ``beside`` it.

    ``writer`` takes ``path`` and ``report``, and may return remarks. ``weight`` is about how long
    it takes beside the others.
    """

    path: Path
    writer: Callable[..., tuple[str, ...] | None]
    beside: tuple[Path, ...] = ()
    weight: float = 1.0

    def write(self, report: Report = unheard) -> tuple[str, ...]:
        """Write it, telling ``report`` how much is done; return remarks for the user, in sentences.

        Nothing is kept of the file if ``report`` raises.
        """
        return self.writer(path=self.path, report=report) or ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """All that is written."""
        return self.path, *self.beside


def plan_export(
    table: AnnData, fields: Sequence[MaskedImage], config: RunConfig, folder: Path
) -> tuple[ExportTask, ...]:
    """List the files that ``config.export`` asks for, and the run file that goes with them.

    Parameters
    ----------
    table : AnnData
    fields : sequence of MaskedImage
        Needed for cluster images: one per field of view and clustering. Of tiles with an
        embedding, two more images per field are written: the embedding, and its colours.
    config : RunConfig
    folder : Path
        Made when the first file is written.

    Raises
    ------
    WouldOverwrite
        If one of the files is there already and overwriting is off.
    CannotWrite
        If the folder can't be written to.
    InvalidSettings
        If an image is asked for and there is nothing to draw: the table has no clustering yet, and
        is none of tiles with an embedding; or if two files would have the same name.
    NoCells
        If a cluster image is asked for, and a field has no mask or no cell in the table.
    """
    check_writable(folder)
    overwrite = config.export.overwrite
    text = run_file(table, fields, config)
    settings = _file(_write_run_file, folder / "run.toml", text, overwrite)
    tasks = [replace(settings, weight=0.0)]
    for form in config.export.formats:
        if form == "ome-tiff" or form == "ome-zarr":
            tasks.extend(_images(table, fields, form, folder, overwrite))
            if holds_map(table):
                tasks.extend(_maps(table, fields, form, folder, overwrite))
        else:
            ending, write = _TABLES[form]
            name = "tiles" if holds_tiles(table) else "cells"
            tasks.append(_file(write, folder / f"{name}{ending}", table, overwrite))
    _check_distinct([task.path.name for task in tasks])
    for task in tasks:
        for path in task.paths:
            check_free(path, overwrite=overwrite)
    return tuple(tasks)


def holds_map(table: AnnData) -> bool:
    """Tell whether a table's embedding is an image by itself: that of a grid's tiles."""
    return holds_tiles(table) and "X_splicer" in table.obsm


def _file(write: Callable[..., None], path: Path, content: object, overwrite: bool) -> ExportTask:
    return ExportTask(path, partial(write, content, overwrite=overwrite))


def _images(
    table: AnnData,
    fields: Sequence[MaskedImage],
    form: ImageFormat,
    folder: Path,
    overwrite: bool,
) -> Iterator[ExportTask]:
    names = tuple(clusterings(table))
    if not names and holds_map(table):
        return
    if not names:
        raise InvalidSettings(
            "There are no clusters to draw yet.",
            "Cluster the cells first, or leave the cluster image out.",
        )
    for field in fields:
        check_drawable(table, field)
        for name in names:
            path = folder / f"{file_name(field.name)}.{file_name(name)}{_IMAGES[form]}"
            write = partial(
                write_cluster_image, field, table, name, image_format=form, overwrite=overwrite
            )
            yield ExportTask(path, write, (legend_path(path),))


def _maps(
    table: AnnData,
    fields: Sequence[MaskedImage],
    form: ImageFormat,
    folder: Path,
    overwrite: bool,
) -> Iterator[ExportTask]:
    """List the images that tiles' embeddings make: all their numbers, and colours."""
    kinds = {"embedding": write_embedding_map, "embedding-colours": write_colour_map}
    for field in fields:
        for kind, write in kinds.items():
            path = folder / f"{file_name(field.name)}.{kind}{_IMAGES[form]}"
            save = partial(write, table=table, image_format=form)
            yield _file(save, path, field, overwrite)


def _check_distinct(names: Sequence[str]) -> None:
    """Refuse names that are one on some computers; names of images and groups may hold any sign."""
    plain = [name.lower() for name in names]
    doubled = sorted({name for name in names if plain.count(name.lower()) > 1})
    if doubled:
        raise InvalidSettings(
            f"Two files of the export would be called {doubled[0]}.",
            "Give images and clusterings names that differ in more than signs and capitals.",
        )


def _write_run_file(text: str, path: Path, *, overwrite: bool, report: Report) -> None:
    write_text(path, text, overwrite=overwrite)
    report(1.0)
