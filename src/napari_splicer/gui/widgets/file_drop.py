"""FileDrop: a file or a project, dragged from the desktop, can be dropped on a page."""

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


class FileDrop(QObject):
    """Lets a page take one file or folder, and says what will be done with it while it hovers.

    Parameters
    ----------
    page : QWidget
    fits : callable
        Says of a path whether it is taken.
    words : str
        What letting go would do.
    take : callable
        Takes the path.
    """

    def __init__(
        self,
        page: QWidget,
        fits: Callable[[Path], bool],
        words: str,
        take: Callable[[Path], object],
    ) -> None:
        super().__init__(page)
        self._page, self._fits, self._take = page, fits, take
        self.hint = QFrame(page)
        self.hint.setObjectName("file_drop")
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
            f"#file_drop {{ background: {theme.background}; border: 2px dashed {theme.accent} }}"
        )

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take what fits; napari takes everything else, as elsewhere in its window."""
        kind = event.type()
        if kind == QEvent.Type.DragEnter and self._dragged(event) is not None:
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
            path = self._dragged(event)
            if path is not None:
                event.acceptProposedAction()
                self._take(path)
                return True
        return bool(super().eventFilter(watched, event))

    def _dragged(self, event: QDragEnterEvent) -> Path | None:
        """Return the one path that is dragged; None where it does not fit."""
        urls = event.mimeData().urls()
        if len(urls) != 1 or not urls[0].isLocalFile():
            return None
        path = Path(urls[0].toLocalFile())
        return path if self._fits(path) else None


def is_panel(path: Path) -> bool:
    """Return whether a file may be a list of channels."""
    return path.suffix.lower() in _ENDINGS
