"""CellPreview: one cell as its components see it, as stored or varied as in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_splicer.errors import SplicerError
from napari_splicer.gui.binding import bind
from napari_splicer.gui.jobs import Errand, tell
from napari_splicer.gui.preview import make_preview
from napari_splicer.gui.steps.page import allow, heading, text
from napari_splicer.gui.widgets.preview_strip import SIDE, PreviewStrip
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from napari_splicer.gui.preview import Preview
    from napari_splicer.gui.readiness import StepState
    from napari_splicer.gui.session import Session

_SIDE_IN_FOLD = 90  # px of a picture
_DELAY = 50  # ms, within which several changes make one picture


class CellPreview(QWidget):
    """Shows the picked cell, else a random one, and follows every setting that changes it.

    Parameters
    ----------
    session : Session
    title : str
    varied : bool
        Always show the cell as in training, instead of leaving the choice to a tick.
    """

    def __init__(
        self,
        session: Session,
        title: str,
        *,
        varied: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._choice = not varied
        self._seed = self._number = 0
        self._drawing = Errand(self, self._show_preview, self._show_problem)
        self._wording = Wording(self, session)
        self.another = QPushButton()
        self._wording.put(self.another.setText, "Another cell")
        self.another.clicked.connect(self.show_another_cell)
        self.varied = QCheckBox("As in training", self)
        self._wording.put(
            self.varied.setToolTip,
            "In training a cell is never shown twice alike: it is turned, mirrored, shifted and so "
            "on, as step 3 says under 'How cells are varied'. Tick to see it like that.",
        )
        self.varied.setChecked(varied)
        self.varied.setVisible(self._choice)
        self.varied.toggled.connect(self._on_varied)
        self.redraw = QPushButton("Another draw")
        self._wording.put(
            self.redraw.setToolTip, "Vary this cell anew, as happens each time that it is shown"
        )
        self.redraw.clicked.connect(self.draw_again)
        self.words = text(small=True)
        self.strip = PreviewStrip(SIDE if self._choice else _SIDE_IN_FOLD)
        self._lay_out(title)
        self._due = QTimer(self)
        self._due.setSingleShot(True)
        self._due.setInterval(_DELAY)
        self._due.timeout.connect(self._draw)
        events = session.events
        for signal in (
            events.components,
            events.colours,
            events.picked,
            events.image,
            events.cells,
            events.tiles,
            events.regions,
            events.settings,
        ):
            bind(self, signal, self.refresh)
        self._on_varied()

    def _lay_out(self, title: str) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        said = heading(title)
        said.setWordWrap(True)
        self._wording.put(said.setText, title)
        first.addWidget(said, 1)
        if self._choice:
            second.addWidget(self.varied)
            second.addStretch()
        (first if self._choice else second).addWidget(self.another)
        second.addWidget(self.redraw)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(first)
        column.addLayout(second)
        column.addWidget(self.strip)
        column.addWidget(self.words)

    def show_another_cell(self) -> None:
        """Show a random cell."""
        self._seed += 1
        self._session.picked = None
        self.refresh()

    def draw_again(self) -> None:
        """Show other variations of the same cell."""
        self._number += 1
        self.refresh()

    def refresh(self) -> None:
        """Draw soon."""
        self._due.start()

    def _on_varied(self) -> None:
        self.redraw.setVisible(self.varied.isChecked())
        self.refresh()

    def _draw(self) -> None:
        now = self._session.snapshot()
        if now.image is None or now.units is None or not now.components:
            self._drawing.forget()
            self.words.hide()
            self.strip.clear()
        elif self.isVisible():
            draw = self._number if self.varied.isChecked() else None
            self._drawing.ask(make_preview, now, self._session.picked, self._seed, draw)

    def showEvent(self, event: Any) -> None:
        """Draw what has changed while nothing was seen."""
        super().showEvent(event)
        self.refresh()

    def _show_preview(self, preview: Preview) -> None:
        self.strip.show_preview(preview)
        self.words.setText(preview.words)
        self.words.setVisible(bool(preview.words))

    def _show_problem(self, error: Exception) -> None:
        self.words.hide()
        if isinstance(error, SplicerError):
            self.strip.show_problem(str(error))
        else:
            tell(error)

    def show_state(self, state: StepState) -> None:
        """Say why no cell can be shown yet."""
        tip = self._session.words("Show another cell, or click one in the image")
        allow(self.another, state, tip)
