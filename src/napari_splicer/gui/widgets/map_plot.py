"""MapPlot: the ground that the map is drawn on, which says what it is a map of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyqtgraph as pg
from qtpy.QtWidgets import QStackedLayout, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_splicer.gui.widgets.message_page import MessagePage

if TYPE_CHECKING:
    from napari_splicer.gui.cell_places import Places
    from napari_splicer.gui.widgets.theme import Theme

_SIDES = ("bottom", "left")


class MapPlot(QWidget):
    """A title and axes around cells, or a sentence instead of them.

    Parameters
    ----------
    view : pg.ViewBox
        In which cells are drawn.

    Attributes
    ----------
    plot : pg.PlotWidget
    page : MessagePage
    title : QElidingLabel
    """

    def __init__(self, view: pg.ViewBox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self.plot = pg.PlotWidget(viewBox=view)
        self.plot.hideButtons()
        for side in _SIDES:
            self.plot.hideAxis(side)
        self.title = QElidingLabel()
        self.page = MessagePage()
        stacked = QWidget()
        self._stack = QStackedLayout(stacked)
        self._stack.addWidget(self.plot)
        self._stack.addWidget(self.page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.title)
        layout.addWidget(stacked, stretch=1)
        self._show_title("")

    def set_theme(self, theme: Theme) -> None:
        """Paint in the theme's colours."""
        self.plot.setBackground(theme.background)
        for side in _SIDES:
            self.plot.getAxis(side).setPen(theme.text)
            self.plot.getAxis(side).setTextPen(theme.text)

    def show_places(self, places: Places, message: str, *, again: bool) -> None:
        """Show what places of cells mean, or say a message instead, with *Try again* or not."""
        meant = any(places.labels)
        self._view.setAspectLocked(not meant)
        for side, words in zip(_SIDES, places.labels, strict=True):
            self.plot.setLabel(side, words)  # which also shows the axis
            self.plot.showAxis(side, meant)
        if message:
            self.page.say(message, again=again)
        self._stack.setCurrentIndex(1 if message else 0)
        self._show_title("" if message else places.title)

    def _show_title(self, words: str) -> None:
        self.title.setText(words)
        self.title.setToolTip(words)
        self.title.setVisible(bool(words))
