"""Spread: one marker's histogram in every group, one above the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyqtgraph as pg
from qtpy.QtWidgets import QComboBox

from napari_splicer.gui.binding import bind
from napari_splicer.gui.jobs import Errand
from napari_splicer.gui.widgets.panel import Panel
from napari_splicer.gui.widgets.theme import DARK

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.analysis.profiles import Histograms
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.theme import Theme

EMPTY = "Here will be how a marker is spread over each group's cells. Step ⑤ Cluster makes groups."
_HEIGHT = 0.9  # of the highest bar, in rows


class Spread(Panel):
    """Histograms of a marker, roots of counts, each scaled to its own highest bar.

    Follows the marker by which map and image are coloured, and sets it when another is chosen.

    Parameters
    ----------
    session : Session
        Read and written.
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        self.plot = pg.PlotWidget()
        super().__init__("Marker", self.plot, parent)
        self._session = session
        self._theme = DARK
        self._found: Histograms | None = None
        self._errand, self._due = Errand(self, self._show), self.later(self._count)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.setMenuEnabled(False)
        self.plot.getPlotItem().invertY(True)
        self.plot.setToolTip(
            "Mean intensity of each cell on an arcsinh scale, to the right brighter. Heights are "
            "square roots of numbers of cells, so that a few cells can be seen beside many; each "
            "curve is as high as its own peak"
        )
        self.marker = QComboBox()
        self.marker.setToolTip("The marker whose spread is shown")
        self.marker.setMinimumWidth(110)
        self.tools.addWidget(self.marker)
        self.tools.addStretch()
        self.marker.activated.connect(self._chosen)
        for signal in (session.events.table, session.events.clustering, session.events.groups):
            bind(self, signal, self._changed)
        bind(self, session.events.colour_by, self._follow)
        self._changed()

    def set_theme(self, theme: Theme) -> None:
        """Paint in the theme's colours."""
        self._theme = theme
        self.plot.setBackground(theme.background)
        for side in ("bottom", "left"):
            self.plot.getAxis(side).setPen(theme.text)
            self.plot.getAxis(side).setTextPen(theme.text)
        self._draw()

    def _changed(self) -> None:
        table = self._session.table
        names = [] if table is None else [str(name) for name in table.var_names]
        if names != [self.marker.itemText(i) for i in range(self.marker.count())]:
            self.marker.clear()
            self.marker.addItems(names)
        self._ask()

    def _follow(self, marker: str | None) -> None:
        if marker is not None and self.marker.findText(marker) >= 0:
            self.marker.setCurrentText(marker)
            self._ask()

    def _chosen(self) -> None:
        self._session.colour_by = self.marker.currentText()
        self._ask()

    def _ask(self) -> None:
        table, clustering = self._session.table, self._session.clustering
        if table is None or clustering is None or not self.marker.currentText():
            self._found = None
            self._errand.forget()
            self.say(self._session.words(EMPTY))
            return
        self._due.start()

    def _count(self) -> None:
        table, clustering = self._session.table, self._session.clustering
        marker = self.marker.currentText()
        if table is None or clustering is None or marker not in table.var_names:
            return
        columns, names = table.obs[[clustering]].copy(), list(map(str, table.var_names))
        self._errand.ask(_counted, table.X, names.index(marker), columns, marker)

    def _show(self, found: Histograms) -> None:
        self._found = found
        self._draw()
        self.show_content()

    def _draw(self) -> None:
        self.plot.clear()
        if self._found is None:
            return
        colours = {group.name: group.colour for group in self._session.groups}
        counts, edges = self._found.counts, self._found.edges
        for row, (name, bars) in enumerate(zip(counts.index, counts.to_numpy(float), strict=True)):
            heights = _HEIGHT * np.sqrt(bars / max(bars.max(), 1))
            colour = pg.mkColor(colours.get(name, self._theme.text))
            fill = pg.mkColor(colour)
            fill.setAlpha(120)
            curve = pg.PlotCurveItem(
                edges, row - heights, stepMode="center", fillLevel=row, brush=fill, pen=colour
            )
            self.plot.addItem(curve)
        ticks = [(row - _HEIGHT / 2, str(name)) for row, name in enumerate(counts.index)]
        self.plot.getAxis("left").setTicks([ticks])
        self.plot.setLabel("bottom", self.marker.currentText())
        self.plot.setRange(
            xRange=(float(edges[0]), float(edges[-1])), yRange=(-1, len(counts) - 0.9), padding=0.01
        )


def _counted(intensities: Any, place: int, columns: pd.DataFrame, marker: str) -> Histograms:
    """Count by a table of its own, which of 10⁶ cells takes a while to make."""
    from anndata import AnnData

    from napari_splicer.analysis.profiles import histograms

    values = np.asarray(intensities[:, [place]], np.float32)
    excerpt = AnnData(values, obs=columns, var=pd.DataFrame(index=[marker]))
    return histograms(excerpt, str(columns.columns[0]), marker)
