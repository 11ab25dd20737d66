"""GroupActions: what can be done with the groups marked in a legend, for buttons and menu alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QMenu, QPushButton

from napari_splicer.gui import editing
from napari_splicer.gui.binding import bind

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtCore import QPoint
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.legend import Legend

_MARK = "Mark {} in the list first{}"
_ONE = _MARK.format("one group", "")


class GroupActions(QObject):
    """Each action is defined here once, with when it can be done and why not.

    A right click on the legend opens a menu of all. Emits ``split_wanted`` with a group's index.

    Parameters
    ----------
    session : Session
        Read and written.
    legend : Legend
        Its marked rows are what the actions are about.
    """

    split_wanted = Signal(int)

    def __init__(self, session: Session, legend: Legend) -> None:
        super().__init__(legend)
        self._session, self._legend = session, legend
        self.select = self._action("Select these cells", legend.select_marked)
        self.only = self._action("Show only these", lambda: session.show_only(legend.marked()))
        self.all = self._action("Show all", lambda: session.show_only(range(len(session.groups))))
        self.rename = self._action("Rename …", lambda: legend.rename(legend.marked()[0]))
        self.colour = self._action("Colour …", lambda: legend.choose_colour(legend.marked()[0]))
        self.merge = self._action("Merge", lambda: editing.merge(session, legend.marked()))
        self.split = self._action("Split", lambda: self.split_wanted.emit(legend.marked()[0]))
        self.delete = self._action("Take out", lambda: editing.delete(session, legend.marked()))
        self._lay_out_menu(legend)
        legend.selectionModel().selectionChanged.connect(self._refresh)
        for signal in (session.events.groups, session.events.job):
            bind(legend, signal, self._refresh)
        self._refresh()

    def _action(self, words: str, act: Callable[[], object]) -> QAction:
        action = QAction(words, self)
        action.triggered.connect(lambda: act())
        return action

    def _lay_out_menu(self, legend: Legend) -> None:
        self.menu = QMenu(legend)
        self.menu.setToolTipsVisible(True)
        looks = (self.select, self.only, self.all)
        for part in (looks, (self.rename, self.colour), (self.merge, self.split, self.delete)):
            self.menu.addActions(part)
            self.menu.addSeparator()
        legend.menu_wanted.connect(self._open_menu)

    def _open_menu(self, place: QPoint) -> None:
        self.menu.popup(place)

    def _refresh(self, *_: object) -> None:
        session, marked = self._session, self._legend.marked()
        names = [session.groups[i].name for i in marked]
        listed = ", ".join(names)
        one, several = len(marked) == 1, len(marked) > 1
        group = _MARK.format("a group", "")
        allow(self.select, bool(marked), f"Select the cells of {listed}", group)
        allow(self.rename, one, f"Give {listed} another name (or double-click it)", _ONE)
        allow(self.colour, one, f"Give {listed} another colour (or click its colour)", _ONE)
        allow(
            self.merge,
            several,
            f"Make {listed} one group, called {names[0]}" if names else "",
            _MARK.format("two or more groups", " (Ctrl+click)"),
        )
        allow(
            self.split,
            one and session.job is None,
            f"Divide group {listed}, its cells among themselves, in the way set below",
            _ONE if session.job is None else "Wait until the running step is done",
        )
        taken_out = [i for i in marked if not editing.can_be_deleted(session, i)]
        allow(
            self.delete,
            bool(marked) and not taken_out,
            f"Let the cells of {listed} be unassigned",
            "These cells are unassigned already" if taken_out else group,
        )
        self._refresh_shown(marked, listed, group)

    def _refresh_shown(self, marked: list[int], listed: str, group: str) -> None:
        shown = [i for i, each in enumerate(self._session.groups) if each.visible]
        alone = f"Hide all but {listed}, on image and map"
        why = "No others are shown" if marked else group
        allow(self.only, bool(marked) and shown != marked, alone, why)
        hidden = len(self._session.groups) - len(shown)
        allow(self.all, hidden > 0, f"Show the {hidden} hidden ones again", "All are shown")


def allow(action: QAction, allowed: bool, tip: str, why: str) -> None:
    """Enable an action, with what it does as its tool tip, or say why it can't be done."""
    action.setEnabled(allowed)
    action.setToolTip(tip if allowed else why)


class ActionButton(QPushButton):
    """A button that does what an action does, when it can be done.

    Parameters
    ----------
    action : QAction
    """

    def __init__(self, action: QAction, parent: QWidget | None = None) -> None:
        super().__init__(action.text(), parent)
        self._action = action
        self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        self.setEnabled(self._action.isEnabled())
        self.setToolTip(self._action.toolTip())
