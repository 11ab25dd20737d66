"""AlikeSelector: how many of the most alike cells are to be selected, by number or by likeness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QSpinBox, QWidget

if TYPE_CHECKING:
    from napari_splicer.analysis.similarity import Similarity
    from napari_splicer.gui.session import Session

_MOST = 9_999_999
_COUNT, _LEAST = 50, 80  # at first: cells, and hundredths of similarity


class AlikeSelector(QWidget):
    """Emits ``wanted`` with the number of cells, from the most alike on, that are to be selected.

    Parameters
    ----------
    session : Session
        Says whether they are cells or tiles.

    Signals
    -------
    wanted : (int,)
    """

    wanted = Signal(int)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._found: Similarity | None = None
        self.count, self.least = QSpinBox(), QSlider(Qt.Orientation.Horizontal)
        self.nearest, self.above = QPushButton("Select"), QPushButton("Select")
        self.says = QLabel()
        self._dress()
        self._lay_out()
        self.count.valueChanged.connect(self._refresh)
        self.least.valueChanged.connect(self._refresh)
        self.nearest.clicked.connect(lambda: self.wanted.emit(self.count.value()))
        self.above.clicked.connect(lambda: self.wanted.emit(self._number_above()))
        self._refresh()

    def show_found(self, found: Similarity) -> None:
        """Let these be the cells to select from."""
        self._found = found
        self._refresh()

    def _dress(self) -> None:
        self.count.setRange(1, _MOST)
        self.count.setValue(_COUNT)
        self.count.setToolTip("How many of the most alike cells are selected")
        self.least.setRange(-100, 100)
        self.least.setValue(_LEAST)
        self.least.setMinimumWidth(60)
        self.least.setToolTip(
            "How alike a cell must be: 1 is alike in everything, 0 has nothing in common, "
            "\N{MINUS SIGN}1 is the opposite"
        )
        room = self.fontMetrics().horizontalAdvance(_words(-100, 1_000_000))
        self.says.setMinimumWidth(room)

    def _lay_out(self) -> None:
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(6)
        line.addWidget(QLabel("The most alike"))
        line.addWidget(self.count)
        line.addWidget(self.nearest)
        line.addWidget(QLabel(" or"))
        line.addWidget(self.least, 1)
        line.addWidget(self.says)
        line.addWidget(self.above)

    def _number_above(self) -> int:
        return 0 if self._found is None else self._found.count_above(self.least.value() / 100)

    def _refresh(self) -> None:
        cells = self._number_above()
        said = self._session.words
        self.says.setText(said(_words(self.least.value(), cells)))
        more = "and what they are compared to: step ⑤ Cluster can make a group of them"
        count = self.count.value()
        self.nearest.setToolTip(said(f"Select the {count:,} most alike cells, {more}"))
        self.above.setToolTip(said(f"Select these {cells:,} cells, {more}"))


def _words(hundredths: int, cells: int) -> str:
    least = f"{hundredths / 100:.2f}".replace("-", "\N{MINUS SIGN}")
    return f"at least {least}: {cells:,} cells"
