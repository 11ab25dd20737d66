"""Curves: live lines over training steps, one per series, in the components' own colours."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QLabel

from napari_splicer.gui.widgets.theme import DARK

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.widgets.theme import Theme

_FEWEST_STEPS = 10  # that the axis spans
_DOT = 5  # px
_WIDTH, _LOWEST, _HEIGHT = 120, 110, 150  # px


class Curves(pg.PlotWidget):
    """A small plot without controls.

    Parameters
    ----------
    title : str
        What is drawn, with its unit.
    tip : str
        What it means, in plain words.
    later : str
        What to say while there is nothing to draw.
    """

    def __init__(
        self, title: str, tip: str, later: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._title = title
        self._lines: dict[str, pg.PlotDataItem] = {}
        self._shown: tuple[object, ...] = ()
        self.later = QLabel(later, self)
        self.later.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.later.setWordWrap(True)
        self.setToolTip(tip)
        self.setMinimumSize(_WIDTH, _LOWEST)
        self.setMaximumHeight(_HEIGHT)
        item = self.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.setMouseEnabled(x=False, y=False)
        item.setContentsMargins(0, 0, 14, 0)
        # Steps are whole: one alone must not stand on an axis that counts their tenths.
        item.getViewBox().setLimits(minXRange=_FEWEST_STEPS)
        item.getAxis("bottom").setStyle(tickLength=-4, maxTickLevel=0)
        item.getAxis("left").setStyle(tickLength=-4, maxTickLevel=0)
        item.getAxis("left").setWidth(34)
        self.set_theme(DARK)
        self._show_axes(False)

    def sizeHint(self) -> QSize:
        """Ask for no more than there can be: plots that were never seen ask for 640 × 480 px."""
        return QSize(_WIDTH, _HEIGHT)

    def set_theme(self, theme: Theme) -> None:
        """Draw in these colours."""
        self.setBackground(theme.background)
        item = self.getPlotItem()
        item.setTitle(self._title, color=theme.text, size="9pt")
        self.later.setStyleSheet(f"color: {theme.text}; background: transparent;")
        for name in ("left", "bottom"):
            axis = item.getAxis(name)
            axis.setPen(theme.line)
            axis.setTextPen(theme.text)

    def resizeEvent(self, event: Any) -> None:
        """Keep the words in the middle."""
        super().resizeEvent(event)
        if hasattr(self, "later"):  # pyqtgraph sizes itself while it is being made
            self.later.setGeometry(self.rect().adjusted(8, 24, -8, -4))

    def _show_axes(self, shown: bool) -> None:
        self.later.setVisible(not shown)
        for name in ("left", "bottom"):
            self.getPlotItem().showAxis(name, shown)

    def show_series(
        self,
        series: Mapping[str, tuple[Sequence[int], Sequence[float]]],
        colours: Mapping[str, str],
        dashed: Collection[str] = (),
    ) -> None:
        """Draw these and no others; nothing is drawn where they are those that are shown.

        Parameters
        ----------
        series : mapping of name to (steps, values)
        colours : mapping of name to "#rrggbb"
        dashed : collection of names
            Whose lines are dashed, so that their colour may be another's.
        """
        if (series, colours, dashed) == self._shown:
            return
        self._shown = (series, colours, dashed)
        series = {name: line for name, line in series.items() if any(map(isfinite, line[1]))}
        for name in set(self._lines) - set(series):
            self.removeItem(self._lines.pop(name))
        for name, (steps, values) in series.items():
            if name not in self._lines:
                self._lines[name] = self.plot()
            colour = colours.get(name, "#999999")
            style = Qt.PenStyle.DashLine if name in dashed else Qt.PenStyle.SolidLine
            self._lines[name].setPen(pg.mkPen(colour, width=2, style=style))
            self._lines[name].setData(
                list(steps),
                list(values),
                symbol="o" if len(steps) == 1 else None,  # one alone makes no line
                symbolSize=_DOT,
                symbolPen=colour if name in dashed else None,  # a ring stands for a dashed line
                symbolBrush=None if name in dashed else colour,
            )
        self._show_axes(bool(series))
        # Else pyqtgraph finds the ranges while it draws, and draws once more with them.
        self.scene().prepareForPaint()
