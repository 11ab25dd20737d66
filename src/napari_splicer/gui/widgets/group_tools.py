"""GroupTools: what can be done with the groups marked in a legend, and with selected cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_splicer.gui import editing
from napari_splicer.gui.binding import bind
from napari_splicer.gui.widgets.group_actions import ActionButton, GroupActions
from napari_splicer.gui.widgets.undo_buttons import UndoButtons

if TYPE_CHECKING:
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.legend import Legend


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
        self.actions_of_groups = GroupActions(session, legend)
        self.actions_of_groups.split_wanted.connect(self.split_wanted)
        self.merge = ActionButton(self.actions_of_groups.merge)
        self.split = ActionButton(self.actions_of_groups.split)
        self.delete = ActionButton(self.actions_of_groups.delete)
        self.new = QPushButton("New group from selection")
        self.undo = UndoButtons(session.history)
        self.new.clicked.connect(self.group_selection)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for buttons in ((self.merge, self.split, self.delete), (self.new, self.undo)):
            line = QHBoxLayout()
            line.setSpacing(4)
            for button in buttons:
                line.addWidget(button, 0 if button is self.undo else 1)
            layout.addLayout(line)
        for signal in (session.events.groups, session.events.selection):
            bind(self, signal, self._refresh)
        self._refresh()

    def group_selection(self) -> None:
        """Make the selected cells a group, and let its name be typed in the legend."""
        name = editing.free_group_name(self._session)
        if editing.group_selection(self._session, name):
            names = [group.name for group in self._session.groups]
            self._legend.rename(names.index(name))

    def _refresh(self) -> None:
        session = self._session
        chosen = len(session.selection)
        self.new.setEnabled(bool(chosen and session.groups))
        if not session.groups:
            words = "There is no grouping to add it to: make one below, or bring one back with ↶"
        elif not chosen:
            words = "Select cells first: drag around them on the map, or click a group"
        else:
            words = (
                f"Make the {chosen:,} selected cells a group; they leave the groups they are in. "
                "Its name can be typed in the list at once"
            )
        self.new.setToolTip(session.words(words))
