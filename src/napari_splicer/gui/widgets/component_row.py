"""ComponentRow: one component as a line, with colour, name, channels as chips, region in words."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QToolButton
from superqt import QElidingLabel

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.config import Component

_CHIP = '<span style="background-color: rgba(128,128,128,70)">&nbsp;{}&nbsp;</span>'
_SHOWN = 12  # chips; the rest is counted


class ComponentRow(QFrame):
    """Emits ``edit``, ``duplicate`` or ``remove`` when asked to.

    Parameters
    ----------
    component : Component
    colour : str
        ``"#rrggbb"``.
    """

    edit = Signal()
    duplicate = Signal()
    remove = Signal()

    def __init__(
        self, component: Component, colour: str, *, editing: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        swatch = QLabel()
        swatch.setFixedWidth(6)
        swatch.setStyleSheet(f"background: {colour}; border-radius: 2px")
        where = "edited below" if editing else component.region.describe()
        name = QElidingLabel(component.name)
        name.setTextFormat(Qt.TextFormat.PlainText)
        name.setToolTip(html.escape(component.name))
        bold = name.font()
        bold.setBold(True)
        name.setFont(bold)
        channels = QLabel(f"<i>{html.escape(where)}:</i> {_chips(component.channels)}")
        channels.setWordWrap(True)
        channels.setToolTip(html.escape(", ".join(component.channels)))
        buttons = QHBoxLayout()
        buttons.setSpacing(2)
        for sign, tip, signal in (
            ("✎", "Change its name, channels or region", self.edit),
            ("❐", "Make another like it", self.duplicate),
            ("✕", "Remove it; the channels stay in the image", self.remove),
        ):
            buttons.addWidget(_button(sign, tip, signal))
        layout = QGridLayout(self)
        layout.setContentsMargins(6, 2, 4, 3)
        layout.setVerticalSpacing(1)
        layout.addWidget(swatch, 0, 0, 2, 1)
        layout.addWidget(name, 0, 1)
        layout.addLayout(buttons, 0, 2)
        layout.addWidget(channels, 1, 1, 1, 2)
        layout.setColumnStretch(1, 1)


def _chips(channels: tuple[str, ...]) -> str:
    if not channels:
        return "<i>no channel yet</i>"
    chips = [_CHIP.format(html.escape(name)) for name in channels[:_SHOWN]]
    more = len(channels) - _SHOWN
    return " ".join(chips) + (f" and {more} more" if more > 0 else "")


def _button(sign: str, tip: str, signal: Signal) -> QToolButton:
    button = QToolButton()
    button.setText(sign)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    button.setAutoRaise(True)
    button.clicked.connect(lambda: signal.emit())
    return button
