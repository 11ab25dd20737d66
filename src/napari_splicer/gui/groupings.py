"""What a person does to whole groupings, each a step that can be undone. No Qt."""

from __future__ import annotations

import re
from textwrap import wrap
from typing import TYPE_CHECKING

from napari_splicer.analysis.clustering import is_exported, uncertainty_column
from napari_splicer.analysis.whole import Whole
from napari_splicer.analysis_settings import component_of
from napari_splicer.config import TaughtSettings
from napari_splicer.gui.snapshot import Notice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_splicer.gui.session import Session

_LONGEST = 24  # characters in which several sources are named
_FIRST = 9  # of the first, where not all of them are


def rename_grouping(session: Session, name: str, wanted: str) -> bool:
    """Give a grouping another name; False, and why, if it can't have it.

    It is a column of the table, and part of the names of files: what these do not allow becomes
    "_". An empty name leaves the old one.
    """
    new = column_name(wanted)
    if session.table is None or not new or new == name:
        return False
    old = Whole.of(session.table, name)
    if not _acceptable(session, old, new):
        return False
    active = new if session.clustering == name else session.clustering
    session.history.exchange(
        f"Rename the grouping {name} to {new}", old, old.named(new), active or ""
    )
    return True


def remove_grouping(session: Session, name: str) -> None:
    """Take a grouping out of the table; where it was shown, the one before it is shown."""
    if session.table is None:
        return
    active, names = session.clustering, session.clusterings
    if active == name:
        others, place = [n for n in names if n != name], names.index(name)
        active = others[max(place - 1, 0)] if others else None
    whole = Whole.of(session.table, name)
    session.history.exchange(f"Remove the grouping {name}", whole, None, active or "")


def column_name(words: str) -> str:
    """Return words as the name of a column.

    Examples
    --------
    >>> column_name(" T cells, finer ")
    'T_cells_finer'
    """
    return re.sub(r"[^A-Za-z0-9.\-]+", "_", words).strip("_")


def grouping_name(sources: Sequence[str], method: str) -> str:
    """Return what a grouping is called at first, short: its tool tip says all of it.

    Examples
    --------
    >>> grouping_name(["chunk:immune", "chunk:CD3 + CD8"], "leiden")
    'immune-CD3_CD8_leiden'
    >>> grouping_name(["chunk:a long name", "chunk:a longer name", "intensity"], "kmeans")
    'a_long-and-2-more_kmeans'
    """
    parts = [column_name(component_of(each) or each) or "component" for each in sources]
    name = "-".join(parts)
    if len(name) > _LONGEST and len(parts) > 1:
        words = parts[0].replace("_", " ")
        first = wrap(words, _FIRST, break_long_words=False, break_on_hyphens=False)[0]
        name = f"{column_name(first)}-and-{len(parts) - 1}-more"
    return f"{name}_{method}"


def _acceptable(session: Session, whole: Whole, name: str) -> bool:
    assert session.table is not None
    own = {whole.name.lower(), uncertainty_column(whole.name).lower()}
    taken = {str(column).lower() for column in session.table.obs.columns} - own
    wanted = [name]
    if isinstance(whole.settings, TaughtSettings):
        wanted.append(uncertainty_column(name))
    why = ""
    if any(each.lower() in taken for each in wanted):
        why = f"The table has a column {name} already, so {whole.name} keeps its name."
    elif is_exported(session.table, name):
        why = f"Exported tables have a column {name} of their own: give {whole.name} another name."
    elif not name.strip("."):
        why = f"A grouping can't be called {name}: give it a name with letters or numbers."
    if why:
        session.notice = Notice("error", why, "cluster")
    elif session.notice is not None and session.notice.kind == "error":
        session.notice = None  # it was, at the latest, about the name tried before
    return not why
