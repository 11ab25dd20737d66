"""What is found of the sites of a reader: means and representations, tile by tile."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import chain, groupby
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_splicer.embedding.intensities import CellMeans, Means, TileMeans
from napari_splicer.embedding.passes import Found, Passes
from napari_splicer.patches.reader import Cutter

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from napari_splicer.embedding.forward import Forward
    from napari_splicer.events import Cancel, Warned
    from napari_splicer.patches.reader import PatchReader
    from napari_splicer.patches.tiles import FieldSites, Tile

T = TypeVar("T")

LEAST = 2**15
"""Sites that are measured before their patches are read, where another resolution has these: with
fewer, more of its chunks would be decoded twice."""

_AHEAD = 64
"""Tiles that are measured ahead of the network; what is kept of each is small."""


def described(
    reader: PatchReader, forward: Forward | None, channels: Sequence[str], cancel: Cancel
) -> Iterator[Found | Warned]:
    """Yield means and representations, tile by tile and batch by batch, until asked to stop.

    Images whose patches are of a smaller resolution are read twice: at full resolution, for the
    means, and there.
    """
    if forward is None:
        yield from _in_one_reading(reader, None, channels, cancel)
        return
    reader = forward.fed(reader)
    with Passes.begun(forward) as passes:
        if reader.coarse is None:
            yield from _in_one_reading(reader, passes, channels, cancel)
            return
        pairs = zip(reader.fields, reader.coarse.fields, strict=True)
        twice = np.array([fine is not coarse for fine, coarse in pairs])
        for several, fields in groupby(range(len(twice)), key=twice.__getitem__):
            rows = np.flatnonzero(np.isin(reader.sites.field, [*fields]))
            read = _in_two_readings if several else _in_one_reading
            yield from _counted(rows, read(reader.at(rows), passes, channels, cancel))


def _counted(
    rows: NDArray[np.int64], several: Iterator[Found | Warned]
) -> Iterator[Found | Warned]:
    """Yield the same, counted in the reader that ``rows`` were taken from."""
    for found in several:
        yield Found(rows[found.rows], found.matrices) if isinstance(found, Found) else found


def _in_one_reading(
    reader: PatchReader, passes: Passes | None, channels: Sequence[str], cancel: Cancel
) -> Iterator[Found | Warned]:
    cutter = Cutter(reader)
    for tile, found in reader.measured_tiles(_measure(reader, channels)):
        if cancel.requested:
            return
        yield found
        if passes is None:
            continue
        for batch in cutter.cut(tile):
            if cancel.requested:
                return
            yield from passes.put(batch, cutter.most)
    if passes is not None and not cancel.requested:
        for batch in cutter.rest():
            yield from passes.put(batch, cutter.most)
        yield from passes.rest()


def _in_two_readings(
    reader: PatchReader, passes: Passes, channels: Sequence[str], cancel: Cancel
) -> Iterator[Found | Warned]:
    """Measure rows of tiles at full resolution, a few ahead of the patches at the other one."""
    row: tuple[int, tuple[int, int], int] | None = None
    waiting: list[NDArray[np.int64]] = []
    with closing(_ahead(_measured(reader, channels))) as tiles:
        for found, sites, here in tiles:
            if here != row and sum(map(len, waiting)) >= LEAST:
                yield from _patches(reader, np.concatenate(waiting), passes, cancel)
                waiting = []
            if cancel.requested:
                return
            yield found
            row = here
            waiting.append(sites)
    if waiting:
        yield from _patches(reader, np.concatenate(waiting), passes, cancel)


def _measured(
    reader: PatchReader, channels: Sequence[str]
) -> Generator[tuple[Found, NDArray[np.int64], tuple[int, tuple[int, int], int]]]:
    """Yield a tile's means, the sites whose windows end in it, and in which row of tiles it is."""
    alone = replace(reader, channels=(), regions=(), coarse=None)
    for tile, found in alone.measured_tiles(_measure(alone, channels)):
        field, block = tile.field, tile.block
        yield found, field.rows[block.rows], (field.index, block.band, block.y0)


def _patches(
    reader: PatchReader, rows: NDArray[np.int64], passes: Passes, cancel: Cancel
) -> Iterator[Found | Warned]:
    if reader.coarse is None:
        raise RuntimeError("there is no other resolution to read")

    def embedded(coarse: PatchReader) -> Iterator[Found | Warned]:
        cutter = Cutter(coarse)
        cut = (cutter.cut(tile) for tile in coarse.tiles())
        for batch in chain.from_iterable(chain(cut, (cutter.rest(),))):
            if cancel.requested:
                return
            yield from passes.put(batch, cutter.most)
        yield from passes.rest()

    yield from _counted(rows, embedded(reader.coarse.at(rows)))


def _ahead(items: Generator[T]) -> Generator[T]:
    """Yield what a generator yields, which runs a bounded number of items ahead in a thread."""

    def following() -> tuple[T, ...]:
        return next(((item,) for item in items), ())

    with ThreadPoolExecutor(1, thread_name_prefix="measure-ahead") as pool:
        coming: deque[Future[tuple[T, ...]]] = deque()
        try:
            coming.extend(pool.submit(following) for _ in range(_AHEAD))
            while item := coming.popleft().result():
                coming.append(pool.submit(following))
                yield item[0]
        finally:
            for future in coming:
                future.cancel()
            pool.submit(items.close)


def _measure(reader: PatchReader, channels: Sequence[str]) -> Callable[[Tile], Found]:
    measured: dict[int, Means] = {}

    def measure(tile: Tile) -> Found:
        means = measured.setdefault(tile.field.index, _means(reader, tile.field))
        rows, values = means.see(tile)
        return Found(rows, {"X": _under(channels, tile, values)})

    return measure


def _means(reader: PatchReader, field: FieldSites) -> Means:
    return CellMeans(reader.sites.id[field.rows]) if reader.sites.kind == "cells" else TileMeans()


def _under(channels: Sequence[str], tile: Tile, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put a field's means under the channels of all fields; NaN where it lacks one."""
    found = np.full((len(values), len(channels)), np.nan, np.float32)
    place = {name: column for column, name in enumerate(channels)}
    here = tile.field.masked.image.channels
    found[:, [place[name] for name in here]] = values[:, [tile.channels.index(n) for n in here]]
    return found
