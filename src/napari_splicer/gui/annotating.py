"""What a person brings, or takes out, that is known of the cells from elsewhere. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.analysis.annotations import annotation_names
from napari_splicer.analysis.clustering import uncertainty_column
from napari_splicer.errors import listed
from napari_splicer.gui.exchanging import Columns
from napari_splicer.gui.snapshot import MIXTURE, Notice
from napari_splicer.gui.words import count

if TYPE_CHECKING:
    from napari_splicer.analysis.annotations import Annotations
    from napari_splicer.gui.session import Session

_NAMED = 6  # columns


def taken_names(session: Session) -> tuple[str, ...]:
    """Return names that no annotation can have, beside the columns of the table."""
    groupings = {session.lesson.name, *session.clusterings, *session.history.groupings}
    return (MIXTURE, *session.measures, *groupings, *map(uncertainty_column, groupings))


def take_annotations(session: Session, file: str, found: Annotations) -> None:
    """Put what was read from a file into the table, colour the cells by it, and say so.

    Parameters
    ----------
    session : Session
    file : str
        Its name.
    found : Annotations
        Read for the very cells of the table.
    """
    table = session.table
    if table is None or not table.obs_names.equals(found.columns.index):
        words = f"Other cells were chosen meanwhile, so {file} was not taken."
        session.notice = Notice("info", session.words(words))
        return
    names = [str(name) for name in found.columns if name not in table.obs]
    told = "every cell" if found.told == table.n_obs else count(found.told, "cell")
    said = [
        f"{file} tells of {told}: {listed(names, _NAMED)} can be chosen under Colour by.",
        *found.remarks,
    ]
    session.notice = Notice("warning" if found.remarks else "info", session.words(" ".join(said)))
    if not names:
        return
    count_before = table.obs.shape[1]
    places = {name: count_before + number for number, name in enumerate(names)}
    columns = Columns({name: found.columns[name] for name in names}, places, shown=names[0])
    session.history.exchange_columns(f"Bring {listed(names, _NAMED)}", Columns(), columns)


def remove_annotation(session: Session, name: str) -> None:
    """Take an annotation out of the table, a step that can be undone."""
    table = session.table
    if table is None or name not in annotation_names(table):
        return
    session.history.exchange_columns(f"Remove {name}", Columns.of(session, [name]), Columns())
