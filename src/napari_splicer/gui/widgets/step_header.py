"""StepHeader: one line of the stepper, with what the step is, how it stands, and a few facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.readiness import StepState

# Never colour alone: each state has a sign of its own.
_SIGNS = {"done": "✓", "stale": "⟳", "running": "●", "ready": "", "blocked": ""}
_COLOURS = {"done": "#2e9e6b", "stale": "#d58a00", "running": "#3f8fd6"}
_FADED = "#868e93"  # readable on napari's dark and light buttons


class StepHeader(QPushButton):
    """A button that opens its step.

    Parameters
    ----------
    number : int
        1 to 9.
    title : str
    tip : str
        What the step is for.
    """

    def __init__(self, number: int, title: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tip = tip
        self._colour = ""
        self._title = f"{chr(ord('①') + number - 1)}  {title}"
        self.setCheckable(True)
        self.setAccessibleName(title)
        self._name, self._state = QLabel(self._title), QLabel()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 0, 10, 0)
        for label in (self._name, self._state):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            label.setStyleSheet("background: transparent")
        layout.addWidget(self._name, 1)
        layout.addWidget(self._state)
        self.setMinimumHeight(self.fontMetrics().height() + 12)
        self.toggled.connect(self._embolden)

    def show_state(self, state: StepState) -> None:
        """Show how the step stands."""
        sign = _SIGNS[state.status]
        self._state.setText(f"{sign} {state.summary}".strip())
        self._colour = _COLOURS.get(state.status, "")
        faded = f"color: {_FADED};" if state.status == "blocked" and not state.summary else ""
        self._name.setStyleSheet(f"background: transparent; {faded}")
        self._embolden(self.isChecked())
        self.setToolTip(f"{self._tip}\n{state.why}".strip())

    @property
    def text_shown(self) -> str:
        """What the header says, title and state."""
        return f"{self._title} {self._state.text()}".strip()

    def _embolden(self, opened: bool) -> None:
        """Set the open step off; its background leaves no room for a coloured sign."""
        colour = f"color: {self._colour};" if self._colour and not opened else ""
        self._state.setStyleSheet(f"background: transparent; font-weight: bold; {colour}")
        font = self._name.font()
        font.setBold(opened)
        self._name.setFont(font)
