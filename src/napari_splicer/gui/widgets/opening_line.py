"""OpeningLine: which file or project is being opened, how far that is, and a way to stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_splicer.gui.binding import bind
from napari_splicer.gui.steps.page import text
from napari_splicer.gui.widgets.progress_line import ProgressLine

if TYPE_CHECKING:
    from napari_splicer.gui.file_opener import FileOpener

_TIP = "Open nothing more; what is already there of it is taken out again"


class OpeningLine(QWidget):
    """Hidden while nothing is opened.

    Parameters
    ----------
    opener : FileOpener
    """

    def __init__(self, opener: FileOpener, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._opener = opener
        self._title = ""
        self.words = text()
        self.line = ProgressLine(opener.cancel, _TIP)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(2)
        layout.addWidget(self.words)
        layout.addWidget(self.line)
        bind(self, opener.changed, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Say what is being opened."""
        title, before = self._opener.title, self._title
        self._title = title
        self.setVisible(bool(title))
        if not title:
            self.line.end()
            return
        if title != before:
            self.words.setText(f"Opening {title} …")
            self.line.begin()
        if self._opener.share:
            self.line.show_share(self._opener.share)
