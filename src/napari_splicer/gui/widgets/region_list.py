"""RegionList: masks of tissue regions to tick, and shapes that become one when they are ticked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Shapes
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from napari_splicer.errors import SplicerError
from napari_splicer.gui.binding import bind
from napari_splicer.gui.drawn_regions import write
from napari_splicer.gui.jobs import tell
from napari_splicer.gui.snapshot import Notice
from napari_splicer.gui.steps.page import text
from napari_splicer.gui.widgets.work_line import WorkLine

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_splicer.gui.display import LayerData
    from napari_splicer.gui.drawn_regions import Sketch
    from napari_splicer.gui.layers import ViewerLink

_HOW = (
    "Labels layers, and areas that you draw in a Shapes layer, are listed here. Tick those that "
    "components shall look inside or outside of."
)
_LAYER = Qt.ItemDataRole.UserRole


class RegionList(QWidget):
    """Lists what could be further masks; ticks are the link's, see :class:`ViewerLink`.

    Parameters
    ----------
    link : ViewerLink
    """

    def __init__(self, link: ViewerLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self.making = WorkLine(self._take, self._refuse, parent=self)
        self.making.stopped.connect(self._on_stop)
        self.list = QListWidget()
        self.list.setMaximumHeight(90)
        self.list.itemChanged.connect(self._on_tick)
        self.said = text(_HOW, small=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addWidget(self.said)
        layout.addWidget(self.making)
        bind(self, link.changed, self.refresh)
        bind(self, link.drawn.changed, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """List the layers there are, and which are chosen."""
        with QSignalBlocker(self.list):
            self.list.clear()
            called = {layer: name for name, layer in self._link.region_layers.items()}
            for mask in self._link.masks():
                if mask is not self._link.mask_layer:
                    known = called.get(mask, mask.name)
                    words = mask.name if known == mask.name else f"{mask.name} (mask {known})"
                    self._add(words, mask, mask in called)
            for shapes, words in self._link.drawn.offered():
                self._add(words, shapes, ticked=False)

    def _add(self, words: str, layer: Layer, ticked: bool) -> None:
        item = QListWidgetItem(words, self.list)
        item.setData(_LAYER, layer)
        item.setToolTip(words)
        item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)

    def _on_tick(self, item: QListWidgetItem) -> None:
        layer = item.data(_LAYER)
        if isinstance(layer, Shapes):
            self._make(layer)
            return
        items = [self.list.item(i) for i in range(self.list.count())]
        ticked = [i.data(_LAYER) for i in items if i.checkState() == Qt.CheckState.Checked]
        self._link.use_regions([mask for mask in self._link.masks() if mask in ticked])

    def _make(self, layer: Shapes) -> None:
        try:
            sketch = self._link.drawn.begin(layer)
        except SplicerError as error:
            self._refuse(error)
            return
        self.list.setEnabled(False)
        self.said.setText(f"Making a mask of {layer.name} …")
        self.making.ask(write, sketch)

    def _take(self, made: tuple[Sketch, LayerData]) -> None:
        self._end()
        self._link.session.notice = Notice("info", self._link.drawn.take(*made), "open")

    def _refuse(self, error: Exception) -> None:
        self._end()
        self.refresh()
        if isinstance(error, SplicerError):
            self._link.session.notice = Notice("error", str(error), "open")
        else:
            tell(error)

    def _on_stop(self) -> None:
        self._end()
        self.refresh()

    def _end(self) -> None:
        self.list.setEnabled(True)
        self.said.setText(_HOW)
