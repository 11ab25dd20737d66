"""Whole columns of the table, a clustering or annotations, put in one another's place. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_splicer.analysis.annotations import annotation_names
from napari_splicer.analysis.whole import Whole, take_out
from napari_splicer.gui.naming import uncertainty_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_splicer.gui.history import Moment
    from napari_splicer.gui.session import Session


@dataclass(frozen=True, eq=False)
class Columns:
    """Annotations of the table's cells.

    Parameters
    ----------
    values : mapping of str to Series (n,)
    places : mapping of str to int
        Of each among the columns of the table.
    colours : mapping of str to array
        Of those for which the table notes some.
    shown : str, optional
        The one that colours the cells.
    """

    values: Mapping[str, pd.Series[Any]] = field(default_factory=dict)
    places: Mapping[str, int] = field(default_factory=dict)
    colours: Mapping[str, Any] = field(default_factory=dict)
    shown: str | None = None

    @classmethod
    def of(cls, session: Session, names: Iterable[str]) -> Columns:
        """Return annotations that the session's table has."""
        table, names = session.table, tuple(names)
        assert table is not None
        noted = {name: table.uns.get(_colours(name)) for name in names}
        return cls(
            {name: table.obs[name] for name in names},
            {name: list(table.obs.columns).index(name) for name in names},
            {name: colours for name, colours in noted.items() if colours is not None},
            session.colour_by if session.colour_by in names else None,
        )

    @property
    def plain(self) -> bool:
        """Whether all are categories or numbers, as files of annotations give them."""
        return all(
            isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == np.float64
            for column in self.values.values()
        )

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return sum(column.array.nbytes for column in self.values.values())


def exchange_columns(session: Session, leaving: Columns, entering: Columns) -> None:
    """Take annotations out of the table and put others in, where their names are still free."""
    table = session.table
    assert table is not None
    if session.colour_by in leaving.values:
        session.colour_by = None
    for name in leaving.values:
        if name in annotation_names(table):
            del table.obs[name]
            table.uns.pop(_colours(name), None)
    for name, column in entering.values.items():
        if name not in table.obs:
            place = min(entering.places[name], table.obs.shape[1])
            table.obs.insert(place, name, column.array)
            if name in entering.colours:
                table.uns[_colours(name)] = entering.colours[name]
    session.groups_edited()  # what was exported lacks it, or has it still
    session.clusterings_changed.emit()
    if entering.shown in annotation_names(table):
        session.colour_by = entering.shown


def _colours(name: str) -> str:
    return f"{name}_colors"


def exchange(session: Session, leaving: Moment, entering: Moment) -> None:
    """Bring a session from one moment of a step on a whole clustering to the other."""
    table, out, into = session.table, leaving.whole, entering.whole
    assert table is not None
    if into is not None:
        into.put(table)
    if out is not None and into is not None:
        hidden = dict(session.hidden)
        session.hidden = {**hidden, into.name: hidden.pop(out.name, frozenset())}
    _exchange_measures(session, out, into)
    session.clustering = entering.clustering  # before the one that leaves is not there any more
    if out is not None and (into is None or out.name != into.name):
        take_out(table, out.name)
    session.selection = np.intersect1d(entering.selection, session.ids())
    session.lesson = entering.lesson
    session.groups_edited()
    session.clusterings_changed.emit()


def _exchange_measures(session: Session, out: Whole | None, into: Whole | None) -> None:
    """Let the uncertainty of taught types follow them."""
    measures, before = dict(session.measures), session.colour_by
    gone = "" if out is None else uncertainty_words(out.name)
    was_there = measures.pop(gone, None) is not None
    unsure = None if into is None else into.uncertainty
    come = None
    if into is not None and unsure is not None and (was_there or out is None):
        come = uncertainty_words(into.name)
        measures[come] = unsure
    if was_there or come:
        session.measures = measures
    if before == gone:
        session.colour_by = come
