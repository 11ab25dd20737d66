"""MapAxes: a choice of what places the cells on the map: UMAP or PCA, or any two numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_splicer.analysis.maps import same_numbers
from napari_splicer.analysis.sources import said_of_blank
from napari_splicer.gui.binding import bind
from napari_splicer.gui.cell_places import map_key, usual_sources
from napari_splicer.gui.map_choice import COMPONENTS, MAP, NUMBERS, MapChoice
from napari_splicer.gui.naming import offered_sources
from napari_splicer.gui.numbers import further_numbers
from napari_splicer.gui.widgets.map_finder import MapFinder
from napari_splicer.gui.widgets.narrow_box import NarrowBox
from napari_splicer.gui.widgets.source_choice import SourceChoice
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_splicer.gui.session import Session

_WORDS = {MAP: "UMAP", COMPONENTS: "PCA", NUMBERS: "one against another"}
_NARROW = 84  # px
_FEWEST = 5  # characters of a choice that always have room: the title of the map says all of it


class MapAxes(QWidget):
    """A choice of axes, kept in ``session.map_choice``; ``finder`` finds the cells' places by it.

    Parameters
    ----------
    session : Session

    Attributes
    ----------
    finder : MapFinder
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._table: AnnData | None = None  # whose numbers the places are of
        self._own: tuple[str, ...] = ()  # sources that the person has chosen; none: the usual ones
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
            box.activated.connect(self._choose)
        self.remark = QElidingLabel()
        self.finder = MapFinder(session)
        self.kind.activated.connect(self._choose)
        self.source.changed.connect(self._choose_source)
        self._lay_out()
        bind(self, session.events.table, self._new_table)
        bind(self, session.events.map_choice, self._follow)
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
        layout.addWidget(self.finder)

    def _explain(self, tip: str) -> None:
        self.kind.tip = tip
        self.kind.setToolTip(tip)

    def _new_table(self) -> None:
        """Go on where the cells and their numbers are the same, as after grouping; else anew."""
        table, before, finder = self._session.table, self._table, self.finder
        same = table is not None and before is not None and same_numbers(table, before)
        self._table = table
        if not same:
            finder.begin_anew()
        if table is not None:
            self.source.offer(offered_sources(table))
        self._list_numbers()
        if not same:
            self._take_up(self._session.map_choice)
        elif not finder.stopped and (finder.message or self.kind.currentData() != COMPONENTS):
            self._show()

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
            self._find()  # one of them may be another now, or gone

    def _choice(self) -> MapChoice:
        numbers = self.x.currentText(), self.y.currentText()
        return MapChoice(self.kind.currentData(), self._own, *numbers)

    def _choose_source(self) -> None:
        self._own = self.source.sources
        self._choose()

    def _choose(self) -> None:
        """Note what the person chose, and show it."""
        self._session.map_choice = self._choice()
        self._show()

    def _follow(self) -> None:
        """Take up what was chosen elsewhere, or is the choice for another image."""
        if self._session.map_choice != self._choice():
            self._take_up(self._session.map_choice)

    def _take_up(self, choice: MapChoice) -> None:
        """Show what a person chose; a map that is not there is made only when they ask for it."""
        session, table = self._session, self._session.table
        if choice.kind is not None:
            self.kind.setCurrentIndex(self.kind.findData(choice.kind))
        for box, name in ((self.x, choice.x), (self.y, choice.y)):
            if (place := box.findText(name)) >= 0:
                box.setCurrentIndex(place)
        self._own = ()
        if table is not None and choice.sources and {*choice.sources} <= {*offered_sources(table)}:
            there = self.kind.currentData() != MAP or map_key(session, table, choice.sources)
            self._own = choice.sources if there else ()
        self._show()

    def _show(self) -> None:
        numbers, table = self.kind.currentData() == NUMBERS, self._session.table
        for widget in (self.x, self._against, self.y):
            widget.setVisible(numbers)
        choice = not numbers and table is not None and len(offered_sources(table)) > 1
        for widget in (self.of, self.source):
            widget.setVisible(choice)
        if table is not None:
            usual = usual_sources(self._session, table, self.kind.currentData())
            self.source.choose(self._own or usual)
        self._find()

    def _find(self) -> None:
        kind, table, sources = self.kind.currentData(), self._session.table, self.source.sources
        self._remark(() if table is None or kind == NUMBERS else said_of_blank(table, sources))
        self.finder.find(MapChoice(kind, sources, self.x.currentText(), self.y.currentText()))

    def _remark(self, remarks: tuple[str, ...]) -> None:
        self.remark.setText(" ".join(remarks))
        self.remark.setToolTip(self.remark.text())
        self.remark.setVisible(bool(remarks))
