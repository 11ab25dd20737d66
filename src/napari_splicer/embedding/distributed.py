"""Embedding by the workers of a dask.distributed scheduler, on one machine or many.

The sites are cut into pieces, always at the same places. Every worker has one piece at hand and the
next one waiting; what it found is fetched and kept here, and only then is it sent another, so that
memory holds a few pieces however large the slides are. A piece whose worker dies is given to
another one by the scheduler, and comes back once.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.embedding.describe import Found
from napari_splicer.embedding.forward import Forward
from napari_splicer.embedding.pieces import Described, Job, Packed, Piece, describe_piece
from napari_splicer.embedding.resolve import resolve
from napari_splicer.embedding.scheduler import KEPT, connected, introduced
from napari_splicer.errors import WorkersFailed
from napari_splicer.events import Warned
from napari_splicer.images.on_disk import FieldOnDisk
from napari_splicer.patches.levels import coarseness, with_levels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from distributed import Client, Future
    from numpy.typing import NDArray

    from napari_splicer.config import RunConfig
    from napari_splicer.events import Cancel
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle
    from napari_splicer.patches.reader import PatchReader
    from napari_splicer.patches.sites import Sites

LEAST = 2**15
"""Sites of a piece, where a field has as many: with fewer, more chunks would be decoded twice."""

_AT_HAND = 2
_LOOK_AT_CANCEL = 0.5  # seconds
_NO_WORKER = "No worker is left; waiting until one comes back (dask worker)."


@dataclass(frozen=True, eq=False)
class _Sent:
    """A piece that is away: its rows, the image's name, and the worker that was asked."""

    rows: NDArray[np.int64]
    field: str
    worker: str


class Workers:
    """A :class:`~napari_splicer.embedding.describe.Describer` that has others do it."""

    def __init__(
        self,
        client: Client,
        fields: Sequence[MaskedImage],
        files: Sequence[FieldOnDisk],
        bundle: Bundle | None,
        config: RunConfig,
    ) -> None:
        self._client, self._fields, self._files, self._bundle = client, fields, files, bundle
        paths = dict.fromkeys(path for field in files for path in field.paths)
        trained = None if bundle is None else bundle.config
        self.run = self._config = config
        if chosen := introduced(client, paths, config, trained):
            device, precision = chosen[0]
            # Decided once, so that every cell is described in the same precision.
            precision = precision if {p for _, p in chosen} == {precision} else "fp32"
            device = device if {d for d, _ in chosen} == {device} else "auto"
            self.run = with_levels(resolve(config, bundle, (device, precision)), fields)
            # Levels too, of all images: whoever opens a file again may see other ones in it.
            levels = {f.name: coarseness(f.image, self.run.patches) for f in fields}
            patches = config.patches.model_copy(update={"levels": levels})
            self._config = config.model_copy(update={"precision": precision, "patches": patches})

    @classmethod
    @contextmanager
    def connected(
        cls,
        scheduler: str,
        fields: Sequence[MaskedImage],
        bundle: Bundle | None,
        config: RunConfig,
    ) -> Iterator[Workers]:
        """Give the workers of a scheduler; within the context they are at hand.

        Parameters
        ----------
        scheduler : str
            Its address, e.g. ``"tcp://host:8786"``.
        fields : sequence of MaskedImage
            Opened from files that every worker sees under the same path.
        bundle : Bundle, optional
        config : RunConfig

        Raises
        ------
        NotInstalled, WorkersFailed
            As :mod:`napari_splicer.embedding.scheduler` says.
        InvalidSettings
            If an image lies in no file.
        """
        files = [FieldOnDisk.of(field) for field in fields]
        with connected(scheduler) as client:
            yield cls(client, fields, files, bundle, config)

    def widths(self) -> tuple[int, int]:
        """Return the columns of representation and primary embedding; (0, 0) without a model."""
        if self._bundle is None:
            return 0, 0
        here = self.run.model_copy(update={"device": "cpu", "precision": "fp32"})
        return Forward(self._fields, self._bundle, here).widths()

    def describe(
        self,
        reader: PatchReader,
        rows: NDArray[np.int64],
        channels: Sequence[str],
        cancel: Cancel,
    ) -> Iterator[Found | Warned]:
        """Describe some sites, as pieces of them come back.

        Raises
        ------
        WorkersFailed
            If a piece ends one worker after the other.
        SplicerError
            That a worker met, naming it.
        """
        job, model = Job(self._config, tuple(channels)), self._sent_model()
        pieces = self._pieces(reader, rows)
        running: dict[Future, _Sent] = {}
        said: set[str] = set()
        while not cancel.requested:
            warnings = [] if self._send(pieces, running, job, model) else [_NO_WORKER]
            if not running:
                return
            for future in _done(self._client, running):
                sent = running.pop(future)
                found = _result(future, sent)
                warnings += found.warnings
                yield Found(sent.rows, found.matrices)
            for sentence in dict.fromkeys(warnings):
                if sentence not in said:
                    said.add(sentence)
                    yield Warned("embed", sentence)
        self._client.cancel([*running])

    def _sent_model(self) -> Future | None:
        """Send the model once: a worker gets it from another, or anew if none has it any more."""
        import dask

        if self._bundle is None:
            return None
        packed = Packed.of(self._bundle)
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
            return self._client.submit(Packed, packed.record, packed.weights, pure=False)

    def _pieces(
        self, reader: PatchReader, rows: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], Piece]]:
        """Yield what is to be sent, of these rows alone, cut where it always is."""
        wanted = np.zeros(len(reader.sites), bool)
        wanted[rows] = True
        for run in runs(reader, LEAST):
            todo = run[wanted[run]]
            if not len(todo):
                continue
            sites = reader.sites.take(todo)
            field = int(sites.field[0])
            alone = replace(sites, field=np.zeros_like(sites.field))
            yield todo, Piece(self._files[field], alone, _cells(self._fields[field], sites))

    def _send(
        self,
        pieces: Iterator[tuple[NDArray[np.int64], Piece]],
        running: dict[Future, _Sent],
        job: Job,
        model: Future | None,
    ) -> bool:
        """Send pieces until every worker has some at hand; return whether there are workers."""
        workers = self._client.nthreads()
        load = Counter(sent.worker for sent in running.values())
        while True:
            worker = min(workers, key=lambda address: load[address], default="")
            if load[worker] >= _AT_HAND or (found := next(pieces, None)) is None:
                return bool(workers)
            rows, piece = found
            # A wish: when this worker is gone, any other will do.
            wish = {"workers": [worker], "allow_other_workers": True} if worker else {}
            future = self._client.submit(describe_piece, piece, job, model, pure=False, **wish)
            running[future] = _Sent(rows, piece.files.name, worker)
            load[worker] += 1


def runs(reader: PatchReader, least: int) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of a reader's sites in runs of at least ``least``, or the rest of a field.

    They are cut between rows of blocks, of which two runs share one at most.
    """
    begun: list[NDArray[np.int64]] = []
    fields = reader.sites.field
    for strip in reader.strips():
        if not len(strip):
            continue
        if begun and (sum(map(len, begun)) >= least or fields[strip[0]] != fields[begun[0][0]]):
            yield np.concatenate(begun)
            begun = []
        begun.append(strip)
    if begun:
        yield np.concatenate(begun)


def _cells(field: MaskedImage, sites: Sites) -> pd.DataFrame | None:
    """Return the rows of a mask's table that belong to the sites, sorted by id."""
    if sites.kind != "cells" or field.cells is None:
        return None
    table = field.cells.cells()
    return table.iloc[np.searchsorted(table["id"].to_numpy(), np.sort(sites.id))]


def _done(client: Client, running: Mapping[Future, _Sent]) -> list[Future]:
    """Return what came back, in the order of sending; nothing if it takes long."""
    from distributed import wait

    try:
        with client.as_current():
            done = wait([*running], timeout=_LOOK_AT_CANCEL, return_when="FIRST_COMPLETED").done
    except TimeoutError:
        return []
    return [future for future in running if future in done]


def _result(future: Future, sent: _Sent) -> Described:
    from distributed.scheduler import KilledWorker

    if future.status != "error":
        found: Described = future.result()
        return found
    error = future.exception()
    if isinstance(error, KilledWorker):
        raise WorkersFailed(
            f"A piece of {sent.field} ({len(sent.rows):,} places) ended every worker that it was "
            f"given to, the last one at {error.last_worker.address}.",
            "Look into what that worker printed: most often its memory was short, or it was "
            f"stopped. {KEPT}",
        ) from error
    raise error
