"""Teaching: from a few cells of known types to a type for every cell, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.analysis.apart import folds_apart
from napari_splicer.analysis.clustering import (
    Clustering,
    add_clustering,
    check_name,
    clusterings,
    uncertainty_column,
)
from napari_splicer.analysis.palette import UNASSIGNED, UNASSIGNED_COLOUR
from napari_splicer.analysis.proposals import proposals
from napari_splicer.analysis.regrouping import next_colour
from napari_splicer.analysis.standardised import StandardisedCells
from napari_splicer.config import TaughtSettings
from napari_splicer.errors import InvalidSettings
from napari_splicer.shares import finish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.shares import Shares

FEWEST = 3
"""Examples of every type without which nothing is said of how well types are told."""

_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Taught:
    """A type for every cell, learned from examples.

    Parameters
    ----------
    clustering : Clustering
        The type of every cell; examples are of the type they were shown as.
    uncertainty : float32 (n,)
        ``1 - (p1 - p2)``, where ``p1`` and ``p2`` are the chances of the likeliest type and of the
        next: 0 where the type is sure, 1 where two are equally likely. 0 for examples, NaN for
        cells that hold nothing to tell a type by.
    accuracy : float or None
        Share of examples whose type is told rightly by a probe that has seen no patch which
        overlaps theirs, as the mean over types; None where a type has fewer than three such.
    doubtful : int64 (d,)
        Rows of examples of which such a probe says that they are of another type.
    crowded : tuple of str
        Types that have three examples or more, but not at enough places to be tested.
    proposed : int64 (k,)
        Rows of cells worth showing next: uncertain ones, each unlike the others.
    """

    clustering: Clustering
    uncertainty: NDArray[np.float32]
    accuracy: float | None
    doubtful: NDArray[np.int64]
    crowded: tuple[str, ...]
    proposed: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Lesson:
    """Examples that the table has: their rows, int64 (m,), and types, int64 (m,)."""

    rows: NDArray[np.int64]
    types: NDArray[np.int64]
    names: tuple[str, ...]
    colours: tuple[str, ...]
    remarks: tuple[str, ...]


def teach(table: AnnData, settings: TaughtSettings) -> Taught:
    """Tell the type of every cell from examples; the table is not changed.

    A logistic regression on standardised numbers, in which every type counts the same, however
    many examples it has.

    Parameters
    ----------
    table : AnnData (n cells)
        Its matrices may be dask arrays, which are read piece by piece.
    settings : TaughtSettings
        Examples that the table lacks, or that hold no finite value, are left out, and said to be.

    Raises
    ------
    InvalidSettings
        If there are not at least two types with examples, or the table lacks a source.
    UnusableChannel
        If nothing differs between the cells.
    """
    return finish(teaching(table, settings))


def check_examples(table: AnnData, settings: TaughtSettings) -> None:
    """Raise InvalidSettings unless a table has examples of at least two types."""
    lesson = _found(table, settings)
    _shown(lesson, lesson.types, lesson.remarks)


def teaching(table: AnnData, settings: TaughtSettings) -> Shares[Taught]:
    """Do what :func:`teach` does, and yield how much is done."""
    numbers = StandardisedCells(table, settings.sources)
    lesson, x = _usable(_found(table, settings), numbers)
    model = _probe().fit(x, lesson.types)
    codes = np.full(table.n_obs, len(lesson.names), np.int32)
    uncertainty = np.full(table.n_obs, np.nan, np.float32)
    for rows, piece in numbers.pieces():
        known = np.isfinite(piece).all(axis=1)
        if known.any():
            chances = model.predict_proba(piece[known])
            codes[rows[known]] = chances.argmax(axis=1)
            uncertainty[rows[known]] = _uncertainty(chances)
        yield (int(rows[-1]) + 1) / table.n_obs
    codes[lesson.rows], uncertainty[lesson.rows] = lesson.types, 0
    accuracy, doubtful, crowded = _tested(table, lesson, x)
    return Taught(
        _clustering(table, settings, lesson, codes, numbers.remarks),
        uncertainty,
        accuracy,
        lesson.rows[doubtful],
        crowded,
        proposals(numbers, uncertainty, lesson.rows),
    )


def add_taught(table: AnnData, taught: Taught, *, replace: bool = False) -> None:
    """Write taught types into a table, beside its clusterings.

    Adds what :func:`napari_splicer.analysis.clustering.add_clustering` does, with the examples, and
    ``obs["<name>_uncertainty"]``, float32.

    Raises
    ------
    WouldOverwrite, InvalidSettings
        If a clustering or column of that name is there.
    """
    check_taught_name(table, taught.clustering.name, replace=replace)
    add_clustering(table, taught.clustering, replace=replace)
    rows = taught.clustering.cells.get_indexer(table.obs_names)
    column = np.where(rows >= 0, taught.uncertainty[rows], np.float32(np.nan))
    table.obs[uncertainty_column(taught.clustering.name)] = column


def check_taught_name(table: AnnData, name: str, *, replace: bool = False) -> None:
    """Check that a table can take taught types of this name; raises as :func:`add_taught`."""
    column = uncertainty_column(name)
    if column in table.obs and taught_settings(table, name) is None:
        raise InvalidSettings(
            f"The table has a column '{column}' already.", f"Call what is taught not '{name}'."
        )
    check_name(table, name, replace=replace)


def taught_settings(table: AnnData, name: str) -> TaughtSettings | None:
    """Return the examples that a table notes of a clustering; None where it was not taught."""
    noted = clusterings(table).get(name, {})
    if noted.get("method") != "taught":
        return None
    return TaughtSettings.model_validate_json(str(noted["examples"]))


def _probe() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(class_weight="balanced", max_iter=2000)


def _uncertainty(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``1 - (p1 - p2)`` of chances (m, types)."""
    best = np.partition(chances, -2, axis=1)
    uncertainty: NDArray[np.float64] = 1 - (best[:, -1] - best[:, -2])
    return uncertainty


def _found(table: AnnData, settings: TaughtSettings) -> _Lesson:
    """Look examples up by name."""
    rows = [table.obs_names.get_indexer(list(kind.cells)) for kind in settings.types]
    types = np.repeat(np.arange(len(rows)), [len(found) for found in rows]).astype(np.int64)
    flat = np.concatenate([np.empty(0, np.int64), *rows]).astype(np.int64)
    lacking = int((flat < 0).sum())
    remarks = []
    if lacking:
        remarks.append(
            f"{lacking} of the {len(flat)} examples {'are' if lacking > 1 else 'is'} of cells that "
            "this table does not have, and not used."
        )
    colours = [kind.colour for kind in settings.types if kind.colour]
    given = []
    for kind in settings.types:
        given.append(kind.colour or next_colour(colours))
        colours.append(given[-1])
    names = tuple(kind.name for kind in settings.types)
    here = flat >= 0
    return _Lesson(flat[here], types[here], names, tuple(given), tuple(remarks))


def _usable(lesson: _Lesson, numbers: StandardisedCells) -> tuple[_Lesson, NDArray[np.float32]]:
    """Return the examples that hold finite values, and these; raise without two types."""
    x = numbers.of(lesson.rows)
    finite = np.isfinite(x).all(axis=1)
    empty, remarks = int((~finite).sum()), lesson.remarks
    if empty:
        remarks = (
            *remarks,
            f"{empty} example{'s hold' if empty > 1 else ' holds'} no finite value in "
            f"{numbers.words}, and {'are' if empty > 1 else 'is'} not used.",
        )
    types = lesson.types[finite]
    shown = _shown(lesson, types, remarks)
    without = [f"'{name}'" for name in lesson.names if name not in shown]
    if without:
        it = "it" if len(without) == 1 else "them"
        remarks = (*remarks, f"There is no example of {', '.join(without)}, so no cell is of {it}.")
    codes, types = np.unique(types, return_inverse=True)
    colours = tuple(lesson.colours[code] for code in codes)
    return _Lesson(lesson.rows[finite], types, tuple(shown), colours, remarks), x[finite]


def _shown(lesson: _Lesson, types: NDArray[np.int64], remarks: Sequence[str]) -> list[str]:
    """Return which types there are examples of, by these types of theirs; raise without two."""
    shown = [name for code, name in enumerate(lesson.names) if (types == code).any()]
    if len(shown) < 2:
        there = f"there are some of '{shown[0]}' only" if shown else "there are none"
        raise InvalidSettings(
            " ".join([f"Examples of two types are needed; so far {there}.", *remarks]),
            "Show a cell of another type too: for instance one that is none of these.",
        )
    return shown


def _tested(
    table: AnnData, lesson: _Lesson, x: NDArray[np.float32]
) -> tuple[float | None, NDArray[np.bool_], tuple[str, ...]]:
    """Cross-validate: the mean over types of the share told rightly; who is not; what can't be."""
    wrong, tested = np.zeros((2, len(x)), bool)
    types, count = lesson.types, len(lesson.names)
    shown = np.bincount(types, minlength=count)
    if shown.min() < FEWEST:
        return None, wrong, ()
    for learned, asked in folds_apart(table, lesson.rows, types, min(_FOLDS, int(shown.min()))):
        if len(np.unique(types[learned])) == count:
            tested |= asked
            wrong[asked] = (
                _probe().fit(x[learned], types[learned]).predict(x[asked]) != types[asked]
            )
    askable = np.bincount(types[tested], minlength=count)
    if askable.min() < FEWEST:
        few = tuple(name for name, n in zip(lesson.names, askable, strict=True) if n < FEWEST)
        return None, wrong, few
    shares = [1 - wrong[tested & (types == code)].mean() for code in range(count)]
    return float(np.mean(shares)), wrong, ()


def _clustering(
    table: AnnData,
    settings: TaughtSettings,
    lesson: _Lesson,
    codes: NDArray[np.int32],
    remarks: tuple[str, ...],
) -> Clustering:
    names, colours = lesson.names, lesson.colours
    unknown = int((codes == len(names)).sum())
    remarks = (*lesson.remarks, *remarks)
    if unknown:
        names, colours = (*names, UNASSIGNED), (*colours, UNASSIGNED_COLOUR)
        cells = "1 cell holds" if unknown == 1 else f"{unknown:,} cells hold"
        remarks = (*remarks, f"{cells} nothing to tell a type by, and are '{UNASSIGNED}'.")
    return Clustering(settings.name, table.obs_names, codes, names, colours, settings, remarks)
