"""HoverLabel: the name beside a cell of the map, which stays inside the plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtGui import QFontMetrics

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BESIDE = 0.1  # of its own width, from the cell
_MARGIN = 10  # px, of the frame around the words


class HoverLabel(pg.TextItem):
    """Lies towards the middle of the plot; words that don't fit there are cut with an ellipsis."""

    def __init__(self) -> None:
        super().__init__()
        self.hide()  # also an empty one has a background

    def show_at(self, place: NDArray[np.float64], words: str, view: pg.ViewBox) -> None:
        """Say ``words`` beside a place on the map."""
        self.setVisible(True)  # which, unlike show(), follows a view that changed meanwhile
        x, y = place
        centre = view.viewRect().center()
        seen = view.viewRect()
        share = max(x - seen.left(), seen.right() - x) / seen.width()  # of the roomier side
        room = int(min(share, 1.0) * view.width() / (1 + _BESIDE)) - _MARGIN
        metrics = QFontMetrics(self.textItem.font())
        self.setText(metrics.elidedText(words, Qt.TextElideMode.ElideRight, room))
        self.setAnchor((1 + _BESIDE if x > centre.x() else -_BESIDE, 0 if y > centre.y() else 1))
        self.setPos(x, y)
