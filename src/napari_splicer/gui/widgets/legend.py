"""Legend: the groups of the active clustering, to be shown, renamed and recoloured."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPoint,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from qtpy.QtGui import QContextMenuEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_splicer.gui import editing
from napari_splicer.gui.binding import bind
from napari_splicer.gui.shortcuts import RENAMING
from napari_splicer.gui.widgets.swatch import SWATCH, ask_for_colour, swatch

if TYPE_CHECKING:
    from qtpy.QtCore import QEvent
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.session import Session

SHOWN, COLOUR, NAME, CELLS = range(4)
TITLES = ("", "", "Group", "Cells")
_SORT = Qt.ItemDataRole.UserRole


class GroupModel(QAbstractTableModel):
    """The session's groups as rows of visibility tick, swatch, name, and number of cells."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self._groups = session.groups
        bind(parent, session.events.groups, self._refresh)

    def _refresh(self) -> None:
        old, self._groups = self._groups, self._session.groups
        if len(old) != len(self._groups):
            self.beginResetModel()
            self.endResetModel()
        elif self._groups:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._groups) - 1, CELLS))

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of groups."""
        return 0 if parent is not None and parent.isValid() else len(self._groups)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return 4: tick, colour, name, cells."""
        return 0 if parent is not None and parent.isValid() else len(TITLES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Return the columns' titles."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._session.words(TITLES[section])
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Let the first column be ticked and the name be edited."""
        more = {SHOWN: Qt.ItemFlag.ItemIsUserCheckable, NAME: Qt.ItemFlag.ItemIsEditable}
        return super().flags(index) | more.get(index.column(), Qt.ItemFlag.NoItemFlags)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell of the legend shows."""
        group, column = self._groups[index.row()], index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return {NAME: group.name, CELLS: f"{group.count:,}"}.get(column)
        if role == _SORT:
            return {NAME: group.name.casefold(), CELLS: group.count}.get(column, index.row())
        if role == Qt.ItemDataRole.CheckStateRole and column == SHOWN:
            return Qt.CheckState.Checked if group.visible else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.DecorationRole and column == COLOUR:
            return swatch(group.colour)
        if role == Qt.ItemDataRole.TextAlignmentRole and column == CELLS:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            words = {
                SHOWN: "Shown on image and map",
                COLOUR: "Click to change the colour",
                NAME: f"{group.name}: click to select its cells, double-click to rename, "
                "right-click for more",
            }.get(column, f"{group.count:,} cells")
            return self._session.words(words) if column != NAME else words
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Rename a group, or show and hide it."""
        if role == Qt.ItemDataRole.CheckStateRole:
            self._session.show_group(index.row(), Qt.CheckState(value) == Qt.CheckState.Checked)
            return True
        return role == Qt.ItemDataRole.EditRole and editing.rename(
            self._session, index.row(), str(value)
        )


class Legend(QTableView):
    """A table of the active clustering's groups; all changes go through the session.

    Tick to show, click a swatch to change its colour, a name to select its cells (with Ctrl or
    Shift, those of several groups), double-click it to rename. The row under the mouse becomes
    ``session.hovered_group``. Emits ``menu_wanted`` with the place on the screen.

    Parameters
    ----------
    session : Session
        Read and written.
    parent : QWidget, optional
    """

    menu_wanted = Signal(QPoint)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(GroupModel(session, self))
        self._sorted.setSortRole(_SORT)
        self.setModel(self._sorted)
        self.setSortingEnabled(True)
        self.sortByColumn(SHOWN, Qt.SortOrder.AscendingOrder)
        self._dress()
        self.clicked.connect(self._clicked)
        self.entered.connect(self._entered)
        self.viewportEntered.connect(self._left)

    def _dress(self) -> None:
        self.setTabKeyNavigation(False)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        self.setIconSize(QSize(SWATCH, SWATCH))
        self.setShowGrid(False)
        self.setMouseTracking(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(RENAMING)

    def _group(self, index: QModelIndex) -> int:
        return int(self._sorted.mapToSource(index).row())

    def _clicked(self, index: QModelIndex) -> None:
        if index.column() == COLOUR:
            self.choose_colour(self._group(index))
        elif index.column() != SHOWN:
            self.select_marked()

    def marked(self) -> list[int]:
        """Return the groups whose rows are marked, as indices into ``session.groups``, sorted."""
        groups = {self._group(index) for index in self.selectionModel().selectedRows()}
        return sorted(group for group in groups if group < len(self._session.groups))

    def select_marked(self) -> None:
        """Select the cells of the groups whose rows are marked."""
        session = self._session
        session.select(session.ids()[np.isin(session.codes(), self.marked())])

    def rename(self, group: int) -> None:
        """Let the person type another name for a group."""
        row = self._sorted.mapFromSource(self._sorted.sourceModel().index(group, NAME))
        self.doItemsLayout()  # or one that was just made might stay out of sight
        self.scrollTo(row)
        self.edit(row)

    def choose_colour(self, group: int) -> None:
        """Let the person choose another colour for a group."""
        session, old = self._session, self._session.groups[group]
        clustering = session.clustering

        def names() -> list[str]:
            same = session.clustering == clustering
            return [each.name for each in session.groups] if same else []

        ask_for_colour(self, old.name, old.colour, names, partial(editing.recolour, session))

    def _entered(self, index: QModelIndex) -> None:
        self._session.hovered_group = self._group(index)

    def _left(self) -> None:
        self._session.hovered_group = None

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for a menu where the mouse is, or beside the row in hand if a key asked for it."""
        place = event.globalPos()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            row = self.visualRect(self.currentIndex())
            place = self.viewport().mapToGlobal(row.bottomLeft())
        self.menu_wanted.emit(place)
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        """Let no group be lit once the mouse has left."""
        self._left()
        super().leaveEvent(event)
