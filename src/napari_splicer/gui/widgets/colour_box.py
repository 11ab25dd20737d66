"""ColourBox: a list of everything that the colours of map and overlay can stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.gui.binding import bind
from napari_splicer.gui.categories import category_names, in_words
from napari_splicer.gui.numbers import further_numbers
from napari_splicer.gui.snapshot import MIXTURE
from napari_splicer.gui.widgets.narrow_box import NarrowBox

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.session import Session


class ColourBox(NarrowBox):
    """The session's ``colour_by``: groups, measures, categories, markers, and further numbers.

    An entry's data are its name in the table; a column may be called as another entry reads.

    Parameters
    ----------
    session : Session
        Read and written.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._session = session
        events = session.events
        for signal in (events.table, events.measures, events.mixture, session.clusterings_changed):
            bind(self, signal, self._list)
        bind(self, events.colour_by, self._follow)
        self.activated.connect(self._choose)
        self._list()

    def _list(self) -> None:
        """Offer what there is: measures, and columns, come and go."""
        session = self._session
        markers = () if session.table is None else map(str, session.table.var_names)
        mixture = () if session.mixture is None else (MIXTURE,)
        self.clear()
        self.addItem("group", None)
        for names in (
            (*mixture, *session.measures),
            category_names(session),
            tuple(markers),
            further_numbers(session),
        ):
            if names:
                self.insertSeparator(self.count())
            for name in names:
                self.addItem(in_words(name), name)
        self._follow()

    def _follow(self) -> None:
        name = self._session.colour_by
        places = [i for i in range(1, self.count()) if self.itemData(i) == name]
        self.setCurrentIndex(places[0] if name is not None and places else 0)

    def _choose(self, index: int) -> None:
        self._session.colour_by = self.itemData(index)
