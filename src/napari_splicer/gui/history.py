"""History: selections, edits and examples that can be undone and done again."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from psygnal import Signal

from napari_splicer.analysis.clustering import note_settings
from napari_splicer.analysis.groups import edits_of, note_edits
from napari_splicer.analysis.regrouping import Groups
from napari_splicer.analysis.teaching import taught_settings
from napari_splicer.analysis.whole import Whole
from napari_splicer.config import TaughtSettings
from napari_splicer.gui.exchanging import exchange, exchange_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.gui.exchanging import Columns
    from napari_splicer.gui.session import Session

MOST_STEPS = 100
MOST_BYTES = 2**28
"""Older steps are forgotten where the kept ones take more memory than this."""


@dataclass(frozen=True, eq=False)
class Moment:
    """What a step may change.

    ``clustering``, ``groups`` and ``edits`` are empty where the step changes the selection only.
    ``as_taught`` says whether the groups were just what ``lesson`` teaches.
    A step that names or removes a whole clustering has it in ``whole``, None where it is not there
    at that moment, and the active one in ``clustering``. One that brings or removes annotations
    has them in ``columns``.
    """

    selection: NDArray[np.int64]
    lesson: TaughtSettings
    clustering: str | None
    groups: Groups | None
    edits: tuple[str, ...]
    as_taught: bool = False
    whole: Whole | None = None
    columns: Columns | None = None

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        groups = 0 if self.groups is None else self.groups.codes.nbytes
        others = (0 if part is None else part.nbytes for part in (self.whole, self.columns))
        return self.selection.nbytes + groups + sum(others)


@dataclass(frozen=True, eq=False)
class Step:
    """One change: what it is called, and what was before and after it."""

    words: str
    before: Moment
    after: Moment

    @property
    def clusterings(self) -> set[str]:
        """Names of the clusterings that it edits, names or removes."""
        wholes = [moment.whole for moment in (self.before, self.after) if moment.whole is not None]
        if wholes:
            return {whole.name for whole in wholes}
        return set() if self.before.groups is None else {str(self.before.clustering)}


class History:
    """What was selected and edited on one table; its signal ``changed`` follows every change.

    Steps belong to the cells of a table: they are forgotten when others are embedded.

    Parameters
    ----------
    session : Session
    """

    changed: ClassVar[Signal] = Signal()

    def __init__(self, session: Session) -> None:
        self._session = session
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self._open = False
        session.events.table.connect(self._table_changed)

    @property
    def next_undo(self) -> str | None:
        """What would be undone, in words; None where there is nothing."""
        return self._done[-1].words if self._done else None

    @property
    def next_redo(self) -> str | None:
        """What would be done again, in words; None where there is nothing."""
        return self._undone[-1].words if self._undone else None

    @contextmanager
    def step(self, words: str, *, edits_groups: bool = False) -> Iterator[None]:
        """Remember what is changed within as one step; steps within a step are part of it."""
        if self._open:
            yield
            return
        before = self._now(edits_groups)
        self._open = True
        try:
            yield
        finally:
            self._open = False
        after = self._now(edits_groups)
        if not _alike(before, after):
            self._add(Step(words, before, after))

    def _add(self, step: Step) -> None:
        self._done.append(step)
        self._undone.clear()
        self._forget_the_oldest()
        self.changed.emit()

    def exchange(self, words: str, leaving: Whole, entering: Whole | None, active: str) -> None:
        """Put one whole clustering in another's place, or nothing, as one step.

        Parameters
        ----------
        words : str
            What the step is called.
        leaving : Whole
            As the table holds it.
        entering : Whole or None
        active : str
            The clustering to be shown afterwards; empty where there is none.
        """
        session = self._session
        before = replace(self._now(False), clustering=session.clustering, whole=leaving)
        lesson = session.lesson
        if leaving.name == lesson.name and isinstance(leaving.settings, TaughtSettings):
            # The examples go where their groups go.
            named = None if entering is None else lesson.model_copy(update={"name": entering.name})
            lesson = named or TaughtSettings()
        after = replace(before, lesson=lesson, clustering=active or None, whole=entering)
        exchange(session, before, after)
        self._add(Step(words, before, after))

    def exchange_columns(self, words: str, leaving: Columns, entering: Columns) -> None:
        """Put annotations in the place of others, as one step called ``words``."""
        exchange_columns(self._session, leaving, entering)
        before = replace(self._now(False), columns=leaving)
        self._add(Step(words, before, replace(before, columns=entering)))

    def remade(self, words: str, leaving: Whole, active: str | None) -> None:
        """Remember as one step that a clustering was made anew, which the session shows by now.

        Parameters
        ----------
        words : str
            What the step is called.
        leaving : Whole
            As it was before.
        active : str or None
            The clustering that was shown before.
        """
        assert self._session.table is not None
        entering = Whole.of(self._session.table, leaving.name)
        if entering.settings == leaving.settings and entering.groups.same_as(leaving.groups):
            return
        now = replace(self._now(False), clustering=leaving.name, whole=entering)
        self._add(Step(words, replace(now, clustering=active, whole=leaving), now))

    def undo(self) -> bool:
        """Take the last step back; return whether there was one."""
        return self._move(self._done, self._undone, back=True)

    def redo(self) -> bool:
        """Do the step that was last undone again; return whether there was one."""
        return self._move(self._undone, self._done, back=False)

    @property
    def steps(self) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        """Steps that can be undone, and those that can be done again; the last is the next."""
        return tuple(self._done), tuple(self._undone)

    def take_up(self, done: Iterable[Step], undone: Iterable[Step]) -> None:
        """Go on with the steps of an earlier window, on the same table."""
        self._done, self._undone = list(done), list(undone)
        self.changed.emit()

    def forget(self, clustering: str | None = None) -> None:
        """Forget all steps, or those that edited one clustering, whatever it was called then."""
        self._done = [] if clustering is None else without(self._done, clustering)
        self._undone = [] if clustering is None else without(self._undone, clustering)
        self.changed.emit()

    @property
    def groupings(self) -> set[str]:
        """Names of the clusterings that a step may bring back."""
        steps = (*self._done, *self._undone)
        wholes = (moment.whole for step in steps for moment in (step.before, step.after))
        return {whole.name for whole in wholes if whole is not None}

    def _move(self, source: list[Step], target: list[Step], *, back: bool) -> bool:
        if not source:
            return False
        step = source.pop()
        target.append(step)
        leaving, entering = (step.after, step.before) if back else (step.before, step.after)
        if leaving.columns is not None and entering.columns is not None:
            exchange_columns(self._session, leaving.columns, entering.columns)
        elif leaving.whole is None and entering.whole is None:
            self._restore(entering)
        else:
            exchange(self._session, leaving, entering)
        self.changed.emit()
        return True

    def _now(self, edits_groups: bool) -> Moment:
        session = self._session
        table, clustering = session.table, session.clustering
        if not edits_groups or table is None or clustering is None:
            return Moment(session.selection, session.lesson, None, None, ())
        edits = edits_of(table, clustering)
        groups = Groups.of(table, clustering)
        as_taught = taught_settings(table, clustering) == session.lesson
        return Moment(session.selection, session.lesson, clustering, groups, edits, as_taught)

    def _restore(self, moment: Moment) -> None:
        session = self._session
        if moment.groups is not None and moment.clustering is not None:
            assert session.table is not None
            moment.groups.put(session.table, moment.clustering)
            note_edits(session.table, moment.clustering, moment.edits)
            if moment.as_taught:
                note_settings(session.table, moment.lesson)
            session.clustering = moment.clustering
            session.groups_edited()
        session.selection = moment.selection
        # Where the lesson's groups were edited since, it goes on under the name it has now.
        session.lesson = moment.lesson.model_copy(update={"name": session.lesson.name})

    def _forget_the_oldest(self) -> None:
        kept = sum(step.before.nbytes + step.after.nbytes for step in self._done)
        while len(self._done) > MOST_STEPS or (kept > MOST_BYTES and len(self._done) > 1):
            oldest = self._done.pop(0)
            kept -= oldest.before.nbytes + oldest.after.nbytes

    def _table_changed(self, new: AnnData | None, old: AnnData | None) -> None:
        if new is None or old is None or not new.obs_names.equals(old.obs_names):
            self.forget()


def without(steps: Sequence[Step], clustering: str) -> list[Step]:
    """Return steps without those on a clustering, from the next to be moved to the last."""
    names, kept = {clustering}, []
    for step in reversed(steps):
        if step.clusterings & names:
            names |= step.clusterings
        else:
            kept.append(step)
    return kept[::-1]


def _alike(before: Moment, after: Moment) -> bool:
    if not np.array_equal(before.selection, after.selection) or before.lesson != after.lesson:
        return False
    a, b = before.groups, after.groups
    return a is None or b is None or a.same_as(b)
