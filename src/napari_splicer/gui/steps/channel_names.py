"""ChannelNames: the channels of the image, to be renamed by hand or by a panel file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_splicer.gui.beside import folder_of_image
from napari_splicer.gui.binding import bind
from napari_splicer.gui.panels import rename_channel, take_panel
from napari_splicer.gui.steps.page import heading
from napari_splicer.gui.widgets.undo_buttons import UndoButtons

if TYPE_CHECKING:
    from napari_splicer.gui.session import Session


class ChannelNames(QWidget):
    """A table with one row per channel, and a button for a panel file.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        panel = QPushButton("Names and groups from a panel file …")
        panel.setToolTip(
            "A panel.csv (steinbock) or markers.csv (MCMICRO), in the image's order. If it has a "
            "column 'group', step 2 suggests its groups as components. It can also be dragged here."
        )
        panel.clicked.connect(self._ask_for_panel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        top = QHBoxLayout()
        top.addWidget(heading("Channels"), 1)
        top.addWidget(UndoButtons(session.set_up))
        layout.addLayout(top)
        layout.addWidget(self._channel_table())
        layout.addWidget(panel)
        bind(self, session.events.image, self._list)
        self._list()

    def _channel_table(self) -> QTableWidget:
        table = QTableWidget(0, 1)
        table.setToolTip("Double-click a name to change it")
        table.horizontalHeader().hide()
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 8)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setMinimumHeight(180)
        table.setTabKeyNavigation(False)
        table.itemChanged.connect(self._rename_channel)
        self.table = table
        return table

    def _list(self) -> None:
        image = self.session.image
        table = self.table
        table.blockSignals(True)
        channels = () if image is None else image.channels
        table.setRowCount(len(channels))
        for row, name in enumerate(channels):
            table.setItem(row, 0, QTableWidgetItem(name))
        table.blockSignals(False)

    def _ask_for_panel(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Panel file", folder_of_image(self.session), "CSV (*.csv)"
        )
        if path:
            take_panel(self.session, Path(path))

    def _rename_channel(self, item: QTableWidgetItem) -> None:
        if not rename_channel(self.session, item.row(), item.text()):
            self._list()
