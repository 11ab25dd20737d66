"""embed_cells: images + a trained model → events, of which the last holds the table of cells."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.embedding.describe import Here, patch_reader
from napari_splicer.embedding.resolve import check_channels, remarks
from napari_splicer.embedding.rows import InMemory, Rows
from napari_splicer.embedding.stored import LARGE, StoredTable
from napari_splicer.embedding.table import (
    MATRICES,
    note_blank,
    note_levels,
    note_pixels,
    note_representation,
    record,
    rows_without_values,
)
from napari_splicer.errors import InvalidSettings, NoCells, UnreadableFile
from napari_splicer.events import Cancel, Event, Finished, Progress, Started, Warned
from napari_splicer.images.checks import check_distinct
from napari_splicer.images.fingerprint import seen
from napari_splicer.patches.sites import check_masks, find_sites, patch_sides

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from anndata import AnnData

    from napari_splicer.config import RunConfig
    from napari_splicer.embedding.describe import Describer
    from napari_splicer.embedding.place import Place
    from napari_splicer.embedding.rows import Store
    from napari_splicer.images.fingerprint import Seen
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle
    from napari_splicer.patches.reader import PatchReader


def embed_cells(
    fields: Sequence[MaskedImage],
    bundle: Bundle | None,
    config: RunConfig,
    *,
    place: Place | None = None,
    earlier: AnnData | None = None,
    scheduler: str | None = None,
    cancel: Cancel | None = None,
) -> Iterator[Event]:
    """Measure every cell (or tile) of ``fields`` and send its patch through the trained network.

    Every chunk of the images is read once (some of them once before, to tell whether their
    intensities are on the model's scale, and a few to tell the images from others), and where
    patches are of a smaller resolution, those of that one too (see
    :mod:`napari_splicer.patches.levels`). Rows stand in the order in which cells
    are read: by image, then by chunk, then by id. Yields at every batch. ``Finished.result`` is an
    AnnData: rows as :func:`napari_splicer.embedding.table.rows_without_values` describes them;
    ``X`` float32, the mean intensity of the channels of all fields, NaN where a field lacks one;
    with a model ``obsm["X_splicer"]``, the representation, and ``obsm["X_splicer_chunks"]``, the
    primary embedding.

    Parameters
    ----------
    fields : sequence of MaskedImage
    bundle : Bundle, optional
        Without it, the table holds mean intensities only.
    config : RunConfig
        Says where patches are and how many go in a batch; what they look like is the model's.
        Its device, precision and threads count where they are not left open; else the model's.
    place : Place, optional
        Where the table grows on the disk; memory then holds a small part of it. Of a large one
        (:data:`napari_splicer.embedding.stored.LARGE`) the result's matrices are dask arrays.
    earlier : AnnData, optional
        Without a ``place``: what a run of the same images, model and settings gave when it was
        stopped. Its cells are not described again.
    scheduler : str, optional
        Address of a dask.distributed scheduler, whose workers describe the cells piece by piece;
        see :mod:`napari_splicer.embedding.distributed`. Progress then comes by the piece.
    cancel : Cancel, optional
        Looked at before every batch, or while waiting for workers. ``Finished.result`` then
        holds the cells done so far, or is None if there is none.

    Raises
    ------
    SplicerError
        Before anything is read: an image that lacks channels of the model
        and can't do without (``MissingChannels``), two images of one name, no cells; a place that
        is taken; an ``earlier`` table of something else.
    """
    cancel = cancel or Cancel()
    if place is not None:
        place.check()
    _check(fields, bundle, config)
    with _describer(fields, bundle, config, scheduler) as describer:
        run = describer.run
        sides = patch_sides(fields, run.patches)
        reader = _reader(fields, bundle, run, sides)
        unit = "cells" if reader.sites.kind == "cells" else "tiles"
        yield Started(
            "embed",
            total=len(reader.sites),
            unit=unit,
            message=f"Describing {len(reader.sites):,} {unit}",
        )
        said = list(remarks(fields, config, run, bundle))
        for sentence in said:
            yield Warned("embed", sentence)
        widths = dict(zip(MATRICES, describer.widths(), strict=True)) if bundle else {}
        table = _rows(fields, reader, bundle, run, widths)
        record(table)["warnings"] = np.array(said, dtype=str)
        channels, now_seen = tuple(table.var_names), _seen(fields, bundle, run)
        note_pixels(table, now_seen)
        store = _store(table, {"X": len(channels), **widths}, place, earlier, now_seen)
        del table
        if len(reader.sites) > LARGE:  # of a million cells 0.15 GB, which refer to one another
            gc.collect()
        yield from _fill(store, reader, describer, channels, cancel)
    yield _finished(store, unit)


def _check(fields: Sequence[MaskedImage], bundle: Bundle | None, config: RunConfig) -> None:
    """Refuse what can't be embedded, before anything is read."""
    if not fields:
        raise NoCells("There is no image to embed.", "Open at least one.")
    check_distinct([field.name for field in fields])
    if config.patches.sites == "cells":
        check_masks(fields)
    if bundle is None:
        return
    check_channels(fields, bundle)
    if bundle.network.sees_parts:
        for field in fields:
            bundle.decomposition.validate(field, sites=config.patches.sites)


def _reader(
    fields: Sequence[MaskedImage], bundle: Bundle | None, run: RunConfig, sides: Sequence[int]
) -> PatchReader:
    sites = find_sites(fields, run.patches, sides)
    return patch_reader(fields, sites, bundle, run, sides).in_reading_order()


def _rows(
    fields: Sequence[MaskedImage],
    reader: PatchReader,
    bundle: Bundle | None,
    run: RunConfig,
    widths: Mapping[str, int],
) -> AnnData:
    """Return the rows of a reader's sites with what is known of them beforehand."""
    table = rows_without_values(fields, reader.sites, reader.sides)
    record(table).update(config=run.model_dump_json(), bundle="" if bundle is None else bundle.hash)
    if bundle is not None:
        note_representation(table, widths["X_splicer"], bundle.network.component_slices)
        without = bundle.decomposition.without
        note_levels(table, run.patches, fields)
        note_blank(table, {f.name: without(f.image.channels) for f in fields})
    return table


def _seen(fields: Sequence[MaskedImage], bundle: Bundle | None, run: RunConfig) -> list[Seen]:
    regions = () if bundle is None else bundle.decomposition.regions
    return seen(fields, regions=regions, cells=run.patches.sites == "cells")


def _describer(
    fields: Sequence[MaskedImage],
    bundle: Bundle | None,
    config: RunConfig,
    scheduler: str | None,
) -> AbstractContextManager[Describer]:
    if scheduler is None:
        return Here.opened(fields, bundle, config)
    from napari_splicer.embedding.distributed import Workers

    return Workers.connected(scheduler, fields, bundle, config)


def _store(
    table: AnnData,
    widths: Mapping[str, int],
    place: Place | None,
    earlier: AnnData | None,
    now_seen: Sequence[Seen],
) -> Store:
    if place is None and earlier is not None:
        return InMemory.go_on(table, widths, earlier, now_seen)
    if place is None:
        return InMemory(table, widths)
    if place.begun:
        try:
            return StoredTable.go_on(place, table, now_seen)
        except (InvalidSettings, UnreadableFile):
            if not place.overwrite:
                raise
    return StoredTable.begin(place, table, widths)


def _finished(store: Store, unit: str) -> Finished:
    count = int(store.done.sum())
    if count == len(store.done):
        return Finished("embed", store.finish(), message=f"{count} {unit} are in the table.")
    said = f"Stopped before the end: {count} of {len(store.done)} {unit} are in the table."
    kept = store.so_far()
    if kept is not None:
        record(kept)["warnings"] = np.append(record(kept)["warnings"], said)
    return Finished("embed", kept, cancelled=True, message=said)


def _fill(
    store: Store,
    reader: PatchReader,
    describer: Describer,
    channels: Sequence[str],
    cancel: Cancel,
) -> Iterator[Event]:
    """Describe the sites that are not done; what was done is kept however this ends."""
    kept, todo, begun = Rows(store), np.flatnonzero(~store.done), time.perf_counter()
    steps = [MATRICES[0] if MATRICES[0] in store.widths else "X"]
    if reader.coarse is not None:  # means come long before: a cell that has them is done by half
        steps.insert(0, "X")
    total, now = len(store.done), 0.0
    unit = "cells" if reader.sites.kind == "cells" else "tiles"
    try:
        for found in describer.describe(reader, todo, channels, cancel):
            if isinstance(found, Warned):
                yield found
                continue
            for name, values in found.matrices.items():
                kept.put(name, found.rows, values)
            made = sum(name in found.matrices for name in steps)
            if not made or not len(found.rows):
                continue
            now += len(found.rows) * made / len(steps)
            pace = now / max(time.perf_counter() - begun, 1e-9)
            yield Progress(
                "embed",
                total - len(todo) + int(now),
                total,
                unit,
                seconds_left=(len(todo) - now) / pace,
                message=f"{pace:,.0f} per second",
            )
    finally:
        kept.close()
