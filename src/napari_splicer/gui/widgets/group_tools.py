"""GroupTools: what can be done with the groups marked in a legend, and with selected cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QInputDialog, QPushButton, QVBoxLayout, QWidget

from napari_splicer.gui import editing
from napari_splicer.gui.binding import bind
from napari_splicer.gui.widgets.undo_buttons import UndoButtons

if TYPE_CHECKING:
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.legend import Legend

_MARK = "Mark {} in the list first{}"


class GroupTools(QWidget):
    """Buttons under a legend. Emits ``split_wanted`` with the group's index.

    Parameters
    ----------
    session : Session
        Read and written.
    legend : Legend
        Its marked rows are what the buttons are about.
    """

    split_wanted = Signal(int)

    def __init__(self, session: Session, legend: Legend, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._legend = session, legend
        self._busy = False
        self.merge = QPushButton("Merge")
        self.split = QPushButton("Split")
        self.delete = QPushButton("Take out")
        self.new = QPushButton("New group from selection")
        self.undo = UndoButtons(session)
        self.merge.clicked.connect(lambda: editing.merge(session, legend.marked()))
        self.split.clicked.connect(lambda: self.split_wanted.emit(legend.marked()[0]))
        self.delete.clicked.connect(lambda: editing.delete(session, legend.marked()))
        self.new.clicked.connect(self.ask_for_a_group)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for buttons in ((self.merge, self.split, self.delete), (self.new, self.undo)):
            line = QHBoxLayout()
            line.setSpacing(4)
            for button in buttons:
                line.addWidget(button, 0 if button is self.undo else 1)
            layout.addLayout(line)
        legend.selectionModel().selectionChanged.connect(self._refresh)
        for signal in (session.events.groups, session.events.selection, session.events.job):
            bind(self, signal, self._refresh)
        self._refresh()

    def ask_for_a_group(self) -> None:
        """Ask for a name, and make the selected cells a group of that name."""
        name, given = QInputDialog.getText(
            self,
            "New group",
            f"Name of the group of {len(self._session.selection):,} cells:",
            text=editing.free_group_name(self._session),
        )
        if given:
            editing.group_selection(self._session, name)

    def _refresh(self, *_: object) -> None:
        session, marked = self._session, self._legend.marked()
        one, several = len(marked) == 1, len(marked) > 1
        names = [session.groups[i].name for i in marked]
        self.merge.setEnabled(several)
        self.merge.setToolTip(
            f"Make {', '.join(names)} one group, called {names[0]}"
            if several
            else _MARK.format("two or more groups", " (Ctrl+click)")
        )
        running = session.job is not None
        self.split.setEnabled(one and not running)
        if running:
            self.split.setToolTip("Wait until the running step is done")
        elif one:
            self.split.setToolTip(
                f"Divide group {names[0]}, its cells among themselves, in the way set below"
            )
        else:
            self.split.setToolTip(_MARK.format("one group", ""))
        deletable = [i for i in marked if editing.can_be_deleted(session, i)]
        self.delete.setEnabled(bool(deletable) and len(deletable) == len(marked))
        if not marked:
            self.delete.setToolTip(_MARK.format("a group", ""))
        elif len(deletable) < len(marked):
            self.delete.setToolTip("These cells are unassigned already")
        else:
            self.delete.setToolTip(f"Let the cells of {', '.join(names)} be unassigned")
        chosen = len(session.selection)
        self.new.setEnabled(bool(chosen and session.groups))
        self.new.setToolTip(
            f"Make the {chosen:,} selected cells a group; they leave the groups they are in"
            if chosen
            else "Select cells first: drag around them on the map, or click a group"
        )
