"""Groups of similar cells in a table: any number of divisions, side by side."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_splicer.analysis.grouping import group, numbered_by_size
from napari_splicer.analysis.groups import clustering_names, note_earlier_model, note_edits
from napari_splicer.analysis.noted import as_noted, plain
from napari_splicer.analysis.palette import UNASSIGNED, UNASSIGNED_COLOUR, group_colours
from napari_splicer.analysis.sources import in_quotes, said_of_blank
from napari_splicer.analysis.space import CellSpace
from napari_splicer.analysis_settings import EXPORTED
from napari_splicer.config import ClusteringSettings
from napari_splicer.embedding.table import record
from napari_splicer.errors import InvalidSettings, NoCells, WouldOverwrite
from napari_splicer.shares import finish, part

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.config import TaughtSettings
    from napari_splicer.shares import Shares


@dataclass(frozen=True, eq=False)
class Clustering:
    """One division of the cells into groups.

    Parameters
    ----------
    name : str
        Column of the table.
    cells : Index of str (n,)
        The cells' names in the table (``obs_names``): groups are joined by them, never by row.
    codes : int32 (n,)
        Index into ``names``.
    names, colours : tuple of str
        One per group, the largest group first; ``"unassigned"``, where there is one, last.
    settings : ClusteringSettings or TaughtSettings
        How it was made.
    remarks : tuple of str
        What the user should know, in sentences.
    """

    name: str
    cells: pd.Index[str]
    codes: NDArray[np.int32]
    names: tuple[str, ...]
    colours: tuple[str, ...]
    settings: ClusteringSettings | TaughtSettings
    remarks: tuple[str, ...] = ()

    @property
    def counts(self) -> NDArray[np.int64]:
        """Cells per group, int64 (groups,)."""
        return np.bincount(self.codes, minlength=len(self.names)).astype(np.int64)


def cluster_cells(table: AnnData, settings: ClusteringSettings) -> Clustering:
    """Group the cells of a table; the table is not changed.

    Groups are numbered from "1" by size. Cells without any finite value are "unassigned". Of more
    than :data:`napari_splicer.analysis.space.MANY` cells, some are grouped, and the others join
    the group of those they are most like.

    Raises
    ------
    InvalidSettings, UnusableChannel
        As :func:`napari_splicer.analysis.features.features`.
    NoCells
        If there are fewer than three cells.
    """
    space = CellSpace(table, settings.sources, seed=settings.seed, landmarks=settings.landmarks)
    return finish(grouping(table, space, settings))


def grouping(table: AnnData, space: CellSpace, settings: ClusteringSettings) -> Shares[Clustering]:
    """Group cells as :func:`cluster_cells` does, in a space that others may use as well."""
    labels, remarks = yield from group(space, settings)
    remarks = (*space.remarks, *remarks, *said_of_blank(table, settings.sources))
    codes, count = numbered_by_size(labels)
    names, colours = [str(i + 1) for i in range(count)], [*group_colours(count)]
    known = labels >= 0
    if not known.all():
        codes[~known] = count
        names, colours = [*names, UNASSIGNED], [*colours, UNASSIGNED_COLOUR]
        remarks = (
            *remarks,
            f"{(~known).sum()} cells hold no finite value in {in_quotes(settings.sources)} "
            f"and are '{UNASSIGNED}'.",
        )
    return Clustering(
        settings.name, table.obs_names, codes, tuple(names), tuple(colours), settings, remarks
    )


def add_clustering(table: AnnData, clustering: Clustering, *, replace: bool = False) -> int:
    """Write a clustering into a table, beside those it has.

    Adds ``obs[name]`` (categorical), ``uns["<name>_colors"]`` and
    ``uns["splicer"]["clusterings"][name]`` (its settings; of what was taught: ``method`` "taught",
    ``sources``, and the examples as JSON).

    Returns
    -------
    int
        Cells of the table that the clustering does not know; they become "unassigned".

    Raises
    ------
    WouldOverwrite, InvalidSettings
        As :func:`check_name`.
    NoCells
        If clustering and table have no cell in common.
    """
    name = clustering.name
    check_name(table, name, replace=replace)
    rows = clustering.cells.get_indexer(table.obs_names)
    missing = int((rows < 0).sum())
    if missing == table.n_obs:
        raise NoCells(
            f"None of the cells of the clustering '{name}' is in this table.",
            "Cluster this table anew.",
        )
    names, colours = list(clustering.names), list(clustering.colours)
    if missing and UNASSIGNED not in names:
        names, colours = [*names, UNASSIGNED], [*colours, UNASSIGNED_COLOUR]
    codes = np.where(rows >= 0, clustering.codes[rows], len(names) - 1)
    table.obs[name] = pd.Categorical.from_codes(codes, categories=pd.Index(names))
    table.uns[f"{name}_colors"] = np.array(colours)
    if clusterings(table).get(name, {}).get("method") == "taught":
        table.obs = table.obs.drop(columns=uncertainty_column(name), errors="ignore")
    note_settings(table, clustering.settings)
    note_edits(table, name, ())
    note_earlier_model(table, name, "")
    return missing


def uncertainty_column(name: str) -> str:
    """Return the column of ``obs`` that says how uncertain the taught types of ``name`` are."""
    return f"{name}_uncertainty"


def note_settings(table: AnnData, settings: ClusteringSettings | TaughtSettings) -> None:
    """Note in a table how its clustering ``settings.name`` was made."""
    record(table).setdefault("clusterings", {})[settings.name] = _noted(settings)


def _noted(settings: ClusteringSettings | TaughtSettings) -> dict[str, Any]:
    if isinstance(settings, ClusteringSettings):
        return as_noted(settings)
    return {
        "name": settings.name,
        "method": "taught",
        "sources": np.array(settings.sources),
        "examples": settings.model_dump_json(),  # a type's name may hold signs that no key may
    }


def clusterings(table: AnnData) -> dict[str, dict[str, Any]]:
    """Return the settings of every clustering that a table holds, by name, oldest first."""
    names = clustering_names(table)
    return {name: plain(table.uns["splicer"]["clusterings"][name]) for name in names}


def check_name(table: AnnData, name: str, *, replace: bool = False) -> None:
    """Check that a table can take a clustering of this name.

    Raises
    ------
    WouldOverwrite
        If the table has a clustering of that name and ``replace`` is off.
    InvalidSettings
        If the name is that of another column.
    """
    if name in clusterings(table):
        if not replace:
            raise WouldOverwrite(
                f"The table has a clustering called '{name}'.",
                "Give the new one another name, or replace the old one.",
            )
        return
    taken = next((c for c in table.obs.columns if c.lower() == name.lower()), None)
    if taken is None and is_exported(table, name):
        taken = name
    if taken is not None or not name.strip("."):
        reason = f"the table has a column '{taken}'" if taken else "it is not a name"
        raise InvalidSettings(
            f"A clustering can't be called '{name}': {reason}.", "Give it another name."
        )


def is_exported(table: AnnData, name: str) -> bool:
    """Return whether a table that is written as rows has a column of this name of its own."""
    means = {f"intensity_{channel}".lower() for channel in table.var_names}
    return re.match(EXPORTED, name) is not None or name.lower() in means


def stability(table: AnnData, settings: ClusteringSettings, *, seeds: Iterable[int]) -> float:
    """Measure how much a clustering depends on chance.

    Returns
    -------
    float
        Mean adjusted Rand index (Hubert and Arabie 1985) over pairs of seeds: 1 where all agree,
        about 0 where they agree no more than at random.
    """
    return finish(seeded(table, settings, tuple(seeds)))


def seeded(table: AnnData, settings: ClusteringSettings, seeds: Sequence[int]) -> Shares[float]:
    """Do what :func:`stability` does, and yield how much is done."""
    from sklearn.metrics import adjusted_rand_score

    found = []
    for done, seed in enumerate(seeds):
        wanted = settings.model_copy(update={"seed": seed})
        space = CellSpace(table, wanted.sources, seed=seed, landmarks=wanted.landmarks)
        work = grouping(table, space, wanted)
        made = yield from part(work, done / len(seeds), (done + 1) / len(seeds))
        found.append(made.codes)
    return float(np.mean([adjusted_rand_score(a, b) for a, b in combinations(found, 2)]))
