"""A scale of colours with the values at its ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QLinearGradient, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_splicer.gui.widgets.theme import DARK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPaintEvent

    from napari_splicer.gui.widgets.theme import Theme

_BAR, _SHORTEST, _GAP = 70, 16, 6  # px


class ColourBar(QWidget):
    """``low ▆▆▆▆▆ high``, on one line; the bar alone where there is no room for its ends.

    Parameters
    ----------
    wide : bool
        Take all the width there is, as on a line of its own.
    """

    def __init__(self, parent: QWidget | None = None, *, wide: bool = False) -> None:
        super().__init__(parent)
        self._colours: tuple[str, ...] = ()
        self._ends = ("", "")
        self._theme = DARK
        self.tip = ""  # what the colours mean beyond their ends
        across = QSizePolicy.Policy.Preferred if wide else QSizePolicy.Policy.Maximum
        self.setSizePolicy(across, QSizePolicy.Policy.Fixed)

    def set_scale(self, colours: Sequence[str], low: float | str, high: float | str) -> None:
        """Show ``colours`` from ``low`` to ``high``, which are values or words."""
        self._colours = tuple(colours)
        self._ends = (_text(low), _text(high))
        self.updateGeometry()
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """Write in the theme's colour of text."""
        self._theme = theme
        self.update()

    @property
    def ends(self) -> tuple[str, str]:
        """What stands at both ends."""
        return self._ends

    @property
    def has_room(self) -> bool:
        """Whether the ends are written beside the bar."""
        return bool(self.width() >= self._room_for_ends() + _SHORTEST)

    def event(self, event: QEvent) -> bool:
        """Tell the ends in the tool tip, too."""
        if event.type() == QEvent.Type.ToolTip:
            ends = " to ".join(self._ends)
            self.setToolTip("\n".join([ends, *([self.tip] if self.tip else [])]))
        return bool(super().event(event))

    def sizeHint(self) -> QSize:
        """Return the room that bar and ends need."""
        return QSize(self._room_for_ends() + _BAR, self.fontMetrics().height() + 4)

    def minimumSizeHint(self) -> QSize:
        """Return the room of the shortest bar, without its ends."""
        return QSize(_SHORTEST, self.fontMetrics().height() + 4)

    def _room_for_ends(self) -> int:
        metrics = self.fontMetrics()
        return sum(metrics.horizontalAdvance(text) + _GAP for text in self._ends)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint low end, bar, high end."""
        if not self._colours:
            return
        painter = QPainter(self)
        painter.setPen(QColor(self._theme.text))
        middle = Qt.AlignmentFlag.AlignVCenter
        left, room = 0, 0
        if self.has_room:
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignLeft | middle, self._ends[0])
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignRight | middle, self._ends[1])
            left = self.fontMetrics().horizontalAdvance(self._ends[0]) + _GAP
            room = self._room_for_ends()
        bar = QRectF(left, self.height() / 2 - 5, self.width() - room, 10)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        last = max(1, len(self._colours) - 1)
        for step, colour in enumerate(self._colours):
            gradient.setColorAt(step / last, QColor(colour))
        painter.fillRect(bar, gradient)


def _text(end: float | str) -> str:
    return end if isinstance(end, str) else f"{end:.3g}"
