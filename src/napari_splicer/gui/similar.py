"""Which cells are like a chosen one: the question and its answer, on the session. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.gui.numbering import called
from napari_splicer.gui.snapshot import Sought

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_splicer.analysis.similarity import Similarity
    from napari_splicer.gui.session import Session

_LIKE = "like "


def ask(session: Session, cells: Iterable[int], source: str) -> None:
    """Ask which cells are like some: those of them that the table has; nothing without any."""
    known = cells_at(session, _rows(session, cells))
    if len(known):
        session.sought = question(session, sorted(known.tolist()), source)


def question(session: Session, cells: Sequence[int], source: str) -> Sought:
    """Return the question which cells are like these, in words that fit the window."""
    return Sought(tuple(cells), source, session.of_tiles, called(session, cells[0]))


def is_known(session: Session) -> bool:
    """Return whether the cells that are asked about are in the table."""
    sought = session.sought
    return sought is not None and len(_rows(session, sought.cells)) == len(sought.cells)


def names_of(session: Session, cells: Iterable[int]) -> tuple[str, ...]:
    """Return the names in the table of cells given by label id; ids that it lacks are left out."""
    if session.table is None:
        return ()
    return tuple(map(str, session.table.obs_names[_rows(session, cells)]))


def measure_of(sought: Sought) -> str:
    """Return what the similarity is called among the session's measures."""
    return f"{_LIKE}{sought.words}"


def take(session: Session, sought: Sought, found: Similarity, *, shown: bool) -> None:
    """Make the similarity a measure, in place of the one before; ``shown`` on map and image."""
    kept = {name: v for name, v in session.measures.items() if not name.startswith(_LIKE)}
    colour_by = session.colour_by
    session.measures = {**kept, measure_of(sought): found.values}
    if shown:
        session.colour_by = measure_of(sought)
    elif colour_by is not None and colour_by.startswith(_LIKE):
        session.colour_by = None


def cells_at(session: Session, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the label ids of rows of the table."""
    ids: NDArray[np.int64] = session.ids()[rows]
    return ids


def _rows(session: Session, cells: Iterable[int]) -> NDArray[np.int64]:
    wanted = cells if isinstance(cells, np.ndarray) else np.fromiter(cells, np.int64)
    return np.flatnonzero(np.isin(session.ids(), wanted))
