"""MapAxes: what places the cells on the map: UMAP or PCA of one source, or any two numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_splicer.analysis.maps import MAIN, add_map, find_map, main_sources, same_numbers
from napari_splicer.analysis.sources import said_of_blank
from napari_splicer.config import ProjectionSettings
from napari_splicer.errors import SplicerError
from napari_splicer.gui.binding import bind
from napari_splicer.gui.cell_places import (
    Places,
    against,
    along_components,
    choose_sources,
    chosen_sources,
    laying_out,
    nowhere,
    on_the_map,
)
from napari_splicer.gui.failures import in_words
from napari_splicer.gui.jobs import tell
from napari_splicer.gui.naming import offered_sources, source_words
from napari_splicer.gui.numbers import further_numbers
from napari_splicer.gui.snapshot import detached
from napari_splicer.gui.widgets.narrow_box import NarrowBox
from napari_splicer.gui.widgets.source_choice import SourceChoice
from napari_splicer.gui.widgets.wording import Wording
from napari_splicer.gui.widgets.work_line import WorkLine

if TYPE_CHECKING:
    import numpy as np
    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.gui.session import Session

MAP, COMPONENTS, NUMBERS = "map", "components", "numbers"
_WORDS = {
    MAP: "UMAP",
    COMPONENTS: "PCA",
    NUMBERS: "one against another",
}
_NARROW = 84  # px
_FEWEST = 5  # characters of a choice that always have room: the title of the map says all of it
_SOON = "The map of the cells comes with the first groups. Step ⑤ Cluster makes them."


class MapAxes(QWidget):
    """A choice of axes; emits ``changed`` when cells have other places, or there is no knowing.

    A map that is asked for is made in a thread, and kept in the table.

    Parameters
    ----------
    session : Session
        Its table is written.

    Attributes
    ----------
    places : Places
        Where the cells are drawn.
    message : str
        What is to be said instead; empty where they can be drawn.
    stopped : bool
        Whether :meth:`again` would go on.
    """

    changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._table: AnnData | None = None  # whose numbers the places, and what is asked, are of
        self._asked: ProjectionSettings | None = None
        self._own: tuple[str, ...] = ()  # sources that the person has chosen for these numbers
        self.places, self.message, self.stopped = nowhere(0), "", False
        self.kind, self.x, self.y = NarrowBox(), QComboBox(), QComboBox()
        self._wording = Wording(self, session)
        self._wording.put(
            self._explain,
            "UMAP: a map on which alike cells lie close. PCA: principal components, the two "
            "directions in which cells differ most. One against another: any two markers or "
            "measures, as in flow cytometry.",
        )
        for kind, words in _WORDS.items():
            self.kind.addItem(words, kind)
        self.source = SourceChoice(("combined",))
        self._wording.put(
            self.source.explain,
            "What the map is made of, so what must be alike for two cells to lie close. Another "
            "map than the first is computed once, and stays.",
        )
        for narrow in (self.kind, self.source.box):
            narrow.setMinimumContentsLength(_FEWEST)
        self.of, self._against = QLabel("of"), QLabel("×")
        self.of.setFixedHeight(self.kind.sizeHint().height())
        for box, axis in ((self.x, "horizontal"), (self.y, "vertical")):
            box.setToolTip(f"What the {axis} axis shows; markers on an arcsinh scale")
            box.setMinimumWidth(_NARROW)
            box.activated.connect(self._ask)
        self.finding = WorkLine(self._take, self._refuse, parent=self)
        self.finding.stopped.connect(self._on_stop)
        self.work = WorkLine(self._keep, self._map_refused, parent=self)
        self.work.stopped.connect(self._map_stopped)
        self.remark = QElidingLabel()
        self.kind.activated.connect(self._choose)
        self.source.changed.connect(self._choose_source)
        self._lay_out()
        bind(self, session.events.table, self._new_table)
        bind(self, session.events.measures, self._list_numbers)
        bind(self, session.clusterings_changed, self._list_numbers)  # annotations, too
        self._new_table()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        top = Qt.AlignmentFlag.AlignTop  # below it, several sources have a button
        for widgets in (
            ((self.kind, 2), (self.of, 0), (self.source, 3)),
            ((self.x, 1), (self._against, 0), (self.y, 1)),
        ):
            line = QHBoxLayout()
            line.setSpacing(4)
            for widget, stretch in widgets:
                line.addWidget(widget, stretch, top)
            layout.addLayout(line)
        layout.addWidget(self.remark)
        layout.addWidget(self.finding)
        layout.addWidget(self.work)

    def _explain(self, tip: str) -> None:
        self.kind.tip = tip
        self.kind.setToolTip(tip)

    # what is chosen ----------------------------------------------------------------------------

    def _new_table(self) -> None:
        """Go on where the cells and their numbers are the same, as after grouping; else anew."""
        table, before = self._session.table, self._table
        same = table is not None and before is not None and same_numbers(table, before)
        self._table = table
        if not same:
            self._forget()
            self._own = chosen_sources(self._session)
            self._take(nowhere(0 if table is None else table.n_obs))
        if table is not None:
            self.source.offer(offered_sources(table))
            choose_sources(self._session, () if self.stopped else self._own)
        self._list_numbers()
        found = self.kind.currentData() == COMPONENTS and not self.message
        if not (same and (found or self.stopped)):
            self._choose()

    def _list_numbers(self) -> None:
        """Offer markers and measures, keeping what is chosen."""
        session = self._session
        markers = [] if session.table is None else [str(name) for name in session.table.var_names]
        names = [*markers, *session.measures, *further_numbers(session)]
        for box, place in ((self.x, 0), (self.y, 1)):
            kept = box.currentText()
            box.clear()
            box.addItems(names)
            box.setCurrentIndex(names.index(kept) if kept in names else min(place, len(names) - 1))
        if self.kind.currentData() == NUMBERS:
            self._ask()  # one of them may be another now, or gone

    def _choose(self) -> None:
        numbers, table = self.kind.currentData() == NUMBERS, self._session.table
        for widget in (self.x, self._against, self.y):
            widget.setVisible(numbers)
        choice = not numbers and table is not None and len(offered_sources(table)) > 1
        for widget in (self.of, self.source):
            widget.setVisible(choice)
        if table is not None:
            self.source.choose(self._own or self._usual(table))
        self._ask()

    def _choose_source(self) -> None:
        self._own = self.source.sources
        choose_sources(self._session, self._own)
        self._ask()

    def _usual(self, table: AnnData) -> tuple[str, ...]:
        """Return what is shown unless a person has chosen."""
        if "X_splicer" not in table.obsm:
            return ("intensity",)
        if self.kind.currentData() == COMPONENTS:
            return ("representation",)
        wanted = main_sources(table) or self._session.settings.projection.sources
        offered = offered_sources(table)
        return wanted if {*wanted} <= {*offered} else offered[:1]

    def again(self) -> None:
        """Ask once more for what was stopped, or failed."""
        self._ask()

    # where the cells are -----------------------------------------------------------------------

    def _ask(self) -> None:
        session, kind, table = self._session, self.kind.currentData(), self._session.table
        self.finding.forget()  # a map is made to its end, whatever is looked at meanwhile
        sources = self.source.sources
        self._remark(() if table is None or kind == NUMBERS else said_of_blank(table, sources))
        if table is None:
            self._forget()
            self._take(nowhere(0))
        elif kind == NUMBERS:
            self._take(against(session, self.x.currentText(), self.y.currentText()))
        elif kind == COMPONENTS:
            self._wait()
            self.finding.ask(along_components, detached(table), sources)
        else:
            self._find_map(table, sources)

    def _find_map(self, table: AnnData, sources: tuple[str, ...]) -> None:
        projection = self._session.settings.projection
        settings = ProjectionSettings.model_validate(projection.model_dump() | {"source": sources})
        usual = set(sources) == set(self._usual(table))
        key = MAIN if usual and MAIN in table.obsm else find_map(table, settings)
        if key is not None:
            self._take(on_the_map(table, key, sources))
            return
        if usual:
            self._take(nowhere(table.n_obs), self._session.words(_SOON))
            return
        self._wait()
        if not (self.work.asked and self._asked == settings):
            self._asked = settings
            self.work.setToolTip(f"The UMAP of {source_words(sources)} is being made")
            self.work.ask(laying_out, detached(table), settings)

    def _forget(self) -> None:
        for line in (self.finding, self.work):
            line.forget()

    def _wait(self) -> None:
        """Let places be until there are others; say nothing in their stead any more."""
        if self.message:
            self._take(self.places)

    def _keep(self, layout: NDArray[np.float32]) -> None:
        """Keep a map in the table as it is by now, and show it if it is still chosen."""
        table = self._session.table
        if table is not None and self._asked is not None:
            add_map(table, layout, self._asked)
            self._session.map_made.emit()
            if self._awaited():
                self._ask()

    def _awaited(self) -> bool:
        """Return whether the map that was asked for is what is chosen now."""
        asked = self._asked
        if asked is None or self.kind.currentData() != MAP:
            return False
        return set(asked.sources) == set(self.source.sources)

    def _map_stopped(self) -> None:
        if self._awaited():
            self._on_stop()

    def _map_refused(self, error: Exception) -> None:
        if self._awaited():
            self._refuse(error)
        else:
            tell(error)

    def _on_stop(self) -> None:
        choose_sources(self._session, ())  # or another Explorer would begin with it
        words = f"{_WORDS[self.kind.currentData()]} of {source_words(self.source.sources)}"
        self._say(f"The {words} was stopped before it was done.")

    def _refuse(self, error: Exception) -> None:
        if not isinstance(error, SplicerError):
            tell(error)  # with its details
        self._say(in_words(error))

    def _say(self, message: str) -> None:
        """Say why what is asked for is not there, and offer to try again."""
        cells = 0 if self._session.table is None else self._session.table.n_obs
        self._take(nowhere(cells), message, stopped=True)

    def _take(self, places: Places, message: str = "", *, stopped: bool = False) -> None:
        self.places, self.message, self.stopped = places, message, stopped
        self.changed.emit()

    def _remark(self, remarks: tuple[str, ...]) -> None:
        self.remark.setText(" ".join(remarks))
        self.remark.setToolTip(self.remark.text())
        self.remark.setVisible(bool(remarks))
