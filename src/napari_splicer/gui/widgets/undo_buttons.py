"""Undo and redo, as buttons and as keys of the dock they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QHBoxLayout, QLineEdit, QToolButton, QWidget

from napari_splicer.gui.binding import bind
from napari_splicer.gui.shortcuts import REDO, UNDO

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QKeyEvent
    from qtpy.QtWidgets import QAbstractSpinBox

    from napari_splicer.gui.history import History
    from napari_splicer.gui.set_up import SetUpHistory


class UndoButtons(QWidget):
    """Take back and do again what a history remembers; napari's own undo stays napari's.

    Parameters
    ----------
    history : History or SetUpHistory
    """

    def __init__(self, history: History | SetUpHistory, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._history = history
        self.undo = _button("↶", self._history.undo)
        self.redo = _button("↷", self._history.redo)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(2)
        line.addWidget(self.undo)
        line.addWidget(self.redo)
        bind(self, self._history.changed, self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        for button, words, what, shortcut in (
            (self.undo, self._history.next_undo, "undo", UNDO),
            (self.redo, self._history.next_redo, "do again", REDO),
        ):
            button.setEnabled(words is not None)
            known = f"{what.capitalize()}: {words} ({shortcut.native})"
            button.setToolTip(f"Nothing to {what} yet" if words is None else known)


def take_key(event: QKeyEvent, history: History | SetUpHistory) -> bool:
    """Undo or redo if that is what a key asks for; return whether it was.

    To be called by a dock with the keys that its widgets had no use for: a name being typed keeps
    an undo of its own.
    """
    for shortcut, act in ((UNDO, history.undo), (REDO, history.redo)):
        if shortcut.matches(event):
            act()
            return True
    return False


class PassOnUndo(QObject):
    """Has fields hand on undo and redo where they have nothing of their own to undo.

    Qt's fields keep these keys to themselves, also when that does nothing.

    Parameters
    ----------
    *fields : QLineEdit or QAbstractSpinBox
    """

    def __init__(self, *fields: QLineEdit | QAbstractSpinBox) -> None:
        super().__init__(fields[0])
        for field in fields:
            field.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Refuse such a key, so that the dock around the field gets it."""
        if event.type() != QEvent.Type.KeyPress:
            return False
        line = watched if isinstance(watched, QLineEdit) else watched.lineEdit()
        undo, redo = UNDO.matches(event), REDO.matches(event)
        if (undo and not line.isUndoAvailable()) or (redo and not line.isRedoAvailable()):
            event.ignore()
            return True
        return False


def _button(sign: str, act: Callable[[], object]) -> QToolButton:
    button = QToolButton()
    button.setText(sign)
    button.clicked.connect(lambda: act())
    return button
