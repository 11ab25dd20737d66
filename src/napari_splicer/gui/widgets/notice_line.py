"""NoticeLine: the last thing worth saying, in a sentence; what only some want is folded away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QFontDatabase
from qtpy.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_splicer.gui.binding import bind
from napari_splicer.gui.steps.page import text

if TYPE_CHECKING:
    from napari_splicer.gui.session import Session

_SIGNS = {"info": "ℹ", "warning": "⚠", "error": "✕"}
_LINES = 8  # of the details that are seen at once


class NoticeLine(QFrame):
    """Hidden while there is nothing to say.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.words = text()
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        close = QToolButton()
        close.setText("✕")
        close.setAutoRaise(True)
        close.setToolTip("Dismiss this message")
        close.clicked.connect(self._dismiss)
        line = QHBoxLayout()
        line.addWidget(self.words, 1)
        line.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 2, 4)
        layout.setSpacing(2)
        layout.addLayout(line)
        self.undo = QPushButton("Undo")
        self.undo.clicked.connect(lambda: session.set_up.undo())
        layout.addWidget(self.undo, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._fold())
        bind(self, session.events.notice, self.refresh)
        bind(self, session.set_up.changed, self._offer_undo)
        self.refresh()

    def _fold(self) -> QWidget:
        self.unfold = QPushButton()
        self.unfold.setCheckable(True)
        self.unfold.setFlat(True)
        self.unfold.setToolTip("Where in the program it went wrong, for those who repair it")
        self.unfold.toggled.connect(self._unfold)
        self.copy_button = QPushButton("Copy")
        self.copy_button.setToolTip("Copy the message and its details, to report them")
        self.copy_button.clicked.connect(self._copy)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.details.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.details.setFixedHeight(_LINES * self.details.fontMetrics().lineSpacing() + 12)
        self._folded = QWidget()
        buttons = QHBoxLayout()
        buttons.addWidget(self.unfold)
        buttons.addStretch()
        buttons.addWidget(self.copy_button)
        layout = QVBoxLayout(self._folded)
        layout.setContentsMargins(0, 0, 4, 0)
        layout.addLayout(buttons)
        layout.addWidget(self.details)
        return self._folded

    def refresh(self) -> None:
        """Show the session's notice, its details folded."""
        notice = self._session.notice
        self.setVisible(notice is not None)
        if notice is None:
            return
        self.words.setText(f"{_SIGNS[notice.kind]} {notice.text}")
        self.details.setPlainText(notice.details)
        self._offer_undo()
        self._folded.setVisible(bool(notice.details))
        self.unfold.setChecked(False)
        self._unfold(False)

    def _offer_undo(self) -> None:
        """Offer to take the step back that the notice tells of, as long as it is the last one."""
        notice = self._session.notice
        step = "" if notice is None else notice.undo
        self.undo.setVisible(bool(step) and self._session.set_up.next_undo == step)
        self.undo.setToolTip(f"Undo: {step}")

    def _unfold(self, opened: bool) -> None:
        self.unfold.setText("▼ Details" if opened else "▶ Details")
        self.details.setVisible(opened)
        self.copy_button.setVisible(opened)

    def _copy(self) -> None:
        notice = self._session.notice
        if notice is not None:
            QApplication.clipboard().setText(f"{notice.text}\n\n{notice.details}")

    def _dismiss(self) -> None:
        self._session.notice = None
