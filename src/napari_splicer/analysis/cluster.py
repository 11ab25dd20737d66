"""A table of cells → events, of which the last holds it with groups and map, or a group's parts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.analysis.clustering import add_clustering, check_name, grouping
from napari_splicer.analysis.edited import edit_again
from napari_splicer.analysis.groups import groups_of
from napari_splicer.analysis.projection import add_projection, has_projection, projecting
from napari_splicer.analysis.sources import check_sources
from napari_splicer.analysis.space import CellSpace
from napari_splicer.analysis.teaching import (
    add_taught,
    check_examples,
    check_taught_name,
    teaching,
)
from napari_splicer.errors import InvalidSettings
from napari_splicer.events import Cancel, Finished, Progress, Started, Warned

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import TypeVar

    from anndata import AnnData

    from napari_splicer.config import ClusteringSettings, ProjectionSettings, RunConfig
    from napari_splicer.events import Event
    from napari_splicer.shares import Shares

    T = TypeVar("T")

_OTHERS = (
    "The groups of '{name}' are not the very same ones that were merged, named or coloured by hand "
    "before, so that was not made again."
)


def cluster_table(
    table: AnnData, config: RunConfig, *, replace: bool = False, cancel: Cancel | None = None
) -> Iterator[Event]:
    """Add clusterings and a map to a table; see :func:`napari_splicer.pipeline.cluster`."""
    cancel = cancel or Cancel()
    config, remarks = _as_the_table_allows(config, table)
    for settings in config.clusterings:
        check_name(table, settings.name, replace=replace)
    for taught in config.taught:
        check_taught_name(table, taught.name, replace=replace)
        check_examples(table, taught)
    for sources in _compared(config):
        check_sources(table, sources)
    table = table.copy()
    steps = _Steps(len(config.clusterings) + len(config.taught) + 1, cancel)
    spaces = _Spaces(table)
    said = dict.fromkeys(remarks)
    yield Started("cluster", total=100, unit="%", message="Grouping similar cells")
    for remark in said:
        yield Warned("cluster", remark)
    counts: list[str] = []
    for asked in config.clusterings:
        settings = asked.model_copy(update={"edited": None})  # they stand in the groups
        work = grouping(table, spaces.of(settings), settings)
        clustering = yield from steps.next(work, f"Groups '{settings.name}'")
        if clustering is None:
            yield Finished("cluster", table, cancelled=True, message="; ".join(counts))
            return
        for remark in clustering.remarks:
            if remark not in said:
                yield Warned("cluster", remark)
            said[remark] = None
        add_clustering(table, clustering, replace=replace)
        if asked.edited is not None and not edit_again(table, asked.name, asked.edited):
            yield Warned("cluster", _OTHERS.format(name=asked.name))
        counts.append(f"{asked.name}: {len(groups_of(table, asked.name).cat.categories)} groups")
    for taught in config.taught:
        learned = yield from steps.next(teaching(table, taught), f"Types '{taught.name}'")
        if learned is None:
            yield Finished("cluster", table, cancelled=True, message="; ".join(counts))
            return
        for remark in learned.clustering.remarks:
            yield Warned("cluster", remark)
        add_taught(table, learned, replace=replace)
        counts.append(f"{taught.name}: {len(learned.clustering.names)} types")
    if not has_projection(table, config.projection):
        laying_out = projecting(spaces.of(config.projection), config.projection)
        layout = yield from steps.next(laying_out, "Map of the cells")
        if layout is None:
            yield Finished("cluster", table, cancelled=True, message="; ".join(counts))
            return
        add_projection(table, layout, config.projection)
    yield Finished("cluster", table, message="; ".join(counts))


def split_group(
    table: AnnData, group: str, settings: ClusteringSettings, *, cancel: Cancel | None = None
) -> Iterator[Event]:
    """Group the cells of one group again, among themselves; the table is not changed.

    Parameters
    ----------
    table : AnnData
    group : str
        Of the clustering ``settings.name``.
    settings : ClusteringSettings
        By what, and how, its cells are divided.
    cancel : Cancel, optional

    Yields
    ------
    Event
        ``Finished.result`` is a :class:`~napari_splicer.analysis.clustering.Clustering` of these
        cells alone, in the order of the table; None where it was stopped.

    Raises
    ------
    InvalidSettings
        If the table has no such group, or nothing of this source.
    NoCells
        If the group has fewer than three cells.
    """
    groups = groups_of(table, settings.name)
    rows = np.flatnonzero(groups == group)
    if not len(rows):
        raise InvalidSettings(
            f"'{settings.name}' has no group '{group}'.",
            f"Its groups are: {', '.join(map(str, groups.cat.categories))}.",
        )
    check_sources(table, settings.sources)
    part = table[rows].copy()
    steps = _Steps(1, cancel or Cancel())
    yield Started("cluster", total=100, unit="%", message=f"Dividing group {group}")
    work = grouping(part, _Spaces(part).of(settings), settings)
    clustering = yield from steps.next(work, f"Parts of group {group}")
    if clustering is None:
        yield Finished("cluster", None, cancelled=True)
        return
    for remark in clustering.remarks:
        yield Warned("cluster", remark)
    yield Finished("cluster", clustering, message=f"{group}: {len(clustering.names)} parts")


def _compared(config: RunConfig) -> set[tuple[str, ...]]:
    """Return everything that cells are to be compared by."""
    grouped = {settings.sources for settings in config.clusterings}
    taught = {tuple(dict.fromkeys(settings.sources)) for settings in config.taught}
    return {*grouped, *taught, config.projection.sources}


class _Spaces:
    """The spaces in which cells are compared, each made once and kept while it is asked for."""

    def __init__(self, table: AnnData) -> None:
        self._table = table
        self._made: tuple[tuple[tuple[str, ...], int, int], CellSpace] | None = None

    def of(self, settings: ClusteringSettings | ProjectionSettings) -> CellSpace:
        """Return the space that settings ask for: the last one where they ask for it again."""
        asked = (settings.sources, settings.seed, settings.landmarks)
        if self._made is None or self._made[0] != asked:
            self._made = None  # before another takes its memory
            sources, seed, landmarks = asked
            space = CellSpace(self._table, sources, seed=seed, landmarks=landmarks)
            self._made = (asked, space)
        return self._made[1]


class _Steps:
    """Tells how far all steps are, in percent, and stops between two shares when asked to."""

    def __init__(self, count: int, cancel: Cancel) -> None:
        self._count, self._cancel, self._done = count, cancel, 0
        self._begun = time.perf_counter()

    def next(self, work: Shares[T], name: str) -> Generator[Event, None, T | None]:
        """Do the next step; return what it made, None where it was stopped."""
        try:
            while not self._cancel.requested:
                yield self._progress(self._done + next(work), name)
        except StopIteration as end:
            self._done += 1
            yield self._progress(self._done, name)
            made: T = end.value
            return made
        finally:
            work.close()
        return None

    def _progress(self, steps: float, name: str) -> Progress:
        share = steps / self._count
        gone = time.perf_counter() - self._begun
        left = gone / share - gone if share else None
        return Progress("cluster", round(100 * share), 100, "%", left, name)


def _as_the_table_allows(config: RunConfig, table: AnnData) -> tuple[RunConfig, tuple[str, ...]]:
    """Replace "combined" where a table holds intensities alone; return what to say of it."""
    asked = {f"clusterings.{i}.source": c.sources for i, c in enumerate(config.clusterings)}
    asked["projection.source"] = config.projection.sources
    asked |= {f"taught.{i}.sources": taught.sources for i, taught in enumerate(config.taught)}
    both = {
        place: ["intensity" if source == "combined" else source for source in sources]
        for place, sources in asked.items()
        if "combined" in sources
    }
    if "X_splicer" in table.obsm or not both:
        return config, ()
    remark = "The table was made without a model, so cells are compared by mean intensity alone."
    return config.with_values(both), (remark,)
