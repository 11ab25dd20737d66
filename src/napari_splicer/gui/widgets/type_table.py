"""TypeTable: the types of cells that are taught, each with its colour, examples and cells."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_splicer.gui import lessons
from napari_splicer.gui.binding import bind
from napari_splicer.gui.naming import say
from napari_splicer.gui.widgets.swatch import SWATCH, ask_for_colour, swatch
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.session import Session

COLOUR, NAME, EXAMPLES, CELLS = range(4)
_TITLES = ("", "Type", "Examples", "Cells")
_TIPS = (
    "Click to change the colour",
    "Double-click to rename",
    "Cells that you have shown as this type",
    "Cells that are taken for this type, of all",
)


class TypeTable(QTableWidget):
    """Rows of the session's lesson; a double click renames, a click on a swatch asks for a colour.

    Parameters
    ----------
    session : Session
        Read and written.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_TITLES), parent)
        self._session = session
        self._wording = Wording(self, session)
        for place, title in enumerate(_TITLES):
            item = QTableWidgetItem()
            self._wording.put(item.setText, title)
            self.setHorizontalHeaderItem(place, item)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        self._wording.put(
            self.verticalHeader().setToolTip, "Keys 1 to 9 show the clicked cell as one of these"
        )
        self.setIconSize(QSize(SWATCH, SWATCH))
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.cellClicked.connect(self._clicked)
        self.itemChanged.connect(self._renamed)
        for signal in (session.events.lesson, session.events.table, session.events.groups):
            bind(self, signal, self._refresh)
        self._refresh()

    @property
    def place(self) -> int:
        """Index of the chosen type in the lesson; -1 without any."""
        return int(self.currentRow())

    def edit_name(self, place: int) -> None:
        """Choose a type and let its name be typed."""
        self.setCurrentCell(place, NAME)
        self.editItem(self.item(place, NAME))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave digits to the page, instead of looking for a row that begins with them."""
        if event.text().isdigit():
            event.ignore()
        else:
            super().keyPressEvent(event)

    def _refresh(self) -> None:
        kinds, found = self._session.lesson.types, lessons.counts(self._session)
        before, chosen = self.rowCount(), self.currentRow()
        self.blockSignals(True)
        self.setRowCount(len(kinds))
        for row, kind in enumerate(kinds):
            shown = len(lessons.examples(self._session, row))
            cells = f"{found[kind.name]:,}" if kind.name in found else "–"
            for column, words in enumerate(("", kind.name, f"{shown:,}", cells)):
                item = self.item(row, column)
                if item is None:
                    item = QTableWidgetItem()
                    item.setToolTip(self._session.words(_TIPS[column]))
                    if column != NAME:
                        item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                    self.setItem(row, column, item)
                item.setText(words)
            self.item(row, COLOUR).setIcon(swatch(kind.colour or "#808080"))
        self.blockSignals(False)
        if kinds and (len(kinds) > before or not 0 <= chosen < len(kinds)):
            self.setCurrentCell(len(kinds) - 1 if chosen >= 0 else 0, NAME)

    def _renamed(self, item: QTableWidgetItem) -> None:
        if item.column() == NAME:
            say(self._session, lessons.rename_type(self._session, item.row(), item.text()))
            self._refresh()  # the old name comes back where the new one is refused

    def _clicked(self, row: int, column: int) -> None:
        if column == COLOUR:
            session, kind = self._session, self._session.lesson.types[row]
            ask_for_colour(
                self,
                kind.name,
                kind.colour or "#808080",
                lambda: [each.name for each in session.lesson.types],
                partial(lessons.recolour_type, session),
            )
