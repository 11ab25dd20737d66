"""ComponentRow: one component as a line, with colour, name, channels as chips, region in words."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QToolButton
from superqt import QElidingLabel

from napari_splicer.gui.shortcuts import GIVE_UP_MOVING, MOVE_COMPONENT
from napari_splicer.gui.widgets.swatch import SWATCH, swatch

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent, QMouseEvent
    from qtpy.QtWidgets import QWidget

    from napari_splicer.config import Component

_CHIP = '<span style="background-color: rgba(128,128,128,70)">&nbsp;{}&nbsp;</span>'
_SHOWN = 12  # chips; the rest is counted


class DragHandle(QLabel):
    """What a row is dragged by.

    Signals
    -------
    dragged, dropped : (int)
        Height of the mouse on the screen, in pixels, on the way and at the end.
    given_up : ()
        By the Esc key.
    """

    dragged = Signal(int)
    dropped = Signal(int)
    given_up = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("≡", parent)
        self._held = False
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setToolTip("Drag it to another place; or press Alt+Up and Alt+Down")
        self.setAccessibleName("Move this component")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of the row."""
        self._held = event.button() == Qt.MouseButton.LeftButton
        if self._held:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            self.grabKeyboard()  # for Esc

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell where the row is."""
        if self._held:
            self.dragged.emit(round(event.globalPosition().y()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let the row go."""
        if self._let_go():
            self.dropped.emit(round(event.globalPosition().y()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Give up with Esc: the row stays where it is."""
        if GIVE_UP_MOVING.matches(event) and self._let_go():
            self.given_up.emit()

    def _let_go(self) -> bool:
        held, self._held = self._held, False
        if held:
            self.releaseKeyboard()
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        return held


class ComponentRow(QFrame):
    """Emits ``edit``, ``duplicate``, ``remove`` or ``recolour`` when asked to.

    Alt+Up and Alt+Down emit ``shifted`` with -1 or 1.

    Parameters
    ----------
    component : Component
    colour : str
        ``"#rrggbb"``.
    """

    edit = Signal()
    duplicate = Signal()
    remove = Signal()
    recolour = Signal()
    shifted = Signal(int)

    def __init__(
        self, component: Component, colour: str, *, editing: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setObjectName("component_row")
        self.setStyleSheet("#component_row:focus { border: 1px solid palette(highlight) }")
        self.handle = DragHandle()
        self._colours = _button("", "Click to change the colour", self.recolour)
        self._colours.setIconSize(QSize(SWATCH, SWATCH))
        self._name = QElidingLabel()
        self._name.setTextFormat(Qt.TextFormat.PlainText)
        bold = self._name.font()
        bold.setBold(True)
        self._name.setFont(bold)
        self._channels = QLabel()
        self._channels.setWordWrap(True)
        self.show_component(component, colour, editing=editing)
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
        middle, top = Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignTop
        layout.addLayout(buttons, 0, 2)
        layout.addWidget(self.handle, 0, 0, middle)
        layout.addWidget(self._colours, 1, 0, middle | top)
        layout.addWidget(self._name, 0, 1)
        layout.addWidget(self._channels, 1, 1, 1, 2)
        layout.setColumnStretch(1, 1)

    def show_component(self, component: Component, colour: str, *, editing: bool) -> None:
        """Show a component, or how it is by now; the buttons stay, one of which may be pressed."""
        self._colours.setIcon(swatch(colour))
        where = "edited below" if editing else component.region.describe()
        if component.width is not None:
            where += f", {component.width} numbers"
        if component.weight != 1:
            where += f", counts {component.weight:g} ×"
        self._name.setText(component.name)
        self._name.setToolTip(html.escape(component.name))
        self._channels.setText(f"<i>{html.escape(where)}:</i> {_chips(component.channels)}")
        self._channels.setToolTip(html.escape(", ".join(component.channels)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move up or down with Alt and an arrow."""
        place = MOVE_COMPONENT.place(event)
        if place is None:
            super().keyPressEvent(event)
        else:
            self.shifted.emit((-1, 1)[place])


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
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # the key for undo then goes to the dock
    button.clicked.connect(lambda: signal.emit())
    return button
