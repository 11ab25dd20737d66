"""Where a run's result goes: onto the session, or to the shelf if its image was left meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_splicer.analysis.annotations import keep_annotations
from napari_splicer.analysis.groups import clustering_names
from napari_splicer.analysis.maps import keep_maps
from napari_splicer.analysis.trust import keep_trust
from napari_splicer.analysis.whole import Whole, take_out
from napari_splicer.gui import editing
from napari_splicer.gui.carrying import carry_groupings
from napari_splicer.gui.snapshot import (
    Notice,
    of_one_image,
    same_pixels,
    warning_after,
    without_warning,
)
from napari_splicer.gui.stopped import Stopped

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_splicer.analysis.clustering import Clustering
    from napari_splicer.events import Finished
    from napari_splicer.gui.commands import Run
    from napari_splicer.gui.session import Session


def keep(session: Session, run: Run, event: Finished) -> None:
    """Put the result where it belongs, and remember what it was made from."""
    made = run.inputs.inputs()
    if run.stage == "train":
        session.made_from = {**session.made_from, "train": made}
        session.bundle = event.result
        _forget_replaced(session, run)
    elif run.stage == "segment":
        _take_mask(session, run, event)
    elif run.stage == "embed" and event.cancelled:
        session.stopped = Stopped(run.inputs.inputs(), event.result)
    elif run.stage == "embed":
        session.stopped = None
        _take_table(session, run, event.result)
    elif run.stage == "cluster" and run.group is not None and not event.cancelled:
        _take_parts(session, run, event.result)
    elif run.stage == "cluster" and not event.cancelled:
        _take_groups(session, run, event.result)
    elif run.stage == "export" and session.table is run.inputs.table:
        if not event.cancelled:
            made = replace(made, table=session.table)
            session.made_from = {**session.made_from, "export": made}
        session.exported = tuple(event.result)


def _forget_replaced(session: Session, run: Run) -> None:
    """Take back the advice to stop this training for an earlier one, whose place it has taken."""
    from napari_splicer.pipeline import RunFolder
    from napari_splicer.training.checkpoint import replacing

    if run.folder is not None:
        words = replacing(RunFolder(run.folder).checkpoint)
        session.notice = without_warning(session.notice, words)


def _take_mask(session: Session, run: Run, event: Finished) -> None:
    """Hand a mask that was made to the viewer, if its image is still there; say where it lies."""
    words = f"{event.message} The mask is kept in {run.folder}."
    made_of, now = run.inputs.image, session.image
    if made_of is not None and now is not None and same_pixels(made_of, now):
        session.mask_made.emit(event.result)
    session.notice = Notice("info", words, "segment")


def _take_table(session: Session, run: Run, table: AnnData) -> None:
    """Replace the table; groupings go on with the cells that are still there.

    What was exported of another mask's cells is of no interest any more.
    """
    made = run.inputs.inputs()
    session.table_comes.emit(made)  # what is there then, is of the same cells
    before = session.made_from.get("embed")
    made_from = {**session.made_from, "embed": made}
    other = before is not None and before.units is not made.units
    if other:
        made_from.pop("export", None)
    if before is not None and of_one_image(before, made):
        words = carry_groupings(session, table)
        if words:
            session.notice = warning_after(session.notice, words, "embed")
    session.made_from = made_from
    if other:
        session.exported = ()
    session.table = table


def _take_parts(session: Session, run: Run, parts: Clustering) -> None:
    """Divide a group as found, unless its cells are others by now."""
    name, group = run.config.clusterings[0].name, str(run.group)
    if not parts.cells.equals(_members(session, name, group)):
        words = f"Group {group} was changed meanwhile, so it was not divided."
        session.notice = Notice("info", words, "cluster")
    elif len(parts.names) < 2:
        words = (
            f"The cells of group {group} are too alike to be divided. Move the resolution to the "
            "right, or divide them by something else."
        )
        session.notice = Notice("info", words, "cluster")
    else:
        editing.split(session, group, np.asarray(parts.codes, np.int64))


def _members(session: Session, clustering: str, group: str) -> pd.Index[str]:
    """Return the names of a group's cells; none if another clustering is active."""
    if session.table is None or session.clustering != clustering:
        return pd.Index([], dtype=object)
    members = np.asarray(session.table.obs[clustering] == group)
    names: pd.Index[str] = session.table.obs_names[members]
    return names


def _take_groups(session: Session, run: Run, table: AnnData) -> None:
    """Take new clusterings and the map; what was edited in others meanwhile stays as it is now."""
    edited = run.inputs.table
    made = {settings.name for settings in run.config.clusterings}
    name = run.config.clusterings[-1].name
    if edited is not None:
        others = set(clustering_names(edited)) - made
        for gone in set(clustering_names(table)) - made - others:
            take_out(table, gone)
        for other in clustering_names(edited):
            if other in others:
                Whole.of(edited, other).put(table)
        keep_annotations(edited, table)
        keep_maps(table, edited)
        keep_trust(table, edited)
    if edited is not None and session.table is edited:
        there = made & set(session.clusterings) if run.replace else set()
        for other in made - there:
            session.history.forget(other)
        before, active = [Whole.of(edited, each) for each in there], session.clustering
        session.table = table
        session.clustering = name
        for whole in before:
            session.history.remade(f"Make the grouping {whole.name} anew", whole, active)
    else:
        session.table_left.emit(edited, table, name)
