"""A scale of colours with the values at its ends, or colours with what each of them stands for."""

from __future__ import annotations

from html import escape
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
_SWATCH = 10  # px


class ColourBar(QWidget):
    """``low ▆▆▆▆▆ high``, on one line; the bar alone where there is no room for its ends.

    Or, for categories, ``■ tumour ■ stroma +3``: those that there is room for, and how many more
    there are; the tool tip has all of them.

    Parameters
    ----------
    wide : bool
        Take all the width there is, as on a line of its own.
    bare : bool
        Leave the ends out, as where they stand beside it.
    """

    def __init__(
        self, parent: QWidget | None = None, *, wide: bool = False, bare: bool = False
    ) -> None:
        super().__init__(parent)
        self._bare = bare
        self._colours: tuple[str, ...] = ()
        self._ends = ("", "")
        self._names: tuple[str, ...] = ()
        self._theme = DARK
        self.tip = ""  # what the colours mean beyond their ends
        across = QSizePolicy.Policy.Preferred if wide else QSizePolicy.Policy.Maximum
        self.setSizePolicy(across, QSizePolicy.Policy.Fixed)

    def set_scale(self, colours: Sequence[str], low: float | str, high: float | str) -> None:
        """Show ``colours`` from ``low`` to ``high``, which are values or words."""
        self._colours = tuple(colours)
        self._ends, self._names = (_text(low), _text(high)), ()
        self.updateGeometry()
        self.update()

    def set_key(self, colours: Sequence[str], names: Sequence[str]) -> None:
        """Show what every colour stands for."""
        self._colours, self._names = tuple(colours), tuple(names)
        self.updateGeometry()
        self.update()

    @property
    def names_shown(self) -> tuple[str, ...]:
        """The names that there is room for, with how many more there are."""
        if self._room_for_names(len(self._names)) <= self.width():
            return self._names
        fit = len(self._names) - 1
        while fit > 0 and self._room_for_names(fit) > self.width():
            fit -= 1
        return self._names[:fit]

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
        return not self._bare and self.width() >= self._room_for_ends() + _SHORTEST

    def event(self, event: QEvent) -> bool:
        """Tell the ends in the tool tip, too."""
        if event.type() == QEvent.Type.ToolTip:
            said = [self._key() if self._names else " to ".join(self._ends)]
            self.setToolTip("\n".join([*said, *([self.tip] if self.tip else [])]))
        return bool(super().event(event))

    def sizeHint(self) -> QSize:
        """Return the room that bar and ends need."""
        width = _BAR if self._bare else self._room_for_ends() + _BAR
        if self._names:
            width = self._room_for_names(len(self._names))
        return QSize(width, self.fontMetrics().height() + 4)

    def minimumSizeHint(self) -> QSize:
        """Return the room of the shortest bar, without its ends."""
        return QSize(_SHORTEST, self.fontMetrics().height() + 4)

    def _room_for_ends(self) -> int:
        metrics = self.fontMetrics()
        return sum(metrics.horizontalAdvance(text) + _GAP for text in self._ends)

    def _room_for_names(self, count: int) -> int:
        """Return the width of the first names, and of how many more there are."""
        metrics = self.fontMetrics()
        parts = [_SWATCH + 3 + metrics.horizontalAdvance(name) for name in self._names[:count]]
        if count < len(self._names):
            parts.append(metrics.horizontalAdvance(self._more(count)))
        return int(sum(parts)) + _GAP * max(len(parts) - 1, 0) + 1

    def _more(self, shown: int) -> str:
        return f"+{len(self._names) - shown}"

    def _key(self) -> str:
        """Return all names, each with its colour, as rich text."""
        pairs = zip(self._colours, self._names, strict=True)
        lines = [f'<span style="color:{colour}">■</span> {escape(name)}' for colour, name in pairs]
        return f"<p style='white-space:pre'>{'<br>'.join(lines)}</p>"

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint low end, bar, high end; or the names with their colours."""
        if not self._colours:
            return
        painter = QPainter(self)
        painter.setPen(QColor(self._theme.text))
        if self._names:
            self._paint_names(painter)
        else:
            self._paint_scale(painter)

    def _paint_names(self, painter: QPainter) -> None:
        left, shown = 0, self.names_shown
        for colour, name in zip(self._colours, shown, strict=False):
            top = (self.height() - _SWATCH) // 2
            painter.fillRect(left, top, _SWATCH, _SWATCH, QColor(colour))
            left = self._write(painter, left + _SWATCH + 3, name)
        if len(shown) < len(self._names):
            self._write(painter, left, self._more(len(shown)))

    def _write(self, painter: QPainter, left: int, words: str) -> int:
        """Write words, and return where the next may begin."""
        box = self.rect().adjusted(left, 0, 0, 0)
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)
        return left + int(self.fontMetrics().horizontalAdvance(words)) + _GAP

    def _paint_scale(self, painter: QPainter) -> None:
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
