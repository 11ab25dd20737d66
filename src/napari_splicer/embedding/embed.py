"""embed_cells: images + a trained model → events, of which the last holds the table of cells."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_splicer.embedding.forward import Forward, parts_seen
from napari_splicer.embedding.intensities import CellMeans, Means, TileMeans
from napari_splicer.embedding.resolve import check_channels, remarks, resolve
from napari_splicer.embedding.rows import InMemory, Rows
from napari_splicer.embedding.stored import StoredTable
from napari_splicer.embedding.table import (
    MATRICES,
    note_blank,
    note_representation,
    record,
    rows_without_values,
)
from napari_splicer.errors import InvalidSettings, NoCells, UnreadableFile
from napari_splicer.events import Cancel, Event, Finished, Progress, Started, Warned
from napari_splicer.images.checks import check_distinct
from napari_splicer.patches.reader import Cutter, PatchReader
from napari_splicer.patches.sites import find_sites, patch_sides
from napari_splicer.training.device import threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.config import RunConfig
    from napari_splicer.embedding.place import Place
    from napari_splicer.embedding.rows import Store
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle
    from napari_splicer.patches.reader import PatchBatch
    from napari_splicer.patches.tiles import FieldSites, Tile


def embed_cells(
    fields: Sequence[MaskedImage],
    bundle: Bundle | None,
    config: RunConfig,
    *,
    place: Place | None = None,
    cancel: Cancel | None = None,
) -> Iterator[Event]:
    """Measure every cell (or tile) of ``fields`` and send its patch through the trained network.

    Every chunk of the images is read once. Rows stand in the order in which cells are read: by
    image, then by chunk, then by id. Yields at every batch. ``Finished.result`` is an AnnData: rows
    as :func:`napari_splicer.embedding.table.rows_without_values` describes them; ``X`` float32,
    the mean intensity of the channels of all fields, NaN where a field lacks one; with a model
    ``obsm["X_splicer"]``, the representation, and ``obsm["X_splicer_chunks"]``, the primary
    embedding.

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
    cancel : Cancel, optional
        Looked at before every batch. ``Finished.result`` then holds the cells done so far, or is
        None if there is none.

    Raises
    ------
    SplicerError
        Before anything is read: an image that lacks channels of the model
        and can't do without (``MissingChannels``), two images of one name, no cells; a place that
        is taken.
    """
    cancel = cancel or Cancel()
    if place is not None:
        place.check()
    if not fields:
        raise NoCells("There is no image to embed.", "Open at least one.")
    check_distinct([field.name for field in fields])
    if bundle is not None:
        check_channels(fields, bundle)
        if bundle.network.sees_parts:
            for field in fields:
                bundle.decomposition.validate(field, sites=config.patches.sites)
    run = resolve(config, bundle)
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
    table = rows_without_values(fields, reader.sites, sides)
    record(table).update(
        config=run.model_dump_json(),
        bundle="" if bundle is None else bundle.hash,
        warnings=np.array(said, dtype=str),
    )
    forward = None if bundle is None else Forward(fields, bundle, run)
    widths = {"X": table.n_vars}
    if bundle is not None and forward is not None:
        widths |= dict(zip(MATRICES, forward.widths(), strict=True))
        note_representation(table, widths["X_splicer"], bundle.network.component_slices)
        note_blank(table, {f.name: bundle.decomposition.without(f.image.channels) for f in fields})
    store = _store(table, widths, place)
    try:
        with threads(run.threads):
            yield from _fill(store, reader, forward, table.var_names, cancel)
    finally:
        if forward is not None:
            forward.close()
    yield _finished(store, unit)


def _reader(
    fields: Sequence[MaskedImage], bundle: Bundle | None, run: RunConfig, sides: Sequence[int]
) -> PatchReader:
    """Return the reader of the patches, whose sites stand in the order in which they come."""
    reader = PatchReader(
        fields,
        find_sites(fields, run.patches, sides),
        channels=() if bundle is None else bundle.channels,
        regions=() if bundle is None else parts_seen(bundle).regions,
        side=sides,
        size=run.patches.size,
        batch=run.embedding.batch or 1,  # open only where no network takes batches
        device="cpu" if bundle is None else run.device,
        blank_missing=bundle is not None and bundle.can_do_without,
    )
    return reader.in_reading_order()


def _store(table: AnnData, widths: Mapping[str, int], place: Place | None) -> Store:
    if place is None:
        return InMemory(table, widths)
    if place.begun:
        try:
            return StoredTable.go_on(place, table)
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
    forward: Forward | None,
    channels: Sequence[str],
    cancel: Cancel,
) -> Iterator[Event]:
    """Describe the sites that are not done; what was done is kept however this ends."""
    kept, todo, begun = Rows(store), np.flatnonzero(~store.done), time.perf_counter()
    sought = "X" if forward is None else MATRICES[0]
    total, now = len(store.done), 0
    unit = "cells" if reader.sites.kind == "cells" else "tiles"
    try:
        for found in _found(reader.at(todo), forward, channels, cancel):
            if isinstance(found, Warned):
                yield found
                continue
            for name, values in found.matrices.items():
                kept.put(name, todo[found.rows], values)
            if sought not in found.matrices or not len(found.rows):
                continue
            now += len(found.rows)
            pace = now / max(time.perf_counter() - begun, 1e-9)
            yield Progress(
                "embed",
                total - len(todo) + now,
                total,
                unit,
                seconds_left=(len(todo) - now) / pace,
                message=f"{pace:,.0f} per second",
            )
    finally:
        kept.close()


class _Found(NamedTuple):
    """Rows of a reader's sites, and what was found of them, by the name of the matrix."""

    rows: NDArray[np.int64]
    matrices: dict[str, NDArray[np.float32]]


def _found(
    reader: PatchReader, forward: Forward | None, channels: Sequence[str], cancel: Cancel
) -> Iterator[_Found | Warned]:
    """Yield means and representations, tile by tile and batch by batch, until asked to stop."""
    measured: dict[int, Means] = {}

    def measure(tile: Tile) -> _Found:
        means = measured.setdefault(tile.field.index, _means(reader, tile.field))
        rows, values = means.see(tile)
        return _Found(rows, {"X": _under(channels, tile, values)})

    cutter = Cutter(reader)
    for tile, found in reader.measured_tiles(measure):
        if cancel.requested:
            return
        yield found
        if forward is None:
            continue
        for batch in cutter.cut(tile):
            if cancel.requested:
                return
            yield from _embedded(forward, batch)
    if forward is not None and not cancel.requested:
        for batch in cutter.rest():
            yield from _embedded(forward, batch)


def _embedded(forward: Forward, batch: PatchBatch) -> Iterator[_Found | Warned]:
    most = forward.most
    matrices = [tensor.numpy() for tensor in forward(batch)]
    yield _Found(batch.index_B.cpu().numpy(), dict(zip(MATRICES, matrices, strict=True)))
    if forward.most < most:
        yield Warned(
            "embed",
            f"The device's memory does not hold {most} patches at once, so {forward.most} at a "
            "time are embedded (embedding.batch).",
        )


def _means(reader: PatchReader, field: FieldSites) -> Means:
    return CellMeans(reader.sites.id[field.rows]) if reader.sites.kind == "cells" else TileMeans()


def _under(channels: Sequence[str], tile: Tile, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put a field's means under the channels of all fields; NaN where it lacks one."""
    found = np.full((len(values), len(channels)), np.nan, np.float32)
    place = {name: column for column, name in enumerate(channels)}
    here = tile.field.masked.image.channels
    found[:, [place[name] for name in here]] = values[:, [tile.channels.index(n) for n in here]]
    return found
