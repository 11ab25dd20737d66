"""The verbs train, embed, cluster and export: inputs + :class:`RunConfig` → events.

Before them, where an image has no cell mask, stands segment.

The one door through which the command line, the GUI and a reader's own script go, so that all three
do the same. Every verb is an iterator of :mod:`~napari_splicer.events`; the last event is
``Finished`` with what was made. :func:`run` drains one for those who want only that.

Examples
--------
>>> from napari_splicer import pipeline, synthetic_tissue
>>> field = synthetic_tissue(size=256).field
>>> config = pipeline.RunConfig(components=pipeline.Decomposition.per_channel(
...     field.image.channels).components)
>>> events = pipeline.train([field], config)  # nothing runs before the first next()
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import RunConfig
from napari_splicer.embedding.place import Place
from napari_splicer.errors import InvalidSettings
from napari_splicer.events import Cancel, Event, Finished
from napari_splicer.segmentation.settings import SegmentationSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from anndata import AnnData

    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle

__all__ = [
    "Decomposition",
    "Place",
    "RunConfig",
    "RunFolder",
    "SegmentationSettings",
    "cluster",
    "embed",
    "export",
    "open_inputs",
    "run",
    "segment",
    "train",
]


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps its files.

    Examples
    --------
    >>> RunFolder(Path("my-run")).model.as_posix()
    'my-run/model'
    """

    path: Path

    @property
    def run_file(self) -> Path:
        """The settings as they were resolved, as TOML."""
        return self.path / "run.toml"

    @property
    def model(self) -> Path:
        """The trained model (a bundle)."""
        return self.path / "model"

    @property
    def report(self) -> Path:
        """What the model learned, to be read in a browser."""
        return self.path / "report.html"

    @property
    def masks(self) -> Path:
        """The cell masks that were made of nuclear channels."""
        return self.path / "masks"

    @property
    def checkpoint(self) -> Path:
        """What training needs to go on where it was stopped."""
        return self.path / "checkpoint"

    @property
    def table(self) -> Path:
        """The table of cells."""
        return self.path / "table.zarr"

    @property
    def comparison(self) -> Path:
        """What ``compare`` measured."""
        return self.path / "compare"

    @property
    def exports(self) -> Path:
        """What ``export`` writes."""
        return self.path / "export"


def open_inputs(config: RunConfig, folder: Path | None = None) -> tuple[MaskedImage, ...]:
    """Open every image and mask of a run file, lazily.

    Parameters
    ----------
    config : RunConfig
        With at least one entry in ``inputs``; its paths may be patterns, see
        :func:`napari_splicer.images.patterns.expand`.
    folder : Path, optional
        Where relative paths start (the run file's folder).

    Raises
    ------
    InvalidSettings
        If there is no input, or two have the same name.
    UnreadableFile, UnsupportedImage, SizeMismatch
        Naming the file.
    """
    from napari_splicer.images.open import open_input
    from napari_splicer.images.patterns import expand

    if not config.inputs:
        raise InvalidSettings(
            "The run file names no image.", "Add an [[inputs]] entry with 'image' and 'mask'."
        )
    folder = folder or Path()
    return tuple(open_input(settings, folder) for settings in expand(config.inputs, folder))


def run(events: Iterable[Event], show: Callable[[Event], Any] | None = None) -> Any:
    """Drain ``events``, hand each to ``show``, and return the last one's result.

    Examples
    --------
    >>> from napari_splicer.events import Started
    >>> run([Started("train"), Finished("train", result=42)])
    42
    """
    result = None
    for event in events:
        if show is not None:
            show(event)
        if isinstance(event, Finished):
            result = event.result
    return result


def segment(
    image: MultiplexImage,
    settings: SegmentationSettings,
    *,
    path: Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    cancel: Cancel | None = None,
) -> Iterator[Event]:
    """Make a cell mask from nuclear channels; ``Finished.result`` is a :class:`LabelMask`.

    It goes to ``path`` (OME-Zarr), or stays in memory. For images without a mask: Cellpose,
    StarDist and Mesmer find cells better.

    Raises
    ------
    MissingChannels, UnusableChannel, InvalidSettings
        If the image has no such nuclear channel, or nuclei of that width can't be found in it.
    NoCells
        If no nucleus was found.
    WouldOverwrite, CannotWrite
        Before anything is read, if ``path`` is taken or can't be written to.
    """
    from napari_splicer.segmentation import segment as segmentation

    yield from segmentation.segment(
        image, settings, path=path, overwrite=overwrite, threads=threads, cancel=cancel
    )


def train(
    fields: Sequence[MaskedImage],
    config: RunConfig,
    *,
    folder: Path | None = None,
    resume: bool = False,
    cancel: Cancel | None = None,
) -> Iterator[Event]:
    """Train a model on ``fields``; ``Finished.result`` is a :class:`Bundle`.

    Parameters
    ----------
    fields : sequence of MaskedImage
        The images with their cell masks.
    config : RunConfig
        With at least one component. What reads "auto" is resolved first and travels in
        ``bundle.config``.
    folder : Path, optional
        Where checkpoints are kept; the last one stays, so that a model that could not be saved is
        not lost.
    resume : bool
        Go on from the checkpoint in ``folder``.
    cancel : Cancel, optional
        Stops at the next batch; the result is then the model so far, and the checkpoint stays.
    """
    from napari_splicer.training import devices

    yield from devices.train(
        fields,
        config,
        folder=RunFolder(folder).checkpoint if folder is not None else None,
        resume=resume,
        cancel=cancel,
    )


def embed(
    fields: Sequence[MaskedImage],
    bundle: Bundle | None,
    config: RunConfig,
    *,
    place: Place | None = None,
    earlier: AnnData | None = None,
    scheduler: str | None = None,
    cancel: Cancel | None = None,
) -> Iterator[Event]:
    """Embed every cell (or tile) of ``fields``; ``Finished.result`` is an AnnData.

    With ``bundle=None`` the table holds mean intensities only: enough to cluster cells when there
    are too few to train on. With a ``place`` the table grows on the disk, and what was stopped can
    be gone on with; else in memory, and what was stopped is gone on with as ``earlier``. With a
    ``scheduler``, the address of one of dask.distributed, its workers do it: the images must lie in
    files that all of them see.
    """
    from napari_splicer.embedding.embed import embed_cells

    yield from embed_cells(
        fields,
        bundle,
        config,
        place=place,
        earlier=earlier,
        scheduler=scheduler,
        cancel=cancel,
    )


def cluster(
    table: AnnData, config: RunConfig, *, replace: bool = False, cancel: Cancel | None = None
) -> Iterator[Event]:
    """Add ``config.clusterings`` and the map; ``Finished.result`` is a new AnnData.

    The table that was given is left as it was, so that it can be read while this runs. In one that
    was made without a model, "combined" is mean intensity alone, and said to be.

    Raises
    ------
    WouldOverwrite
        Before anything is grouped, if the table has a clustering of one of the names and
        ``replace`` is off.
    InvalidSettings
        Before anything is grouped, if the table does not hold what cells are to be compared by.
    NoCells, UnusableChannel
        If there are too few cells, or nothing differs between them.
    """
    from napari_splicer.analysis.cluster import cluster_table

    yield from cluster_table(table, config, replace=replace, cancel=cancel)


def export(
    table: AnnData,
    fields: Sequence[MaskedImage],
    config: RunConfig,
    folder: Path,
    *,
    cancel: Cancel | None = None,
) -> Iterator[Event]:
    """Write ``config.export.formats`` into ``folder``; ``Finished.result`` is a tuple of paths.

    Raises
    ------
    WouldOverwrite
        Before anything is written, if a file is there already and ``overwrite`` is off.
    CannotWrite
        If the disk is full or the folder can't be written to.
    """
    from napari_splicer.export.plan import plan_export
    from napari_splicer.export.write import write_all

    tasks = plan_export(table, fields, config, Path(folder))
    yield from write_all(tasks, overwrite=config.export.overwrite, cancel=cancel or Cancel())
