"""ChannelPicker: tick channels in a list that a few typed letters narrow down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence


class ChannelPicker(QWidget):
    """Emits ``changed`` when a channel is ticked or unticked.

    Parameters
    ----------
    channels : sequence of str
        All there are, in the image's order.
    chosen : sequence of str
        Those ticked at first.
    """

    changed = Signal()

    def __init__(
        self, channels: Sequence[str], chosen: Sequence[str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search channels …")
        self._search.setClearButtonEnabled(True)
        self._search.setToolTip("A few letters narrow the list; Enter ticks its first channel")
        self._search.textChanged.connect(self._narrow)
        self._search.returnPressed.connect(self._tick_first)
        self._list = QListWidget()
        self._list.setToolTip("Tick the markers that this component looks at")
        for name in channels:
            QListWidgetItem(name, self._list)
        self.choose(chosen)
        self._list.itemChanged.connect(self.changed)
        rows = min(max(len(channels), 3), 7)
        self._list.setFixedHeight(rows * (self.fontMetrics().height() + 6) + 6)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._search)
        layout.addWidget(self._list)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The ticked channels, in the image's order."""
        items = [self._list.item(i) for i in range(self._list.count())]
        return tuple(i.text() for i in items if i.checkState() == Qt.CheckState.Checked)

    def choose(self, channels: Sequence[str]) -> None:
        """Tick these channels, and no others; nobody is told."""
        self._list.blockSignals(True)
        for item in (self._list.item(i) for i in range(self._list.count())):
            ticked = item.text() in channels
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
        self._list.blockSignals(False)
        self._list.viewport().update()

    def tick(self, channel: str, ticked: bool = True) -> None:
        """Tick or untick a channel."""
        for item in self._list.findItems(channel, Qt.MatchFlag.MatchExactly):
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)

    def _tick_first(self) -> None:
        """Tick, or untick, the first channel that the letters leave; the next is then typed."""
        items = [self._list.item(i) for i in range(self._list.count())]
        first = next((item for item in items if not item.isHidden()), None)
        if first is not None and self._search.text():
            self.tick(first.text(), first.checkState() != Qt.CheckState.Checked)
            self._search.selectAll()

    def _narrow(self, letters: str) -> None:
        for i in range(self._list.count()):
            item = self._list.item(i)
            item.setHidden(letters.casefold() not in item.text().casefold())
