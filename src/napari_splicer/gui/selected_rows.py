"""Which rows of the table are selected: found once for all that show the selection."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.gui.session import Session


class _Sorted(NamedTuple):
    table: AnnData | None
    ids: NDArray[np.int64]
    order: NDArray[np.int64]


class _Found(NamedTuple):
    table: AnnData | None
    selection: NDArray[np.int64]
    rows: NDArray[np.bool_]


_SORTED: WeakKeyDictionary[Session, _Sorted] = WeakKeyDictionary()
_FOUND: WeakKeyDictionary[Session, _Found] = WeakKeyDictionary()


def selected_rows(session: Session) -> NDArray[np.bool_]:
    """Return which of the table's cells are selected, bool (n,), not to be written to.

    Of 10⁶ cells several times faster than looking every one up, and done once for a selection:
    tables and selections are replaced, never changed in place.
    """
    table, selection = session.table, session.selection
    found = _FOUND.get(session)
    if found is None or found.table is not table or found.selection is not selection:
        found = _Found(table, selection, _look_up(session))
        found.rows.setflags(write=False)
        _FOUND[session] = found
    return found.rows


def _look_up(session: Session) -> NDArray[np.bool_]:
    known = _SORTED.get(session)
    if known is None or known.table is not session.table:
        ids = session.ids()
        order = np.argsort(ids, kind="stable")
        known = _SORTED[session] = _Sorted(session.table, ids[order], order)
    rows = np.zeros(len(known.ids), bool)
    if len(rows):
        selection = np.sort(session.selection)
        place = np.searchsorted(known.ids, selection).clip(max=len(rows) - 1)
        rows[known.order[place[known.ids[place] == selection]]] = True
    return rows
