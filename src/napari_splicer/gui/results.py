"""Where a run's result goes: onto the session, or to the shelf if its image was left meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_splicer.analysis.groups import edits_of, note_edits

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_splicer.events import Finished
    from napari_splicer.gui.commands import Run
    from napari_splicer.gui.session import Session


def keep(session: Session, run: Run, event: Finished) -> None:
    """Put the result where it belongs, and remember what it was made from."""
    made = run.inputs.inputs()
    if run.stage == "train":
        session.made_from = {**session.made_from, "train": made}
        session.bundle = event.result
    elif run.stage == "embed" and not event.cancelled:
        _take_table(session, run, event.result)
    elif run.stage == "cluster" and not event.cancelled:
        _take_groups(session, run, event.result)
    elif run.stage == "export" and session.table is run.inputs.table:
        if not event.cancelled:
            made = replace(made, table=session.table)
            session.made_from = {**session.made_from, "export": made}
        session.exported = tuple(event.result)


def _take_table(session: Session, run: Run, table: AnnData) -> None:
    """Replace the table; what was exported of another mask's cells is of no interest any more."""
    before, made = session.made_from.get("embed"), run.inputs.inputs()
    made_from = {**session.made_from, "embed": made}
    other = before is not None and before.cells is not made.cells
    if other:
        made_from.pop("export", None)
    session.made_from = made_from
    if other:
        session.exported = ()
    session.table = table


def _take_groups(session: Session, run: Run, table: AnnData) -> None:
    """Take new clusterings and the map, but no names or colours that were edited meanwhile."""
    edited = run.inputs.table
    made = {settings.name for settings in run.config.clusterings}
    name = run.config.clusterings[-1].name
    if edited is not None:
        for other in set(edited.uns.get("splicer", {}).get("clusterings", {})) - made:
            table.obs[other] = edited.obs[other]
            table.uns[f"{other}_colors"] = edited.uns[f"{other}_colors"]
            note_edits(table, other, edits_of(edited, other))
    for other in made:
        session.history.forget(other)
    if session.table is edited:
        session.table = table
        session.clustering = name
    else:
        session.table_left.emit(edited, table, name)
