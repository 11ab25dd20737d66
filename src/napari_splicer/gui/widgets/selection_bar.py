"""SelectionBar: how many cells are selected, and what can be done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QToolButton, QWidget
from superqt import QElidingLabel

from napari_splicer.gui.binding import bind
from napari_splicer.gui.widgets.undo_buttons import UndoButtons
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from napari_splicer.gui.session import Session

HINT = (
    "Drag around cells to select them; with Ctrl, drag a rectangle. Shift adds to the selection, "
    "Alt takes away, both together keep what lies in both; Esc clears it. The wheel zooms, the "
    "middle button moves the map, a double click shows all of it."
)


class SelectionBar(QWidget):
    """A line under the map.

    Parameters
    ----------
    session : Session
        Read and written.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.count = QElidingLabel()
        self.count.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.select = QToolButton()
        self.select.setText("Select  ")  # room for the arrow, which lies over the text
        self._wording = Wording(self, session)
        self._wording.put(self.select.setToolTip, "Other ways to select cells")
        self.select.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.select)
        menu.setToolTipsVisible(True)
        self.drawing = menu.addAction("")
        self._wording.put(self.drawing.setText, "Draw around cells in the image")
        self.inverse = menu.addAction("All others instead")
        self.everything = menu.addAction("")
        self._wording.put(self.everything.setText, "All cells")
        self.nothing = menu.addAction("None")
        self.select.setMenu(menu)
        self.drawing.triggered.connect(lambda: session.drawing_requested.emit())
        self.inverse.triggered.connect(self.invert)
        self.everything.triggered.connect(lambda: session.select(session.ids()))
        self.nothing.triggered.connect(lambda: session.select([]))
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        line.addWidget(self.count, 1)
        line.addWidget(self.select)
        line.addWidget(UndoButtons(session.history))
        for signal in (
            session.events.selection,
            session.events.table,
            session.events.cells,
            session.events.tiles,
        ):
            bind(self, signal, self._refresh)
        self._refresh()

    def invert(self) -> None:
        """Select the cells that are not selected."""
        ids, selected = self._session.ids(), self._session.selection
        self._session.select(np.setdiff1d(ids, selected, assume_unique=True))

    def _refresh(self) -> None:
        selected, total = len(self._session.selection), len(self._session.ids())
        said = self._session.words
        words = said(f"{selected:,} of {total:,} cells")
        self.count.setText(words if selected else said("Drag around cells"))
        self.count.setToolTip(said(f"{words} selected. {HINT}"))
        self.nothing.setEnabled(selected > 0)
        self.nothing.setToolTip("" if selected else "Nothing is selected")
        fits = self._session.table_fits
        self.drawing.setEnabled(fits)
        self.drawing.setToolTip(
            said("Every shape that you then draw on the image selects the cells in it")
            if fits
            else "The image and mask of these cells are not the chosen ones: see step ① Image"
        )
