"""PanelDrop: a panel file that is dragged from the desktop can be dropped on a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QFrame, QLabel, QVBoxLayout

from napari_splicer.gui.widgets.theme import DARK

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QDragEnterEvent
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.widgets.theme import Theme

_ENDINGS = (".csv", ".txt", ".tsv")


class PanelDrop(QObject):
    """Lets a page take one text file, and says what will be done with it while it hovers.

    Parameters
    ----------
    page : QWidget
    words : str
        What letting go would do.
    take : callable
        Takes the path.
    """

    def __init__(self, page: QWidget, words: str, take: Callable[[Path], object]) -> None:
        super().__init__(page)
        self._page, self._take = page, take
        self.hint = QFrame(page)
        self.hint.setObjectName("panel_drop")
        self.set_theme(DARK)
        label = QLabel(words)
        label.setWordWrap(True)
        QVBoxLayout(self.hint).addWidget(label)
        self.hint.hide()
        page.setAcceptDrops(True)
        page.installEventFilter(self)

    def set_theme(self, theme: Theme) -> None:
        """Stand out from what lies below, in the theme's colours."""
        self.hint.setStyleSheet(
            f"#panel_drop {{ background: {theme.background}; border: 2px dashed {theme.accent} }}"
        )

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take what is a text file; napari takes everything else, as elsewhere in its window."""
        kind = event.type()
        if kind == QEvent.Type.DragEnter and _text_file(event) is not None:
            self.hint.setFixedWidth(self._page.width() - 16)
            self.hint.adjustSize()
            self.hint.move(8, 8)
            self.hint.raise_()
            self.hint.show()
            event.acceptProposedAction()
            return True
        if kind in (QEvent.Type.DragLeave, QEvent.Type.Drop):
            self.hint.hide()
        if kind == QEvent.Type.Drop:
            path = _text_file(event)
            if path is not None:
                event.acceptProposedAction()
                self._take(path)
                return True
        return bool(super().eventFilter(watched, event))


def _text_file(event: QDragEnterEvent) -> Path | None:
    """Return the one text file that is dragged; None where it is something else."""
    urls = event.mimeData().urls()
    if len(urls) != 1 or not urls[0].isLocalFile():
        return None
    path = Path(urls[0].toLocalFile())
    return path if path.suffix.lower() in _ENDINGS else None
