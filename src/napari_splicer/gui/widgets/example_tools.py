"""ExampleTools: buttons that make types, and cells their examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_splicer.gui import lessons
from napari_splicer.gui.binding import bind
from napari_splicer.gui.numbering import called
from napari_splicer.gui.selected_rows import selected_rows
from napari_splicer.gui.shortcuts import SHOW_AS_TYPE
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.type_table import TypeTable

_NO_TYPE = "Make a type first, and choose it in the list"
OTHER_IMAGE = "The image and mask of these cells are not the chosen ones: see step ① Image"


class ExampleTools(QWidget):
    """What can be done with the type chosen in a table, the cell clicked and the cells selected.

    Parameters
    ----------
    session : Session
        Read and written.
    types : TypeTable
    """

    def __init__(self, session: Session, types: TypeTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._types = session, types
        self.new, self.remove = QPushButton("New type"), QPushButton("Remove type")
        self._wording = Wording(self, session)
        self.add, self.add_selected = QPushButton(), QPushButton()
        self._wording.put(self.add.setText, "Add the clicked cell")
        self.follow = QCheckBox("every click")
        self.paint = QPushButton("Paint")
        self.paint.setCheckable(True)
        self._wording.put(self.new.setToolTip, "Add a type of cells, and name it")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        # No grid, whose columns would be as wide as the widest in both lines.
        for widgets in (
            (self.new, self.remove, self.paint, self.follow),
            (self.add, self.add_selected),
        ):
            line = QHBoxLayout()
            for widget in widgets:
                line.addWidget(widget, 0 if widget is self.follow else 1)
            layout.addLayout(line)
        self.new.clicked.connect(self._new_type)
        self.remove.clicked.connect(lambda: lessons.remove_type(session, types.place))
        self.add.clicked.connect(lambda: self.add_picked(types.place))
        self.add_selected.clicked.connect(self._add_selected)
        self.paint.clicked.connect(self._paint)
        types.currentCellChanged.connect(self._type_chosen)
        events = session.events
        for signal in (
            events.picked,
            events.selection,
            events.lesson,
            events.table,
            events.brush,
            events.cells,
            events.tiles,
        ):
            bind(self, signal, self._refresh)
        bind(self, session.cell_clicked, self._cell_clicked)
        self._refresh()

    def add_picked(self, place: int) -> None:
        """Make the cell that was last clicked, or flown to, an example of a type."""
        session, cell = self._session, self._session.picked
        there = 0 <= place < len(session.lesson.types)
        if there and cell is not None and session.table_fits:
            lessons.show(session, place, [cell])

    def _new_type(self) -> None:
        lessons.add_type(self._session)
        self._types.edit_name(len(self._session.lesson.types) - 1)

    def _add_selected(self) -> None:
        lessons.show(self._session, self._types.place, self._session.selection)

    def _cell_clicked(self, cell: int) -> None:
        if self.follow.isChecked() and self.isVisible() and self._types.place >= 0:
            lessons.show(self._session, self._types.place, [cell])

    def _paint(self, wanted: bool) -> None:
        self._session.brush = self._types.place if wanted else None
        self._refresh()

    def _type_chosen(self, *_: object) -> None:
        """Let the brush, if it is in use, paint examples of the type that is chosen now."""
        place = self._types.place
        if self._session.brush is not None and 0 <= place < len(self._session.lesson.types):
            self._session.brush = place
        self._refresh()

    def _refresh(self, *_: object) -> None:
        session, place = self._session, self._types.place
        chosen = 0 <= place < len(session.lesson.types)
        name = session.lesson.types[place].name if chosen else ""
        self.remove.setEnabled(chosen)
        self.remove.setToolTip(f"Take out {name} with all its examples" if chosen else _NO_TYPE)
        self.follow.setEnabled(chosen)
        self.follow.setToolTip(
            f"Every cell that you click in the image or on the map becomes an example of {name}"
            if chosen
            else _NO_TYPE
        )
        self._refresh_paint(chosen, name)
        picked = session.picked
        known = picked is not None and picked in session.ids()
        self.add.setEnabled(chosen and known and session.table_fits)
        if not chosen:
            self.add.setToolTip(_NO_TYPE)
        elif not session.table_fits:
            self.add.setToolTip(OTHER_IMAGE)
        elif picked is not None and known:
            key = f" (key {place + 1})" if place < len(SHOW_AS_TYPE.keys) else ""
            self.add.setToolTip(
                session.words(f"Make {called(session, picked)} an example of {name}{key}")
            )
        else:
            self.add.setToolTip("Click a cell of this table in the image or on the map first")
        count = int(selected_rows(session).sum())
        self.add_selected.setText(f"Add {count:,} selected" if count else "Add the selected")
        self.add_selected.setEnabled(chosen and count > 0)
        if not chosen:
            self.add_selected.setToolTip(_NO_TYPE)
        elif count:
            cells = (
                "selected cell an example" if count == 1 else f"{count:,} selected cells examples"
            )
            self.add_selected.setToolTip(session.words(f"Make the {cells} of {name}"))
        else:
            self.add_selected.setToolTip("Select cells first: drag around them on the map")

    def _refresh_paint(self, chosen: bool, name: str) -> None:
        session = self._session
        self.paint.setChecked(session.brush is not None)
        self.paint.setEnabled(chosen and session.table_fits)
        if not chosen:
            self.paint.setToolTip(_NO_TYPE)
        elif not session.table_fits:
            self.paint.setToolTip(OTHER_IMAGE)
        else:
            self.paint.setToolTip(
                session.words(
                    f"Paint over cells in the image: those that a stroke touches become examples "
                    f"of {name}. Alt takes them out. Press again to end"
                )
            )
