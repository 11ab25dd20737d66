"""StepHeader: one line of the stepper, with what the step is, how it stands, and a few facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.readiness import StepState
    from napari_splicer.gui.widgets.theme import Theme

# Never colour alone: each state has a sign of its own.
_SIGNS = {"done": "✓", "stale": "⟳", "running": "●", "ready": "", "blocked": ""}
# 4.7 : 1 at least on the buttons of napari's dark and light theme; "blocked" recedes, to 3.9.
_ON_DARK = {"done": "#5fd3a0", "stale": "#f0b040", "running": "#8cc4f5", "blocked": "#a3abb2"}
_ON_LIGHT = {"done": "#0f5535", "stale": "#6a4100", "running": "#124a80", "blocked": "#56595c"}


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
        self._colours, self._status = _ON_DARK, "blocked"
        self._faded = False
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
        self._status = state.status
        self._faded = state.status == "blocked" and not state.summary
        self.setToolTip(f"{self._tip}\n{state.why}".strip())
        self._colour()

    def set_theme(self, theme: Theme) -> None:
        """Take colours that can be read on the theme's buttons."""
        self._colours = _ON_DARK if theme.is_dark else _ON_LIGHT
        self._colour()

    def _colour(self) -> None:
        faded = f"color: {self._colours['blocked']};" if self._faded else ""
        _style(self._name, f"background: transparent; {faded}")
        self._embolden(self.isChecked())

    @property
    def text_shown(self) -> str:
        """What the header says, title and state."""
        return f"{self._title} {self._state.text()}".strip()

    def _embolden(self, opened: bool) -> None:
        """Set the open step off; its background leaves no room for a coloured sign."""
        coloured = self._status in self._colours and not opened
        colour = f"color: {self._colours[self._status]};" if coloured else ""
        _style(self._state, f"background: transparent; font-weight: bold; {colour}")
        font = self._name.font()
        if font.bold() != opened:
            font.setBold(opened)
            self._name.setFont(font)


def _style(label: QLabel, style: str) -> None:
    """Style a label anew only where it changes: Qt draws it again, whatever it is set to."""
    if label.styleSheet() != style:
        label.setStyleSheet(style)
