"""MatchTable: a model's channels beside those of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_splicer.components.matching import ChannelMatch


class MatchTable(QTableWidget):
    """Two columns: channel of the model, and what stands for it in the image."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 2, parent)
        self.setHorizontalHeaderLabels(["Model", "This image"])
        self.setToolTip("The channels that the model was trained on, and where they are here")
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setTabKeyNavigation(False)

    def show_match(self, channels: Sequence[str], match: ChannelMatch) -> None:
        """Show how ``channels`` of a model lie in the image."""
        self.setRowCount(len(channels))
        for row, name in enumerate(channels):
            here = f"✓ {name}"
            if name in match.renamed:
                here = f"? {match.renamed[name]}"
            elif name in match.missing:
                here = "✕ missing"
            self.setItem(row, 0, QTableWidgetItem(name))
            self.setItem(row, 1, QTableWidgetItem(here))
        rows = min(max(len(channels), 2), 8)
        self.setFixedHeight((rows + 1) * (self.fontMetrics().height() + 8) + 8)
