"""ShareBars: bars of the cells' groups, one for each part of the cells, or one for each group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from qtpy.QtCore import QEvent, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_splicer.gui.widgets.contrast import readable_on
from napari_splicer.gui.widgets.theme import DARK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    from matplotlib.figure import Figure
    from qtpy.QtGui import QHelpEvent, QMouseEvent, QPaintEvent

    from napari_splicer.gui.widgets.theme import Theme

_GAP = 8  # px
_LONGEST = 160  # px of a name, before it is cut with an ellipsis
_FADED = 70  # opacity of 255, of the groups that are not under the mouse


@dataclass(frozen=True, eq=False)
class Composition:
    """What :class:`ShareBars` shows.

    Parameters
    ----------
    values : DataFrame of int (parts, groups)
        Cells.
    colours : mapping of str to str
        Of the groups.
    """

    values: pd.DataFrame
    colours: Mapping[str, str]

    def figure(self, title: str) -> Figure:
        """Draw it for a file."""
        from napari_splicer.export.composition_figure import composition_figure

        return composition_figure(self.values, self.colours, title=title)


class Piece(NamedTuple):
    """A bar, or a part of one: a group's cells in one part of all cells."""

    box: QRectF
    part: int
    group: int


class ShareBars(QWidget):
    """One part: a bar for each group, as long as it has cells. Several: all of one length.

    Signals
    -------
    changed : ()
        Something else is shown.
    clicked : (int, int)
        Part and group.
    hovered : (object)
        The group under the mouse, or None.
    """

    changed = Signal()
    clicked = Signal(int, int)
    hovered = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown: Composition | None = None
        self.unit = "cells"
        self._theme = DARK
        self._lit: int | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)

    def set_shown(self, shown: Composition | None) -> None:
        """Show other numbers."""
        self.shown = shown
        self.updateGeometry()
        self.update()
        self.changed.emit()

    def set_theme(self, theme: Theme) -> None:
        """Write in the theme's colours."""
        self._theme = theme
        self.update()

    def light(self, group: int | None) -> None:
        """Let a group stand out; None: all alike."""
        self._lit = group
        self.update()

    def minimumSizeHint(self) -> QSize:
        """Return the height of all bars."""
        return QSize(200, len(self._names()) * self._step() + _GAP)

    def sizeHint(self) -> QSize:
        """Return the same."""
        return self.minimumSizeHint()

    def _step(self) -> int:
        return int(self.fontMetrics().height()) + 8

    def _names(self) -> list[str]:
        if self.shown is None:
            return []
        values = self.shown.values
        if len(values) == 1:
            return [str(name) for name in values.columns]
        return [f"{name} ({total:,})" for name, total in values.sum(axis=1).items()]

    def _left(self) -> int:
        """Return where bars begin: right of all names."""
        widths = [self.fontMetrics().horizontalAdvance(name) for name in self._names()]
        return min(max(widths, default=0) + 2, _LONGEST) + _GAP

    def _said(self, part: int, group: int) -> str:
        """Return how many cells a piece has, and which share of its part."""
        assert self.shown is not None
        values = self.shown.values
        row = values.to_numpy(np.int64)[part]
        count, total = int(row[group]), int(row.sum())
        return f"{count:,} · {count / max(total, 1):.1%}"

    def pieces(self) -> Iterator[Piece]:
        """Yield where everything lies."""
        if self.shown is None:
            return
        counts = self.shown.values.to_numpy()
        left, step = self._left(), self._step()
        if len(counts) == 1:
            words = max(self.fontMetrics().horizontalAdvance(self._said(0, 0)) + 40, 90)
            scale = max(self.width() - left - words, 20) / max(counts.max(), 1)
            for group, count in enumerate(counts[0]):
                yield Piece(QRectF(left, group * step + 3, count * scale, step - 4), 0, group)
            return
        for part, row in enumerate(counts):
            x, scale = float(left), (self.width() - left - _GAP) / max(row.sum(), 1)
            for group, count in enumerate(row):
                yield Piece(QRectF(x, part * step + 3, count * scale, step - 4), part, group)
                x += count * scale

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint names, bars, and the numbers that there is room for."""
        if self.shown is None:
            return
        painter, metrics = QPainter(self), self.fontMetrics()
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(self._theme.text))
        step, left = self._step(), self._left()
        for place, name in enumerate(self._names()):
            words = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, left - _GAP)
            box = QRectF(0, place * step + 3, left - _GAP, step - 4)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | middle, words)
        single = len(self.shown.values) == 1
        for piece in self.pieces():
            name = str(self.shown.values.columns[piece.group])
            colour, faded = QColor(self.shown.colours[name]), self._lit not in (None, piece.group)
            if faded:
                colour.setAlpha(_FADED)
            painter.fillRect(piece.box, colour)
            words = self._said(piece.part, piece.group)
            if single:
                painter.setPen(QColor(self._theme.text))
                room = piece.box.translated(piece.box.width() + _GAP, 0)
                room.setRight(self.width())
                painter.drawText(room, Qt.AlignmentFlag.AlignLeft | middle, words)
                continue
            share = words.partition(" · ")[2]
            if not faded and metrics.horizontalAdvance(share) + 6 <= piece.box.width():
                painter.setPen(QColor(readable_on(self.shown.colours[name])))
                painter.drawText(piece.box, Qt.AlignmentFlag.AlignCenter | middle, share)

    def piece_at(self, x: float, y: float) -> Piece | None:
        """Return what is under the mouse; of one part, also beside its bar."""
        if self.shown is None:
            return None
        single = len(self.shown.values) == 1
        for piece in self.pieces():
            inside = piece.box.left() <= x < piece.box.right()
            if piece.box.top() <= y <= piece.box.bottom() and (single or inside):
                return piece
        return None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell which group is under the mouse."""
        piece = self.piece_at(event.position().x(), event.position().y())
        self.hovered.emit(None if piece is None else piece.group)

    def leaveEvent(self, event: QEvent) -> None:
        """Tell that none is."""
        self.hovered.emit(None)
        super().leaveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tell which was clicked."""
        piece = self.piece_at(event.position().x(), event.position().y())
        if piece is not None and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(piece.part, piece.group)

    def event(self, event: QEvent) -> bool:
        """Tell the whole in the tool tip."""
        if event.type() == QEvent.Type.ToolTip:
            self._show_tip(event)
            return True
        return bool(super().event(event))

    def _show_tip(self, event: QHelpEvent) -> None:
        piece = self.piece_at(event.pos().x(), event.pos().y())
        words = "" if piece is None else self.tip(piece)
        QToolTip.showText(event.globalPos(), words, self)

    def tip(self, piece: Piece) -> str:
        """Return what is told of a piece."""
        assert self.shown is not None
        values = self.shown.values
        count, share = self._said(piece.part, piece.group).split(" · ")
        return (
            f"{values.columns[piece.group]} · {values.index[piece.part]}\n"
            f"{count} {self.unit}, {share} of these\nClick to select them"
        )
