"""What of a table goes on when its cells are embedded anew: their groupings, of every model. No Qt.

A grouping that was found by the numbers of another model is called after that model, and noted as
such: it can be looked at, edited and compared, but not made again by the numbers there are now.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.analysis.groups import clustering_names, earlier_model
from napari_splicer.analysis.whole import Whole
from napari_splicer.config import ClusteringSettings
from napari_splicer.embedding.table import record
from napari_splicer.gui.naming import free_name

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_splicer.gui.session import Session

_INTENSITY = "intensity"
_DEFAULT = ClusteringSettings()


def carry_groupings(session: Session, table: AnnData) -> None:
    """Write the groupings of the session's table into another table of the same cells.

    Cells are joined by name. The default grouping is left out where the same model's numbers will
    make it anew, unless it was edited by hand. Edits of groupings that get another name can't be
    undone any more.

    Parameters
    ----------
    session : Session
        Its table is left as it is.
    table : AnnData
        The successor, not yet the session's.
    """
    old = session.table
    if old is None or not old.obs_names.isin(table.obs_names).any():
        return
    model, known_as = _model(old, table), {}
    for name in clustering_names(old):
        whole = _joined(Whole.of(old, name), old, table)
        stays = not model or bool(whole.model) or _by_intensity(whole, old, table)
        if name == _DEFAULT.name and stays and not whole.model:
            if not model and not whole.edits:
                continue
            ending = f"_{_INTENSITY}" if model and _by_intensity(whole, old, table) else ""
            known_as[name] = f"{name}{ending}"
        elif stays:
            known_as[name] = name
        else:
            number = re.match(r"model \d+", model)
            ending = number[0] if number else "before"
            known_as[name] = f"{name}_{ending}".replace(" ", "_")
            whole = replace(whole, model=model)
        known_as[name] = free_name(known_as[name], table.obs.columns)
        whole.named(known_as[name]).put(table)
    if model:
        for name in {*known_as, *session.history.groupings}:
            session.history.forget(name)
    session.hidden = {known_as.get(name, name): groups for name, groups in session.hidden.items()}


def _model(old: AnnData, new: AnnData) -> str:
    """Return the old table's model, in words; empty where it is the new one's too.

    The same model keeps its number.
    """
    before, now = (str(record(table).get("bundle") or "") for table in (old, new))
    if before == now:
        return ""
    if not before:
        return "mean intensity alone"
    noted = [earlier_model(old, name) for name in clustering_names(old)]
    numbered = [found for words in noted if (found := re.match(r"model (\d+) \((\w+)\)", words))]
    own = next((found[1] for found in numbered if before.startswith(found[2])), None)
    number = own or 1 + max((int(found[1]) for found in numbered), default=0)
    return f"model {number} ({before[:12]})"


def _joined(whole: Whole, old: AnnData, new: AnnData) -> Whole:
    """Return a clustering with the new table's cells, and its place after all there are."""
    rows = old.obs_names.get_indexer(new.obs_names)
    codes = np.where(rows >= 0, whole.groups.codes[rows], -1)
    unsure = whole.uncertainty
    return replace(
        whole,
        groups=replace(whole.groups, codes=codes),
        uncertainty=None if unsure is None else np.where(rows >= 0, unsure[rows], np.nan),
        place=new.obs.shape[1],
    )


def _by_intensity(whole: Whole, old: AnnData, new: AnnData) -> bool:
    """Return whether it was found by mean intensities alone, which the new table holds too."""
    settings = whole.settings
    by = (settings.source,) if isinstance(settings, ClusteringSettings) else settings.sources
    return set(by) == {_INTENSITY} and old.var_names.equals(new.var_names)
