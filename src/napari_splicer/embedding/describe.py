"""What is found of the sites of a reader: means and representations, tile by tile."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from napari_splicer.embedding.forward import Forward, parts_seen
from napari_splicer.embedding.intensities import CellMeans, Means, TileMeans
from napari_splicer.embedding.resolve import resolve
from napari_splicer.embedding.table import MATRICES
from napari_splicer.events import Warned
from napari_splicer.memory import kept_at_hand
from napari_splicer.patches.reader import Cutter, PatchReader
from napari_splicer.training.device import threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_splicer.config import RunConfig
    from napari_splicer.events import Cancel
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle
    from napari_splicer.patches.reader import PatchBatch
    from napari_splicer.patches.sites import Sites
    from napari_splicer.patches.tiles import FieldSites, Tile


class Found(NamedTuple):
    """Rows of a reader's sites, and what was found of them, by the name of the matrix."""

    rows: NDArray[np.int64]
    matrices: dict[str, NDArray[np.float32]]


class Describer(Protocol):
    """Who reads the images and applies the network: this process, or others."""

    run: RunConfig
    """The settings that it runs by; see :func:`napari_splicer.embedding.resolve.resolve`."""

    def widths(self) -> tuple[int, int]:
        """Return the columns of representation and primary embedding."""
        ...

    def describe(
        self,
        reader: PatchReader,
        rows: NDArray[np.int64],
        channels: Sequence[str],
        cancel: Cancel,
    ) -> Iterator[Found | Warned]:
        """Describe some sites of a reader, given in the order of reading, until asked to stop.

        ``channels`` are the columns of the means; NaN where a field lacks one.
        """
        ...


class Here:
    """Describes sites in this process."""

    def __init__(self, run: RunConfig, forward: Forward | None) -> None:
        self.run = run
        self._forward = forward

    @classmethod
    @contextmanager
    def opened(
        cls, fields: Sequence[MaskedImage], bundle: Bundle | None, config: RunConfig
    ) -> Iterator[Here]:
        """Give one that holds the device's memory within the context."""
        run = resolve(config, bundle)
        forward = None if bundle is None else Forward(fields, bundle, run)
        try:
            yield cls(run, forward)
        finally:
            if forward is not None:
                forward.close()

    def widths(self) -> tuple[int, int]:
        """Return the columns of representation and primary embedding; (0, 0) without a model."""
        return (0, 0) if self._forward is None else self._forward.widths()

    def describe(
        self,
        reader: PatchReader,
        rows: NDArray[np.int64],
        channels: Sequence[str],
        cancel: Cancel,
    ) -> Iterator[Found | Warned]:
        """Describe some sites; see :meth:`Describer.describe`."""
        with kept_at_hand(), threads(self.run.threads):
            for found in described(reader.at(rows), self._forward, channels, cancel):
                if isinstance(found, Found):
                    found = Found(rows[found.rows], found.matrices)
                yield found


def patch_reader(
    fields: Sequence[MaskedImage],
    sites: Sites,
    bundle: Bundle | None,
    run: RunConfig,
    sides: Sequence[int],
) -> PatchReader:
    """Return the reader of the patches that a bundle's network takes in."""
    return PatchReader(
        fields,
        sites,
        channels=() if bundle is None else bundle.channels,
        regions=() if bundle is None else parts_seen(bundle).regions,
        side=sides,
        size=run.patches.size,
        batch=run.embedding.batch or 1,  # open only where no network takes batches
        device="cpu" if bundle is None else run.device,
        blank_missing=bundle is not None and bundle.can_do_without,
    )


def described(
    reader: PatchReader, forward: Forward | None, channels: Sequence[str], cancel: Cancel
) -> Iterator[Found | Warned]:
    """Yield means and representations, tile by tile and batch by batch, until asked to stop."""
    measured: dict[int, Means] = {}

    def measure(tile: Tile) -> Found:
        means = measured.setdefault(tile.field.index, _means(reader, tile.field))
        rows, values = means.see(tile)
        return Found(rows, {"X": _under(channels, tile, values)})

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


def _embedded(forward: Forward, batch: PatchBatch) -> Iterator[Found | Warned]:
    most = forward.most
    matrices = [tensor.numpy() for tensor in forward(batch)]
    yield Found(batch.index_B.cpu().numpy(), dict(zip(MATRICES, matrices, strict=True)))
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
