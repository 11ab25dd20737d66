"""embed_cells: images + a trained model → events, of which the last holds the table of cells."""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.embedding.intensities import CellMeans, Measurement, TileMeans
from napari_splicer.embedding.resolve import check_channels, remarks, resolve
from napari_splicer.embedding.table import (
    add_representation,
    build_table,
    note_blank,
    record,
    take_rows,
)
from napari_splicer.errors import InvalidSettings, NoCells
from napari_splicer.events import Cancel, Event, Finished, Progress, Started, Warned
from napari_splicer.images.checks import check_distinct
from napari_splicer.patches.normalization import make_normalizer
from napari_splicer.patches.presence import Presence, blanked
from napari_splicer.patches.reader import PatchReader
from napari_splicer.patches.sites import find_sites, patch_sides
from napari_splicer.patches.splitting import side_by_side
from napari_splicer.training.device import autocast, threads

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from anndata import AnnData
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_splicer.config import RunConfig
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle
    from napari_splicer.model.splicer import SpliCER
    from napari_splicer.patches.sites import Sites


def embed_cells(
    fields: Sequence[MaskedImage],
    bundle: Bundle | None,
    config: RunConfig,
    *,
    cancel: Cancel | None = None,
) -> Iterator[Event]:
    """Measure every cell (or tile) of ``fields`` and send its patch through the trained network.

    Yields at every batch. ``Finished.result`` is an AnnData as
    :func:`napari_splicer.embedding.table.build_table` describes it, with the representation.

    Parameters
    ----------
    fields : sequence of MaskedImage
    bundle : Bundle, optional
        Without it, the table holds mean intensities only.
    config : RunConfig
        Says where patches are and how many go in a batch; what they look like is the model's.
        Its device, precision and threads count where they are not left open; else the model's.
    cancel : Cancel, optional
        Looked at before every batch. ``Finished.result`` then holds the cells done so far, or is
        None if there is none.

    Raises
    ------
    SplicerError
        Before anything is read: an image that lacks channels of the model
        and can't do without (``MissingChannels``), two images of one name, no cells.
    """
    cancel = cancel or Cancel()
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
    sites = find_sites(fields, run.patches, sides)
    unit = "cells" if sites.kind == "cells" else "tiles"
    yield Started("embed", total=len(sites), unit=unit, message=f"Describing {len(sites):,} {unit}")
    said = list(remarks(fields, config, run, bundle))
    for sentence in said:
        yield Warned("embed", sentence)
    means = yield from _measure(fields, sites, sides, cancel)
    if means is None:
        yield Finished("embed", cancelled=True, message="Stopped before a cell was measured.")
        return
    table = build_table(fields, sites, means, sides)
    done = np.ones(len(sites), bool)
    if bundle is not None:
        with threads(run.threads):
            done = yield from _represent(_Task(fields, sites, sides, bundle, run), table, cancel)
        note_blank(table, {f.name: bundle.decomposition.without(f.image.channels) for f in fields})
    record(table).update(
        config=run.model_dump_json(),
        bundle="" if bundle is None else bundle.hash,
        warnings=np.array(said, dtype=str),
    )
    yield _finished(table, done, unit)


def _finished(table: AnnData, done: NDArray[np.bool_], unit: str) -> Finished:
    count = int(done.sum())
    if count == len(done):
        return Finished("embed", table, message=f"{count} {unit} are in the table.")
    said = f"Stopped before the end: {count} of {len(done)} {unit} are in the table."
    kept = take_rows(table, done) if count else None
    if kept is not None:
        record(kept)["warnings"] = np.append(record(kept)["warnings"], said)
    return Finished("embed", kept, cancelled=True, message=said)


def _measure(
    fields: Sequence[MaskedImage], sites: Sites, sides: Sequence[int], cancel: Cancel
) -> Generator[Event, None, list[NDArray[np.float32]] | None]:
    """Return the mean intensities of every field; None if asked to stop."""
    tasks = [_measurement(fields, sites, i, side) for i, side in enumerate(sides)]
    steps = [(task, window) for task in tasks for window in task.windows()]
    for done, (task, window) in enumerate(steps):
        if cancel.requested:
            return None
        task.add(window)
        yield Progress(
            "embed", done + 1, len(steps), "blocks", message="Measuring marker intensities"
        )
    return [task.means() for task in tasks]


def _measurement(
    fields: Sequence[MaskedImage], sites: Sites, position: int, side: int
) -> Measurement:
    if sites.kind == "cells":
        return CellMeans(fields[position])
    here = sites.field == position
    return TileMeans(fields[position], sites.y[here], sites.x[here], side)


@dataclass(frozen=True, eq=False)
class _Task:
    fields: Sequence[MaskedImage]
    sites: Sites
    sides: Sequence[int]
    bundle: Bundle
    run: RunConfig


def _represent(
    task: _Task, table: AnnData, cancel: Cancel
) -> Generator[Event, None, NDArray[np.bool_]]:
    """Write representation and embedding into the table; return which rows were done."""
    total, unit = len(task.sites), task.sites.kind
    rows = _Rows(total)
    begun = time.perf_counter()
    for index_B, z_BZ, e_BD in _batches(task):
        rows.put(index_B, z_BZ, e_BD)
        count = int(rows.done.sum())
        pace = count / max(time.perf_counter() - begun, 1e-9)
        yield Progress(
            "embed",
            count,
            total,
            "cells" if unit == "cells" else "tiles",
            seconds_left=(total - count) / pace,
            message=f"{pace:,.0f} per second",
        )
        if cancel.requested:
            break
    chunks = task.bundle.network.component_slices
    add_representation(table, rows.representation, rows.embedding, chunks)
    return rows.done


class _Rows:
    """What is known of every site so far, by its row."""

    def __init__(self, count: int) -> None:
        self.done = np.zeros(count, bool)
        self.representation = np.empty((count, 0), np.float32)
        self.embedding = np.empty((count, 0), np.float32)

    def put(self, index_B: Tensor, z_BZ: Tensor, e_BD: Tensor) -> None:
        count = len(self.done)
        if not self.done.any():
            self.representation = np.empty((count, z_BZ.shape[1]), np.float32)
            self.embedding = np.empty((count, e_BD.shape[1]), np.float32)
        index = index_B.cpu().numpy()
        self.representation[index] = z_BZ.float().cpu().numpy()
        self.embedding[index] = e_BD.float().cpu().numpy()
        self.done[index] = True


def _batches(task: _Task) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield row, representation and embedding of every site, in the order of the image's chunks."""
    bundle, run = task.bundle, task.run
    device = torch.device(run.device)
    normalizer = make_normalizer(
        task.fields, bundle.normalization, run.normalization, seed=run.seed
    )
    parts = bundle.decomposition if bundle.network.sees_parts else Decomposition(())
    reader = PatchReader(
        task.fields,
        task.sites,
        channels=bundle.channels,
        regions=parts.regions,
        side=task.sides,
        size=run.patches.size,
        batch=run.embedding.batch,
        device=device,
        blank_missing=bundle.can_do_without,
    )
    presence = Presence(task.fields, bundle.decomposition, bundle.channels, masks=False)
    network = bundle.network if device.type == "cpu" else deepcopy(bundle.network).to(device)
    network.eval()
    try:
        for batch in reader:
            x_BCHW = normalizer.apply(batch.x_BCHW, batch.field_B)
            if not presence.complete:
                x_BCHW = blanked(x_BCHW, presence.of(batch.field_B).channels_BC)
            if network.sees_parts:
                normalised = replace(batch, x_BCHW=x_BCHW)
                x_BCHW = side_by_side(normalised, parts, bundle.channels, parts.regions)
            yield batch.index_B, *_forward(network, x_BCHW, run)
    finally:
        del network
        if device.type == "cuda":
            torch.cuda.empty_cache()


@torch.inference_mode()
def _forward(network: SpliCER, x_BCHW: Tensor, run: RunConfig) -> tuple[Tensor, Tensor]:
    try:
        with autocast(run, x_BCHW.device):
            return network.embed(x_BCHW)
    except torch.OutOfMemoryError as error:
        raise InvalidSettings(
            f"The memory of {x_BCHW.device} does not hold {len(x_BCHW)} patches at once.",
            "Set embedding.batch to a smaller number.",
        ) from error
