"""GroupingList: a table's groupings, oldest first, to be chosen, renamed and removed."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_splicer.analysis.clustering import clusterings
from napari_splicer.analysis.groups import earlier_model
from napari_splicer.analysis.trust import trust_of
from napari_splicer.gui.binding import bind
from napari_splicer.gui.groupings import remove_grouping, rename_grouping
from napari_splicer.gui.naming import source_words
from napari_splicer.gui.shortcuts import REMOVE_GROUPING, RENAMING
from napari_splicer.gui.widgets.trust_line import in_short, in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anndata import AnnData
    from qtpy.QtCore import QAbstractItemModel, QModelIndex
    from qtpy.QtGui import QKeyEvent

    from napari_splicer.gui.session import Session

_NAME = Qt.ItemDataRole.UserRole
_NOT_KNOWN = "How sure its groups are was not asked yet: press <i>How sure?</i>"
_MOST = 4  # rows without scrolling
_UNUSED = {"leiden": ("clusters",), "kmeans": ("resolution", "neighbours")}  # of the settings


class GroupingList(QWidget):
    """Click to show one on image and map, double-click to rename it.

    Parameters
    ----------
    session : Session
        Read and written.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.list = QListWidget()
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setEditTriggers(RENAMING)
        self.list.setItemDelegate(_NameEditor(session, self.list))
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.list.currentRowChanged.connect(self._choose)
        self.rename = self._action(
            "Rename …", "Give this grouping another name (or double-click it)", self._rename
        )
        self.remove = self._action(
            "Remove", "Take this grouping out of the list (Del); ↶ brings it back", self._remove
        )
        buttons = QVBoxLayout()
        buttons.setSpacing(2)
        for action, sign in ((self.rename, "✎"), (self.remove, "✕")):
            buttons.addWidget(_button(action, sign))
        buttons.addStretch()
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(2)
        line.addWidget(self.list, 1)
        line.addLayout(buttons)
        for signal in (
            session.events.table,
            session.events.clustering,
            session.events.groups,
            session.clusterings_changed,
            session.trust_noted,
        ):
            bind(self, signal, self._refresh)
        self._refresh()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Del, for which the list itself has no use, removes the grouping."""
        if REMOVE_GROUPING.matches(event):
            self.remove.trigger()
        else:
            super().keyPressEvent(event)

    def _action(self, words: str, tip: str, act: Any) -> QAction:
        action = QAction(words, self.list)
        action.setToolTip(tip)
        action.triggered.connect(lambda: act())
        self.list.addAction(action)
        return action

    @property
    def chosen(self) -> str | None:
        """The grouping whose row is the current one."""
        item = self.list.currentItem()
        return None if item is None else str(item.data(_NAME))

    def _rename(self) -> None:
        if self.list.currentItem() is not None:
            self.list.editItem(self.list.currentItem())

    def _remove(self) -> None:
        if self.chosen is not None:
            remove_grouping(self._session, self.chosen)

    def _choose(self, row: int) -> None:
        if row >= 0:
            self._session.clustering = self.list.item(row).data(_NAME)

    def _refresh(self) -> None:
        session = self._session
        table, names = session.table, session.clusterings
        self.list.blockSignals(True)
        self._have_rows(len(names))
        for row, name in enumerate(names if table is not None else ()):
            assert table is not None
            item = self.list.item(row)
            groups, known = table.obs[name].cat.categories, trust_of(table, name)
            short = "" if known is None else in_short(known)
            item.setText(" · ".join(filter(None, (name, f"{len(groups)} groups", short))))
            item.setData(_NAME, name)
            sure = _NOT_KNOWN if known is None else in_words(known)
            item.setToolTip(
                f"<p>{escape(_how_made(table, name))}.</p><p>{sure}</p><p>Click to show it on "
                "image and map, double-click to rename it.</p>"
            )
        self.list.setCurrentRow(
            names.index(session.clustering) if session.clustering in names else -1
        )
        self.list.blockSignals(False)
        rows = min(max(len(names), 2), _MOST)
        self.list.setFixedHeight(rows * self._row_height() + 8)

    def _row_height(self) -> int:
        return int(self.fontMetrics().height()) + 8

    def _have_rows(self, count: int) -> None:
        """Keep the rows there are: one of them may be in the person's hands."""
        while self.list.count() > count:
            self.list.takeItem(self.list.count() - 1)
        while self.list.count() < count:
            item = QListWidgetItem(self.list)
            item.setSizeHint(QSize(0, self._row_height()))
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)


class _NameEditor(QStyledItemDelegate):
    """Lets the name alone be typed, without the number of groups beside it."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session

    def setEditorData(self, editor: QLineEdit, index: QModelIndex) -> None:
        """Begin with the name as it is."""
        editor.setText(str(index.data(_NAME)))

    def setModelData(
        self, editor: QLineEdit, model: QAbstractItemModel, index: QModelIndex
    ) -> None:
        """Rename the grouping; the list follows."""
        rename_grouping(self._session, str(index.data(_NAME)), editor.text())


def _button(action: QAction, sign: str) -> QToolButton:
    button = QToolButton()
    button.setText(sign)
    button.setToolTip(action.toolTip())
    button.setAccessibleName(action.toolTip())
    button.clicked.connect(action.trigger)
    return button


def _how_made(table: AnnData, name: str) -> str:
    """Say how a grouping was made, in a tool tip."""
    model = earlier_model(table, name)
    words = _in_words(clusterings(table)[name])
    if not model:
        return words
    return f"{words}; found when the cells were described by {model}"


def _in_words(made: Mapping[str, Any]) -> str:
    if made.get("method") == "taught":
        sources = source_words(made["sources"])
        return f"Taught by examples, by {sources}: see the Explorer's page Teach"
    left_out = {"name", "source", *_UNUSED.get(made.get("method", ""), ())}
    settings = ", ".join(f"{key} {value}" for key, value in made.items() if key not in left_out)
    return f"By {source_words(made['source'])}; {settings}"
