"""A scale of colours with the values at its ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QLinearGradient, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_splicer.gui.widgets.theme import DARK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPaintEvent

    from napari_splicer.gui.widgets.theme import Theme

_BAR = 70  # px


class ColourBar(QWidget):
    """``low ▆▆▆▆▆ high``, on one line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colours: tuple[str, ...] = ()
        self._ends = ("", "")
        self._theme = DARK
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_scale(self, colours: Sequence[str], low: float, high: float) -> None:
        """Show ``colours`` from the value ``low`` to the value ``high``."""
        self._colours = tuple(colours)
        self._ends = (f"{low:.3g}", f"{high:.3g}")
        self.updateGeometry()
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """Write in the theme's colour of text."""
        self._theme = theme
        self.update()

    @property
    def ends(self) -> tuple[str, str]:
        """The two numbers, as shown."""
        return self._ends

    def sizeHint(self) -> QSize:
        """Return the room that the bar and both numbers need."""
        metrics = self.fontMetrics()
        width = sum(metrics.horizontalAdvance(text) for text in self._ends) + _BAR + 12
        return QSize(width, metrics.height() + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint number, bar, number."""
        if not self._colours:
            return
        painter = QPainter(self)
        painter.setPen(QColor(self._theme.text))
        left = self.fontMetrics().horizontalAdvance(self._ends[0]) + 6
        bar = QRectF(left, self.height() / 2 - 5, _BAR, 10)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignLeft | middle, self._ends[0])
        painter.drawText(
            self.rect().adjusted(int(bar.right()) + 6, 0, 0, 0),
            Qt.AlignmentFlag.AlignLeft | middle,
            self._ends[1],
        )
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        last = max(1, len(self._colours) - 1)
        for step, colour in enumerate(self._colours):
            gradient.setColorAt(step / last, QColor(colour))
        painter.fillRect(bar, gradient)
