"""ChoiceCard: a big button with a title and a line under it, one of a few to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QLabel, QPushButton, QSizePolicy, QVBoxLayout

if TYPE_CHECKING:
    from qtpy.QtGui import QResizeEvent
    from qtpy.QtWidgets import QWidget


class ChoiceCard(QPushButton):
    """Put several into a QButtonGroup to let only one be chosen.

    Parameters
    ----------
    title : str
    note : str
        What distinguishes it, e.g. how long it takes.
    tip : str
    """

    def __init__(self, title: str, note: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setToolTip(tip)
        self.setAccessibleName(title)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._title, self._note = QLabel(title), QLabel(note)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(1)
        for label in (self._title, self._note):
            label.setIndent(0)
            label.setWordWrap(True)
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            label.setStyleSheet("background: transparent")
            layout.addWidget(label)
        # Together in the middle where it is as high as another beside it, whose lines wrap.
        self._title.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom)
        self._note.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        bold = self._title.font()
        bold.setBold(True)
        self._title.setFont(bold)
        self._make_room()

    def _make_room(self) -> None:
        """Be as high as both lines need, which wrap where a font is large or the dock narrow."""
        # A button asks its style for its size, not its layout.
        self.setMinimumHeight(self.layout().heightForWidth(self.width()))
        # Grown while it is about to be shown for the first time, it does not tell its layout.
        self.layout().setGeometry(self.rect())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Wrap anew."""
        super().resizeEvent(event)
        self._make_room()

    def changeEvent(self, event: QEvent) -> None:
        """Wrap anew in another font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and self.layout():
            self._make_room()

    @property
    def note(self) -> str:
        """The line under the title."""
        return str(self._note.text())

    def set_title(self, title: str) -> None:
        """Change the title."""
        if title != self._title.text():
            self._title.setText(title)
            self.setAccessibleName(title)
            self._make_room()

    def set_note(self, note: str) -> None:
        """Change the line under the title."""
        self._note.setText(note)
        self._make_room()
