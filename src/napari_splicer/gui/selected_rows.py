"""Which rows of the table are selected: found once for all that show the selection."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from napari_splicer.gui.id_index import IdIndex

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.gui.session import Session


class _Found(NamedTuple):
    table: AnnData | None
    selection: NDArray[np.int64]
    rows: NDArray[np.bool_]


_INDICES: WeakKeyDictionary[Session, IdIndex] = WeakKeyDictionary()
_FOUND: WeakKeyDictionary[Session, _Found] = WeakKeyDictionary()


def index_of(session: Session) -> IdIndex:
    """Return the index of the table's cells: the last one, where they are the same."""
    ids, known = session.ids(), _INDICES.get(session)
    if known is None or not np.array_equal(ids, known.ids):
        known = _INDICES[session] = IdIndex(ids)
    return known


def selected_rows(session: Session) -> NDArray[np.bool_]:
    """Return which of the table's cells are selected, bool (n,), not to be written to.

    Done once for a selection: tables and selections are replaced, never changed in place.
    """
    table, selection = session.table, session.selection
    found = _FOUND.get(session)
    if found is None or found.table is not table or found.selection is not selection:
        index = index_of(session)
        selected, place = np.zeros(len(index), bool), index.rows(selection)
        selected[place[place >= 0]] = True
        selected.setflags(write=False)
        found = _FOUND[session] = _Found(table, selection, selected)
    return found.rows
