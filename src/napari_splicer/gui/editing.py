"""What a person does to groups by hand, each a step that can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.analysis.clustering import note_settings
from napari_splicer.analysis.groups import edits_of, note_edits
from napari_splicer.analysis.palette import UNASSIGNED
from napari_splicer.analysis.regrouping import Groups
from napari_splicer.gui import lessons
from napari_splicer.gui.naming import refusal, say
from napari_splicer.gui.selected_rows import selected_rows

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from napari_splicer.config import TaughtSettings
    from napari_splicer.gui.session import Session


def rename(session: Session, group: int, name: str) -> bool:
    """Give a group of the active clustering another name; False, and why, if it can't have it.

    An empty name leaves the old one.
    """
    groups, name = _groups(session), name.strip()
    if groups is None or not name or not _acceptable(session, name, group):
        return False
    old, visible = groups.names[group], session.groups[group].visible
    lesson = lessons.with_group(session, old, {"name": name})
    _put(session, groups.renamed(group, name), f"rename {old} to {name}", lesson)
    session.show_group(group, visible)  # whether it is shown is known by its name
    return True


def recolour(session: Session, group: int, colour: str) -> None:
    """Give a group of the active clustering another colour, ``"#rrggbb"``."""
    groups = _groups(session)
    if groups is not None:
        name = groups.names[group]
        lesson = lessons.with_group(session, name, {"colour": colour})
        _put(session, groups.recoloured(group, colour), f"colour {name}", lesson)


def merge(session: Session, groups: Collection[int]) -> None:
    """Make some groups of the active clustering one, with name and colour of the first."""
    old = _groups(session)
    if old is not None and len(groups) > 1:
        names = [old.names[i] for i in sorted(groups)]
        _put(session, old.merged(groups), f"merge {', '.join(names[1:])} into {names[0]}")


def delete(session: Session, groups: Collection[int]) -> None:
    """Take groups out of the active clustering; their cells are then "unassigned"."""
    old = _groups(session)
    if old is not None and groups:
        names = ", ".join(old.names[i] for i in sorted(groups))
        _put(session, old.without(groups), f"take out {names}")


def group_selection(session: Session, name: str) -> bool:
    """Make the selected cells a group of their own; False, and why, if it can't have that name."""
    groups, name = _groups(session), name.strip()
    rows = np.flatnonzero(selected_rows(session))
    if groups is None or not len(rows) or not name or not _acceptable(session, name):
        return False
    words = f"make {len(rows):,} {'cell' if len(rows) == 1 else 'cells'} the group {name}"
    _put(session, groups.with_group(rows, name), words)
    return True


def split(session: Session, group: str, parts: NDArray[np.int64]) -> None:
    """Divide a group of the active clustering, called ``group``, into parts.

    Parameters
    ----------
    session : Session
    group : str
    parts : int (m,)
        The part of each of its cells, from 0, in the order of the table.
    """
    groups = _groups(session)
    if groups is not None:
        divided = groups.split(groups.names.index(group), parts)
        _put(session, divided, f"split {group} into {int(parts.max()) + 1}")


def free_group_name(session: Session) -> str:
    """Return a name that no group of the active clustering has: one more than the largest number.

    A lower one that is free may have been the name of other cells.
    """
    numbers = [int(group.name) for group in session.groups if group.name.isdecimal()]
    return str(max(numbers, default=0) + 1)


def can_be_deleted(session: Session, group: int) -> bool:
    """Return whether a group's cells may become unassigned, which they are not yet."""
    return session.groups[group].name != UNASSIGNED


def _groups(session: Session) -> Groups | None:
    if session.table is None or session.clustering is None:
        return None
    return Groups.of(session.table, session.clustering)


def _acceptable(session: Session, name: str, group: int | None = None) -> bool:
    taken = {g.name for i, g in enumerate(session.groups) if i != group}
    if group is not None:
        taken |= lessons.names_beside(session, session.groups[group].name)
    return say(session, refusal(name, taken))


def _put(
    session: Session, groups: Groups, words: str, lesson: TaughtSettings | None = None
) -> None:
    """Write edited groups into the session's table, as a step that can be undone.

    Groups that are as they were are no edit. With the lesson that teaches these very groups, they
    are as taught as before.
    """
    table, clustering = session.table, session.clustering
    assert table is not None
    assert clustering is not None
    if groups.same_as(Groups.of(table, clustering)):
        return
    with session.history.step(words[:1].upper() + words[1:], edits_groups=True):
        groups.put(table, clustering)
        if lesson is None:
            note_edits(table, clustering, (*edits_of(table, clustering), words))
        else:
            note_settings(table, lesson)
            session.lesson = lesson
        session.groups_edited()
