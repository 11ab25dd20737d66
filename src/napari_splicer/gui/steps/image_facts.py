"""What step 1 says of image and mask, once both have been looked through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_splicer.gui.binding import bind
from napari_splicer.gui.facts import examining, remarks, summary
from napari_splicer.gui.steps.page import text
from napari_splicer.gui.widgets.work_line import WorkLine

if TYPE_CHECKING:
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.snapshot import Facts

_STOPPED = (
    "Stopped before image and mask were looked through: cells are not counted, no components are "
    "suggested, and what is odd about them is not known."
)


class ImageFacts(QWidget):
    """Looks through what is chosen, and says in a line what it holds, and what is odd about it.

    Parameters
    ----------
    session : Session
        Its ``facts`` are written.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._examined = session.of_tiles  # whether that was asked of tiles
        self._stopped = False
        self.words = text()
        self.remarks = text(small=True)
        self.work = WorkLine(self._take, parent=self)
        self.work.stopped.connect(self._on_stop)
        self.again = QPushButton("Look through them now")
        self.again.setToolTip("Counts the cells and finds channels without any signal")
        self.again.clicked.connect(self.examine)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.words, self.work, self.again, self.remarks):
            layout.addWidget(widget)
        events = session.events
        bind(self, events.image, self.examine)
        bind(self, events.cells, self.examine)
        bind(self, events.tiles, self._tiles_changed)
        bind(self, events.facts, self._describe)
        self.examine()

    def examine(self) -> None:
        """Look through image and mask."""
        session = self._session
        session.facts, self._examined, self._stopped = None, session.of_tiles, False
        self.work.forget()
        if session.image is not None:
            self.work.ask(examining, session.image, None if session.of_tiles else session.cells)
        self._describe()

    def _tiles_changed(self) -> None:
        """Look at the mask only where it counts; how tiles lie changes no fact."""
        if self._examined != self._session.of_tiles:
            self.examine()
        self._describe()

    def _take(self, facts: Facts) -> None:
        self._session.facts = facts

    def _on_stop(self) -> None:
        self._stopped = True
        self._describe()

    def _describe(self) -> None:
        image, facts = self._session.image, self._session.facts
        stopped = self._stopped and image is not None and facts is None
        self.again.setVisible(stopped)
        if image is None:
            self.words.setText("No image is chosen.")
            self.remarks.clear()
            return
        said = summary(image, facts, self._session.tiles, counting=not stopped)
        self.words.setText(f"{said}. {_STOPPED}" if stopped else said)
        self.remarks.setText("\n".join(f"• {remark}" for remark in remarks(image, facts)))
