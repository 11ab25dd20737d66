"""Lessons: the types of cells that a person teaches, and what was learned of them. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.analysis.clustering import clusterings, uncertainty_column
from napari_splicer.analysis.groups import earlier_model, edits_of
from napari_splicer.analysis.palette import UNASSIGNED
from napari_splicer.analysis.regrouping import next_colour
from napari_splicer.analysis.teaching import add_taught, taught_settings
from napari_splicer.config import CellType, TaughtSettings
from napari_splicer.gui.naming import (
    UNSURE,
    free_name,
    offered_sources,
    refusal,
    uncertainty_words,
)
from napari_splicer.gui.similar import cells_at, names_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.analysis.teaching import Taught
    from napari_splicer.gui.session import Session


def add_type(session: Session, name: str = "") -> str:
    """Add a type without examples; say why not if it can't have that name.

    Without a name, it is called "type 1" or the next that is free.
    """
    names = [kind.name for kind in session.lesson.types]
    name = name.strip() or next(n for i in range(1, 10**6) if (n := f"type {i}") not in names)
    why = refusal(name, {*names, UNASSIGNED})
    if not why:
        colour = next_colour(kind.colour or "" for kind in session.lesson.types)
        kind = CellType(name=name, colour=colour)
        _put(session, (*session.lesson.types, kind), f"Add the type {name}")
    return why


def rename_type(session: Session, place: int, name: str) -> str:
    """Give a type another name; say why not if it can't have it. An empty one leaves the old."""
    kinds, name = session.lesson.types, name.strip()
    if not name or name == kinds[place].name:
        return ""
    why = refusal(name, {*(kind.name for kind in kinds), UNASSIGNED})
    if not why:
        words = f"Rename the type {kinds[place].name} to {name}"
        _put(session, _with(kinds, place, kinds[place].model_copy(update={"name": name})), words)
    return why


def recolour_type(session: Session, place: int, colour: str) -> None:
    """Give a type another colour, ``"#rrggbb"``."""
    kind = session.lesson.types[place].model_copy(update={"colour": colour})
    _put(session, _with(session.lesson.types, place, kind), f"Colour the type {kind.name}")


def remove_type(session: Session, place: int) -> None:
    """Take out a type with all its examples."""
    kinds = session.lesson.types
    _put(session, kinds[:place] + kinds[place + 1 :], f"Take out the type {kinds[place].name}")


def show(session: Session, place: int, cells: Iterable[int]) -> int:
    """Make cells of the table, by label id, examples of a type and of no other; return how many."""
    names = names_of(session, cells)
    if names:
        kinds = [_without(kind, names) for kind in session.lesson.types]
        kinds[place] = kinds[place].model_copy(update={"cells": (*kinds[place].cells, *names)})
        what = session.words("a cell" if len(names) == 1 else f"{len(names):,} cells")
        _put(session, tuple(kinds), f"Show {what} as {kinds[place].name}")
    return len(names)


def examples_among(session: Session, cells: Iterable[int]) -> NDArray[np.int64]:
    """Return those of ``cells``, by label id, that are examples of any type."""
    types = range(len(session.lesson.types))
    rows = np.concatenate([np.empty(0, np.int64), *(examples(session, place) for place in types)])
    known: NDArray[np.int64] = np.intersect1d(cells_at(session, rows), np.asarray(cells))
    return known


def take_out(session: Session, cells: Iterable[int]) -> None:
    """Let cells, by label id, be examples of nothing any more."""
    names = names_of(session, cells)
    if not names:
        return
    kinds = tuple(_without(kind, names) for kind in session.lesson.types)
    what = "an example" if len(names) == 1 else f"{len(names):,} examples"
    _put(session, kinds, f"Take out {what}")


def choose_sources(session: Session, sources: Sequence[str]) -> None:
    """Let these sources, and no others, have a say."""
    with session.history.step("Teach by something else"):
        session.lesson = session.lesson.model_copy(update={"sources": tuple(sources)})


def examples(session: Session, place: int) -> NDArray[np.int64]:
    """Return the rows of the table's examples of a type, in the order they were shown in."""
    if session.table is None:
        return np.empty(0, np.int64)
    rows = session.table.obs_names.get_indexer(list(session.lesson.types[place].cells))
    known: NDArray[np.int64] = rows[rows >= 0].astype(np.int64)
    return known


def counts(session: Session) -> dict[str, int]:
    """Return how many cells were taught to be of each type; empty before anything was."""
    name = session.lesson.name
    if session.table is None or name not in session.clusterings:
        return {}
    column = session.table.obs[name].value_counts()
    return {str(group): int(count) for group, count in column.items()}


def is_kept(session: Session) -> bool:
    """Return whether the table holds what this very lesson teaches."""
    table = session.table
    return table is not None and taught_settings(table, session.lesson.name) == session.lesson


def take_free_name(session: Session) -> None:
    """Teach under another name if the groups of this one were edited by hand, or are not ours."""
    table, lesson = session.table, session.lesson
    if table is None or is_kept(session):
        return
    ours = taught_settings(table, lesson.name) is not None and not edits_of(table, lesson.name)
    if not ours:
        # A column of uncertainties would be in the way as well.
        taken = {column.removesuffix(uncertainty_column("")) for column in table.obs.columns}
        taken |= {*table.obs.columns, *session.history.groupings}
        name = free_name(lesson.name, taken)
        if name != lesson.name:
            session.lesson = lesson.model_copy(update={"name": name})


def keep(session: Session, taught: Taught, *, show: bool = True) -> None:
    """Write what was learned into the session's table; ``show``: as the active clustering."""
    table, name = session.table, taught.clustering.name
    assert table is not None
    add_taught(table, taught, replace=True)
    session.history.forget(name)
    kept = {m: v for m, v in session.measures.items() if not m.startswith(UNSURE)}
    colour_by = session.colour_by
    session.measures = {**kept, uncertainty_measure(session): _uncertainty(table, name)}
    if colour_by is not None and colour_by.startswith(UNSURE):
        session.colour_by = uncertainty_measure(session)
    if show and session.clustering != name:
        session.clustering = name
        if session.colour_by != uncertainty_measure(session):
            session.colour_by = None  # for the types to be seen
    session.groups_edited()


def with_group(session: Session, group: str, change: Mapping[str, str]) -> TaughtSettings | None:
    """Return the lesson with a type changed as its group is to be, by hand, in name or colour.

    None where the active groups are not just what the lesson teaches.
    """
    if not _is_taught(session, group):
        return None
    lesson = session.lesson
    place = [kind.name for kind in lesson.types].index(group)
    kind = lesson.types[place].model_copy(update=dict(change))
    return lesson.model_copy(update={"types": _with(lesson.types, place, kind)})


def names_beside(session: Session, group: str) -> set[str]:
    """Return the names of types that have no group, and that a taught group can't take."""
    names = {kind.name for kind in session.lesson.types} | {UNASSIGNED}
    return names - {group} if _is_taught(session, group) else set()


def _is_taught(session: Session, group: str) -> bool:
    """Return whether a group is one of the active ones, which are just what the lesson teaches."""
    table, lesson = session.table, session.lesson
    if table is None or session.clustering != lesson.name:
        return False
    is_type = group in [kind.name for kind in lesson.types]
    return is_type and is_kept(session) and not edits_of(table, lesson.name)


def uncertainty_measure(session: Session) -> str:
    """Return what the uncertainty is called among the session's measures."""
    return uncertainty_words(session.lesson.name)


def resume(session: Session) -> None:
    """Go on with the lesson that a table holds, unless the session's is about its cells already."""
    table = session.table
    if table is None or any(len(examples(session, i)) for i in range(len(session.lesson.types))):
        return
    own = (name for name in clusterings(table) if not earlier_model(table, name))
    held = [lesson for name in own if (lesson := taught_settings(table, name))]
    offered = offered_sources(table)
    if held:
        session.lesson = held[-1]
        name = held[-1].name
        session.measures = {
            **session.measures,
            uncertainty_measure(session): _uncertainty(table, name),
        }
    elif offered and not {*session.lesson.sources} <= {*offered}:  # of mean intensities alone
        session.lesson = session.lesson.model_copy(update={"sources": offered[:1]})


def _uncertainty(table: AnnData, name: str) -> NDArray[np.float32]:
    return np.asarray(table.obs[uncertainty_column(name)], np.float32)


def _without(kind: CellType, names: Iterable[str]) -> CellType:
    out = set(names)
    return kind.model_copy(update={"cells": tuple(c for c in kind.cells if c not in out)})


def _with(kinds: tuple[CellType, ...], place: int, kind: CellType) -> tuple[CellType, ...]:
    return (*kinds[:place], kind, *kinds[place + 1 :])


def _put(session: Session, kinds: tuple[CellType, ...], words: str) -> None:
    with session.history.step(words):
        session.lesson = TaughtSettings(
            name=session.lesson.name, sources=session.lesson.sources, types=kinds
        )
