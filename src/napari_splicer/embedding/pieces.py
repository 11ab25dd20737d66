"""What a worker on another machine is sent, and what it makes of it.

A piece is some sites of one field, with the field's files and the cells' boxes, so that a worker
reads the pixels that it needs and nothing else. Models travel too: workers need see the images
alone. What needs torch is imported when a piece is described: a scheduler, which only passes pieces
on, needs none.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_splicer.errors import SplicerError, WorkersFailed
from napari_splicer.memory import kept_at_hand
from napari_splicer.versions import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import NDArray

    from napari_splicer.config import RunConfig
    from napari_splicer.embedding.resolve import Precision
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.images.on_disk import FieldOnDisk
    from napari_splicer.model.bundle import Bundle
    from napari_splicer.patches.normalization import Normalizer
    from napari_splicer.patches.sites import Sites

_ONE_AT_A_TIME = Lock()
"""A worker of many threads is given many pieces; one alone has its device, memory and threads."""


@dataclass(frozen=True)
class Packed:
    """A bundle as its two files. Equal if it is the same model."""

    record: bytes
    weights: bytes = field(compare=False, repr=False)

    @classmethod
    def of(cls, bundle: Bundle) -> Packed:
        """Pack a bundle."""
        from napari_splicer.model.bundle import save_bundle
        from napari_splicer.model.record import RECORD, WEIGHTS

        with TemporaryDirectory() as folder:
            place = save_bundle(bundle, Path(folder) / "model")
            return cls((place / RECORD).read_bytes(), (place / WEIGHTS).read_bytes())

    def unpacked(self) -> Bundle:
        """Return the bundle; the same one as long as no other is unpacked.

        Raises
        ------
        InvalidModel
            If it did not arrive whole.
        """
        return _unpacked(self)


@lru_cache(maxsize=1)
def _unpacked(packed: Packed) -> Bundle:
    from napari_splicer.model.bundle import load_bundle
    from napari_splicer.model.record import RECORD, WEIGHTS

    with TemporaryDirectory() as folder:
        (Path(folder) / RECORD).write_bytes(packed.record)
        (Path(folder) / WEIGHTS).write_bytes(packed.weights)
        return load_bundle(folder)


@dataclass(frozen=True)
class Job:
    """What all pieces of an embedding share.

    Parameters
    ----------
    config : RunConfig
        As asked for, but with a precision and the images' levels: device and batch are chosen by
        each worker.
    channels : tuple of str
        Columns of the means.
    version : str
        Of this package, where the pieces come from.
    """

    config: RunConfig
    channels: tuple[str, ...] = ()
    version: str = __version__


@dataclass(frozen=True, eq=False)
class Piece:
    """Some sites of one field, in the order of reading.

    Parameters
    ----------
    files : FieldOnDisk
    sites : Sites (n)
        All of field 0.
    cells : DataFrame, optional
        Rows of the mask's table that belong to the sites, sorted by id; None for tiles.
    """

    files: FieldOnDisk
    sites: Sites
    cells: pd.DataFrame | None


class Described(NamedTuple):
    """What was found of a piece's sites: float32 (n, width) by matrix, and what was odd."""

    matrices: dict[str, NDArray[np.float32]]
    warnings: tuple[str, ...]


class Introduction(NamedTuple):
    """What a worker says of itself before it is sent anything."""

    version: str
    missing: tuple[str, ...]
    """Of the paths that it was asked for, those that it can't see."""

    where: tuple[str, Precision] | None
    """Device and precision that it would choose; None where no network is to be applied."""


async def introduce(
    paths: Iterable[str], config: RunConfig, trained: RunConfig | None
) -> Introduction:
    """Say what this worker is and sees, beside what else it does.

    Raises
    ------
    InvalidSettings
        If it lacks the device that is asked for.
    """
    # Importing torch takes seconds, in which the scheduler would think that the worker is gone.
    return await asyncio.to_thread(_introduction, paths, config, trained)


def _introduction(
    paths: Iterable[str], config: RunConfig, trained: RunConfig | None
) -> Introduction:
    missing = tuple(path for path in paths if not Path(path).exists())
    if trained is None:
        return Introduction(__version__, missing, None)
    from napari_splicer.embedding.resolve import resolve_where

    return Introduction(__version__, missing, resolve_where(config, trained))


def describe_piece(piece: Piece, job: Job, packed: Packed | None) -> Described:
    """Describe a piece's sites, on a worker.

    Raises
    ------
    WorkersFailed
        If the worker has another version of this package.
    SplicerError
        Naming the worker, if the image can't be read or the device is too small.
    """
    from distributed import get_worker

    worker = get_worker()
    here = f"On the worker {worker.address} ({socket.gethostname()}):"
    if job.version != __version__:
        raise WorkersFailed(*different_version(worker.address, __version__, job.version))
    try:
        with _ONE_AT_A_TIME:
            return _described(piece, job, packed, worker.state.nthreads)
    except SplicerError as error:
        raise type(error)(f"{here} {error.message}", error.advice) from error


def different_version(worker: str, there: str, here: str) -> tuple[str, str]:
    """Return what to say of a worker of another version, and what to do."""
    return (
        f"The worker {worker} has napari-splicer {there}, but here it is {here}.",
        "Install the same version everywhere, and start the workers anew.",
    )


def _described(piece: Piece, job: Job, packed: Packed | None, nthreads: int) -> Described:
    from napari_splicer.embedding.describe import Found, described, patch_reader
    from napari_splicer.embedding.forward import Forward
    from napari_splicer.embedding.resolve import resolve
    from napari_splicer.events import Cancel
    from napari_splicer.patches.sites import patch_sides
    from napari_splicer.training.device import threads

    bundle = None if packed is None else packed.unpacked()
    run, fields = resolve(job.config, bundle), [_field(piece)]
    sides = patch_sides(fields, run.patches)
    reader = patch_reader(fields, piece.sites, bundle, run, sides)
    forward = None
    if bundle is not None and packed is not None:
        forward = Forward(fields, bundle, run, _normalizer(piece.files, packed))
    matrices: dict[str, NDArray[np.float32]] = {}
    warnings = []
    try:
        with kept_at_hand(), threads(job.config.threads or nthreads):
            for found in described(reader, forward, job.channels, Cancel()):
                if not isinstance(found, Found):
                    warnings.append(found.message)
                    continue
                for name, values in found.matrices.items():
                    shape = len(piece.sites), values.shape[1]
                    whole = matrices.setdefault(name, np.empty(shape, np.float32))
                    whole[found.rows] = values
    finally:
        if forward is not None:
            forward.close()
    return Described(matrices, tuple(warnings))


def _field(piece: Piece) -> MaskedImage:
    """Return a piece's field, whose mask need not be searched for cells."""
    opened = _opened(piece.files)
    if piece.cells is None or opened.cells is None:
        return opened
    return replace(opened, cells=opened.cells.with_cells(piece.cells))


@lru_cache(maxsize=4)
def _opened(files: FieldOnDisk) -> MaskedImage:
    return files.open()


@lru_cache(maxsize=4)
def _normalizer(files: FieldOnDisk, packed: Packed) -> Normalizer:
    """Return how to normalise a field: fitted to it once, not for every piece."""
    from napari_splicer.patches.normalization import make_normalizer

    bundle = packed.unpacked()
    trained = bundle.config
    return make_normalizer(
        [_opened(files)], bundle.normalization, trained.normalization, seed=trained.seed
    )
