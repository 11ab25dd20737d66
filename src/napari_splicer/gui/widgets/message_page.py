"""MessagePage: a sentence in place of content, with a button that asks for the content again."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget


class MessagePage(QWidget):
    """A sentence in the middle; under it *Try again*, where that is offered.

    Attributes
    ----------
    again : QPushButton
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sentence = QLabel()
        self._sentence.setWordWrap(True)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.again = QPushButton("Try again")
        self.again.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addStretch()
        layout.addWidget(self._sentence)
        layout.addWidget(self.again, alignment=Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch()

    @property
    def sentence(self) -> str:
        """What it says."""
        return str(self._sentence.text())

    def say(self, sentence: str, *, again: bool = False) -> None:
        """Say a sentence, and offer to try again or not."""
        self._sentence.setText(sentence)
        self.again.setVisible(again)
