"""What of a table goes on when its cells are embedded anew: annotations, and all groupings. No Qt.

A cell is known by its number and its place: where a mask was corrected by hand, most cells are what
they were; in another mask, the same numbers are of other cells. A grouping that was found by the
numbers of another model is called after that model, and noted as such: it can be looked at, edited
and compared, but not made again by the numbers there are now.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.analysis.annotations import annotation_names, carry_annotations
from napari_splicer.analysis.groups import clustering_names, earlier_model
from napari_splicer.analysis.whole import Whole
from napari_splicer.config import ClusteringSettings
from napari_splicer.embedding.table import holds_tiles, record
from napari_splicer.gui.naming import free_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.gui.session import Session

_INTENSITY = "intensity"
_DEFAULT = ClusteringSettings()
_LEAST_LEFT = 0.5  # of the cells; with fewer, the mask is another one


def carry_groupings(session: Session, table: AnnData) -> str:
    """Write groupings and annotations of the session's table into another of the same cells.

    A cell that was changed or added has no group in them, and no annotation; of a mask in which few
    cells are where they were, nothing is written. The default grouping is left out where the same
    model's numbers will make it anew, unless it was edited by hand. Edits of groupings that get
    another name can't be undone any more.

    Parameters
    ----------
    session : Session
        Its table is left as it is.
    table : AnnData
        The successor, not yet the session's.

    Returns
    -------
    str
        Where a person's own work in them is now; empty where there was none.
    """
    old = session.table
    if old is None or holds_tiles(old) != holds_tiles(table):
        return ""
    rows = rows_before(old, table)
    if (rows >= 0).sum() < _LEAST_LEFT * old.n_obs:
        return _lost(old)
    carry_annotations(old, table, rows)
    model, known_as = _model(old, table), {}
    for name in clustering_names(old):
        whole = _joined(Whole.of(old, name), rows, table)
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
    return _kept(table, known_as.values(), rows)


def rows_before(old: AnnData, new: AnnData) -> NDArray[np.intp]:
    """Return for each cell of a table its row in an earlier one; -1 where it is another cell.

    It is the same where its number is, and its centre lies within its radius of where it was.

    Returns
    -------
    intp (n,)
    """
    rows: NDArray[np.intp] = old.obs_names.get_indexer(new.obs_names)
    here = rows >= 0
    far = np.hypot(*(_of(new, axis)[here] - _of(old, axis)[rows[here]] for axis in ("y", "x")))
    rows[here] = np.where(far <= np.sqrt(_of(old, "area")[rows[here]] / np.pi), rows[here], -1)
    return rows


def _of(table: AnnData, column: str) -> NDArray[np.float64]:
    return np.asarray(table.obs[column], np.float64)


def _lost(old: AnnData) -> str:
    """Say which annotations, and groupings with work of a person in them, stay behind."""
    names = [name for name in clustering_names(old) if Whole.of(old, name).by_hand]
    names += annotation_names(old)
    if not names:
        return ""
    if holds_tiles(old):
        return f"Tiles lie otherwise than before: {', '.join(names)} could not be kept for them."
    return (
        f"Most cells of this mask lie elsewhere than those before: {', '.join(names)} could not be "
        "kept for them. Choose the mask before in step 1, if it is still there, to see it again."
    )


def _kept(new: AnnData, names: Iterable[str], rows: NDArray[np.intp]) -> str:
    """Say where a person's work is now, and how many cells have no part in it."""
    own = [name for name in names if Whole.of(new, name).by_hand]
    if not own:
        return ""
    without = int((rows < 0).sum())
    what = "tile" if holds_tiles(new) else "cell"
    are = f"{what} is" if without == 1 else f"{what}s are"
    but = f" {without:,} new or changed {are} in none of its groups." if without else ""
    return f"What you edited or taught stays in the list of step 5: {', '.join(own)}.{but}"


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


def _joined(whole: Whole, rows: NDArray[np.intp], new: AnnData) -> Whole:
    """Return a clustering with the new table's cells, and its place after all there are."""
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
    return set(whole.settings.sources) == {_INTENSITY} and old.var_names.equals(new.var_names)
