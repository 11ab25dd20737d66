"""ColourRange: the scale under the colours of map and overlay, and its ends, set by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QLocale, QSignalBlocker, QSize, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QSizePolicy,
    QWidget,
)

from napari_splicer.gui.categories import in_words
from napari_splicer.gui.numbers import set_range
from napari_splicer.gui.shortcuts import CLEAR
from napari_splicer.gui.widgets.colour_bar import ColourBar
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent

    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.colouring import Colouring
    from napari_splicer.gui.widgets.theme import Theme

_DIGITS = 4
_DECIMALS = 9  # of what can be typed
_SHORTEST, _FRAME = "00000", 16  # characters, and px around them
# napari's is as wide as the bar could be. With NoButtons, Qt 6.11.3 leaves a padded one no room.
# napari's arrows, + and -, would stick out of buttons without a width, and pass for a sign.
_NARROW = """QAbstractSpinBox { min-width: 0px; padding: 1px 3px }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 0px; border: none }
QAbstractSpinBox::up-arrow, QAbstractSpinBox::down-arrow { width: 0px; height: 0px; image: none }"""
_STEPS = 50  # of an arrow key, from one end of the scale to the other
_REST = 150  # ms without another step: of 10⁶ cells, the image takes half a second to recolour
_LOW = "Cells of this value, or less, have the darkest colour; type another, or use the arrow keys"
_HIGH = "Cells of this value, or more, have the brightest colour; type another, or use the arrows"
_AUTOMATIC = (
    "The range is chosen for you: all cells but the lowest and the highest 1 %. Untick it to keep "
    "this range, for other images too"
)
_BY_HAND = "This range of {} is kept while the window is open. Tick this to have it chosen for you"


class ScaleEnd(QDoubleSpinBox):
    """A number of any size, in as many digits as one can tell apart."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setLocale(QLocale.c())  # by which what is typed is read, as it is shown
        self.setDecimals(_DECIMALS)
        self.setRange(-1e15, 1e15)
        self.setKeyboardTracking(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setStyleSheet(_NARROW)

    def textFromValue(self, value: float) -> str:
        """Return four digits, or all before the point."""
        if not value:
            return "0"
        decimals = _DIGITS - 1 - math.floor(math.log10(abs(value)))
        text = f"{value:.{min(max(decimals, 0), _DECIMALS)}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    def validate(self, text: str, place: int) -> Any:
        """Read a comma as a point, as many write it."""
        return super().validate(text.replace(",", "."), place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc forgets what was typed; the selection on the map is none of it."""
        if CLEAR.matches(event):
            self.lineEdit().setText(self.textFromValue(self.value()))
        else:
            super().keyPressEvent(event)

    def show_value(self, value: float, span: float) -> None:
        """Show ``value`` without telling; arrow keys then move it by a part of ``span``."""
        rough = span / _STEPS
        self.setSingleStep(10 ** math.floor(math.log10(rough)))
        with QSignalBlocker(self):
            self.setValue(value)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Return the room for the number that is shown; Qt's is for the largest."""
        room = self.fontMetrics().horizontalAdvance(max(self.text(), _SHORTEST, key=len))
        return QSize(room + _FRAME, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Return the same."""
        return self.sizeHint()


class ColourRange(QWidget):
    """``[low] ▆▆▆▆▆ [high] [✓ auto]`` for a number, or what each colour stands for.

    What is set goes to ``session.colour_ranges`` once the hand rests.

    Parameters
    ----------
    session : Session
        Read and written.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._limits: tuple[float, float] | None = None
        self._name: str | None = None  # of the number that the ends are of
        self._moved = False
        self.bar = ColourBar(wide=True, bare=True)
        self.low, self.high = ScaleEnd(), ScaleEnd()
        self._wording = Wording(self, session)
        for end, tip in ((self.low, _LOW), (self.high, _HIGH)):
            self._wording.put(end.setToolTip, tip)
            end.valueChanged.connect(self._ask)
        self.low.setAccessibleName("Low end of the colours")
        self.high.setAccessibleName("High end of the colours")
        self.automatic = QCheckBox("auto")
        self.automatic.setAccessibleName("Automatic range of colours")
        self.automatic.clicked.connect(self._choose)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        for widget in (self.low, self.bar, self.high, self.automatic):
            line.addWidget(widget, int(widget is self.bar))
        self._rest = QTimer(self, singleShot=True, interval=_REST)
        self._rest.timeout.connect(self.take)

    def set_theme(self, theme: Theme) -> None:
        """Paint in the theme's colours."""
        self.bar.set_theme(theme)

    def follow(self, colouring: Colouring) -> None:
        """Show what the colours stand for; nothing where they are groups."""
        self.take()  # or what was typed a moment ago would be lost, or be of another number
        self._name, self._limits = self._session.colour_by, colouring.limits
        self.setVisible(bool(colouring.limits or colouring.names))
        for widget in (self.low, self.high, self.automatic):
            widget.setVisible(colouring.limits is not None)
        if colouring.limits is not None:
            self.bar.set_scale(colouring.colours[:-1], *colouring.limits)
            self._show_ends()
        elif colouring.names:
            self.bar.set_key(colouring.colours[:-1], colouring.names)

    def take(self) -> None:
        """Colour by the ends as they stand, if they were changed."""
        if self._moved and self._name is not None:
            self._end_move()
            low, high = sorted((self.low.value(), self.high.value()))
            if low < high:
                set_range(self._session, self._name, (low, high))
            else:
                self._show_ends()

    def _ask(self) -> None:
        self._moved = True
        self._rest.start()

    def _end_move(self) -> None:
        self._moved = False
        self._rest.stop()

    def _choose(self, automatic: bool) -> None:
        self._end_move()
        if self._name is not None:
            set_range(self._session, self._name, None if automatic else self._limits)

    def _show_ends(self) -> None:
        if self._limits is None or self._name is None:
            return
        low, high = self._limits
        self.low.show_value(low, high - low)
        self.high.show_value(high, high - low)
        by_hand = self._name in self._session.colour_ranges
        self.automatic.setChecked(not by_hand)
        tip = _BY_HAND.format(in_words(self._name)) if by_hand else _AUTOMATIC
        self.automatic.setToolTip(self._session.words(tip))
