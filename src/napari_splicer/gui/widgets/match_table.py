"""MatchTable: a model's channels beside those of the image; what is not sure can be chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_splicer.gui.widgets.narrow_box import NarrowBox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_splicer.components.matching import ChannelMatch

_MISSING = "✕ missing"


class MatchTable(QTableWidget):
    """Two columns: channel of the model, and what stands for it in the image.

    Where the image has no channel of that name, one of its others can be chosen; the one that is
    probably meant is, at first. Emits ``changed`` when another is chosen.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 2, parent)
        self.boxes: dict[str, NarrowBox] = {}
        self._guesses: dict[str, str | None] = {}
        self.setHorizontalHeaderLabels(["Model", "This image"])
        self.setToolTip("The channels that the model was trained on, and where they are here")
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().hide()
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setTabKeyNavigation(False)

    @property
    def chosen(self) -> dict[str, str]:
        """For channels of the model, the image's channel that is chosen to stand for it."""
        boxes = {name: box.currentData() for name, box in self.boxes.items()}
        return {name: str(here) for name, here in boxes.items() if here is not None}

    @property
    def twice(self) -> str:
        """A channel of the image that is chosen for several of the model's; empty without one."""
        chosen = list(self.chosen.values())
        return next((name for name in chosen if chosen.count(name) > 1), "")

    def show_match(self, channels: Sequence[str], match: ChannelMatch) -> None:
        """Show how ``channels`` of a model lie in the image.

        What was chosen for one is kept as long as nothing else is guessed for it.
        """
        before, self._guesses = self._guesses, {n: match.renamed.get(n) for n in match.missing}
        kept = {
            name: box.currentData()
            for name, box in self.boxes.items()
            if name in self._guesses and before[name] == self._guesses[name]
        }
        self.boxes = {}
        self.setRowCount(0)  # with it go the boxes from before
        self.setRowCount(len(channels))
        for row, name in enumerate(channels):
            self.setItem(row, 0, QTableWidgetItem(name))
            if name not in match.missing or not match.extra:
                here = _MISSING if name in match.missing else f"✓ {name}"
                self.setItem(row, 1, QTableWidgetItem(here))
                continue
            box = self._box(name, match, kept.get(name, self._guesses[name]))
            self.boxes[name] = box
            self.setCellWidget(row, 1, box)
        line = self.fontMetrics().height() + 8
        height = max([line, *(box.sizeHint().height() for box in self.boxes.values())])
        self.verticalHeader().setDefaultSectionSize(height)
        rows = min(max(len(channels), 2), 8)
        self.setFixedHeight(rows * height + line + 8)

    def _box(self, name: str, match: ChannelMatch, chosen: str | None) -> NarrowBox:
        """Return the choice of what stands for a channel that the image lacks."""
        box, guess = NarrowBox(), match.renamed.get(name)
        box.addItem(_MISSING, None)
        for here in match.extra:
            box.addItem(f"? {here}" if here == guess else here, here)
        box.setCurrentIndex(1 + match.extra.index(chosen) if chosen in match.extra else 0)
        box.tip = f"Which channel of this image is {name}, if any"
        box.setToolTip(box.tip)
        box.setAccessibleName(box.tip)
        box.currentIndexChanged.connect(lambda: self.changed.emit())
        return box
