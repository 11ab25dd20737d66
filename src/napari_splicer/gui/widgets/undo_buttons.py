"""Undo and redo, as buttons and as keys of the dock they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QToolButton, QWidget

from napari_splicer.gui.binding import bind
from napari_splicer.gui.shortcuts import REDO, UNDO

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QKeyEvent

    from napari_splicer.gui.history import History
    from napari_splicer.gui.session import Session


class UndoButtons(QWidget):
    """Take back and do again what was selected and edited; napari's own undo stays napari's.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._history = session.history
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


def take_key(event: QKeyEvent, history: History) -> bool:
    """Undo or redo if that is what a key asks for; return whether it was.

    To be called by a dock with the keys that its widgets had no use for: a name being typed keeps
    an undo of its own.
    """
    for shortcut, act in ((UNDO, history.undo), (REDO, history.redo)):
        if shortcut.matches(event):
            act()
            return True
    return False


def _button(sign: str, act: Callable[[], object]) -> QToolButton:
    button = QToolButton()
    button.setText(sign)
    button.clicked.connect(lambda: act())
    return button
