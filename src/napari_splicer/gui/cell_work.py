"""What a person does with the cells of one table; put away with it, and taken up again with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.analysis.maps import same_numbers
from napari_splicer.config import TaughtSettings
from napari_splicer.gui.history import without
from napari_splicer.gui.numbering import shown_ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.gui.history import Step
    from napari_splicer.gui.map_choice import MapChoice
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.snapshot import Sought


@dataclass(frozen=True, eq=False)
class CellWork:
    """Selection, examples, what is sought, hidden, mapped and coloured, and all steps."""

    measures: Mapping[str, NDArray[np.floating]]
    map_choice: MapChoice
    colour_by: str | None
    sought: Sought | None
    selection: NDArray[np.int64]
    lesson: TaughtSettings
    hidden: Mapping[str, frozenset[str]]
    steps: tuple[tuple[Step, ...], tuple[Step, ...]]

    @classmethod
    def of(cls, session: Session) -> CellWork:
        """Return what is on a session, beside its table."""
        return cls(
            session.measures,
            session.map_choice,
            session.colour_by,
            session.sought,
            session.selection,
            session.lesson,
            session.hidden,
            session.history.steps,
        )

    def forgetting(self, clustering: str) -> CellWork:
        """Return the same without steps on a clustering that was made anew."""
        done, undone = (tuple(without(steps, clustering)) for steps in self.steps)
        return replace(self, steps=(done, undone))

    def before_the_table(self, session: Session) -> None:
        """Take up what has to be there when the table comes back."""
        session.lesson = self.lesson
        session.hidden = self.hidden

    def after_the_table(self, session: Session) -> None:
        """Take up the rest."""
        session.measures = {**session.measures, **self.measures}
        session.map_choice = self.map_choice
        session.colour_by = self.colour_by
        session.sought = self.sought
        session.selection = self.selection
        session.history.take_up(*self.steps)


def begin_anew(session: Session) -> None:
    """Leave nothing on a session of the work on a table that was put away."""
    session.brush = None
    session.lesson = TaughtSettings()
    session.sought = None
    session.hidden = {}


def keep_to_cells(session: Session, new: AnnData | None, old: AnnData | None) -> None:
    """Let go of what was selected, picked and sought where another table lacks these cells.

    The same number may be another cell by then, of another image. What the map is of, a person has
    chosen for these numbers of the cells, not for those of another model.
    """
    if new is not None and old is not None and not same_numbers(new, old):
        session.map_choice = replace(session.map_choice, sources=())
    if new is None or old is None or new.obs_names.equals(old.obs_names):
        session.selection = np.intersect1d(session.selection, session.ids())
        return
    session.selection = _still_there(session, session.selection, new, old)
    if session.picked is not None and not len(_still_there(session, [session.picked], new, old)):
        session.picked = None
    sought = () if session.sought is None else session.sought.cells
    if len(_still_there(session, sought, new, old)) < len(sought):
        session.sought = None


def _still_there(
    session: Session, cells: Iterable[int], new: AnnData, old: AnnData
) -> NDArray[np.int64]:
    """Return those of the cells of a table, by label id, that another has too; sorted."""
    before = np.isin(shown_ids(session, old.obs), np.fromiter(cells, np.int64))
    rows = new.obs_names.get_indexer(old.obs_names[before])
    return np.sort(shown_ids(session, new.obs)[rows[rows >= 0]])
