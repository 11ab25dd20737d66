"""ComponentEditor: what a component is, sees and gets; each change counts at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGroupBox,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
)

from napari_splicer.components.decomposition import OWN_CELL
from napari_splicer.config import Rectangle, Region, Ring
from napari_splicer.gui.steps.page import narrow_form, text
from napari_splicer.gui.widgets.channel_picker import ChannelPicker
from napari_splicer.gui.widgets.undo_buttons import PassOnUndo

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qtpy.QtWidgets import QWidget

    from napari_splicer.config import Component

_WIDEST = 4096  # as wide as a whole embedding can be
_HEAVIEST = 100.0
_SECTIONS = {
    "the centre of the patch": Ring(inner=0.0, outer=0.5),
    "the rim of the patch": Ring(inner=0.5, outer=1.5),
    "the left half": Rectangle(right=0.5),
    "the right half": Rectangle(left=0.5),
    "the upper half": Rectangle(bottom=0.5),
    "the lower half": Rectangle(top=0.5),
}


class ComponentEditor(QGroupBox):
    """Emits ``changed`` with the new component, and ``closed`` when done.

    Parameters
    ----------
    component : Component
    channels : sequence of str
        The image's.
    masks : iterable of str
        Names of masks beside the cells.
    taken : iterable of str
        Names of the other components.
    tiles : bool
        Whether it is of tiles, which have no cell of their own to look at.
    """

    changed = Signal(object)
    closed = Signal()

    def __init__(
        self,
        component: Component,
        channels: Sequence[str],
        masks: Iterable[str],
        taken: Iterable[str],
        *,
        tiles: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Edit component", parent)
        self._component = component
        self.channels = tuple(channels)
        self._taken = set(taken)
        self.name = QLineEdit(component.name)
        self.name.setToolTip("A name that tells what to expect, e.g. immune, stroma, nucleus")
        self.name.editingFinished.connect(self._apply)
        self.says = text(small=True)
        self.says.hide()
        self.name.textEdited.connect(self.says.hide)
        self.region = QComboBox()
        self.region.setToolTip("Where in the patch around a cell this component looks")
        for region in regions(masks):
            self.region.addItem(_words(region), region)
        self._show_region(component.region)
        if tiles:
            self._refuse_own_cells()
        self.region.activated.connect(self._apply)
        self.width = QSpinBox()
        self.width.setRange(0, _WIDEST)
        self.width.setSpecialValueText("equal share")
        self.width.setSuffix(" numbers")
        self.width.setValue(component.width or 0)
        self.width.setToolTip(
            "How much of the description (the embedding) this component gets; with an equal share, "
            "it divides with the others what is left"
        )
        self.width.editingFinished.connect(self._apply)
        self.weight = _weight_box(component.weight)
        self._weight_shown = float(self.weight.value())
        self.weight.editingFinished.connect(self._apply)
        self._undoing = PassOnUndo(self.name, self.width, self.weight)
        self.picker = ChannelPicker(channels, component.channels)
        self.picker.changed.connect(self._apply)
        form = narrow_form()
        form.addRow("Name", self.name)
        form.addRow(self.says)
        form.addRow("Sees", self.region)
        form.addRow("Gets", self.width)
        form.addRow("Counts", self.weight)
        done = QPushButton("Done")
        done.setToolTip("Close the editor; changes are already in effect")
        done.clicked.connect(self.closed)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.picker)
        layout.addWidget(done)

    def _refuse_own_cells(self) -> None:
        """Say of each region that needs to know whose patch it is why tiles can't have it."""
        self.region.setToolTip("Where in the tile this component looks")
        for row in range(self.region.count()):
            if self.region.itemData(row).kind in OWN_CELL:
                item = self.region.model().item(row)
                item.setEnabled(False)
                item.setToolTip("Tiles have no cell of their own. Describe every cell in step 1.")

    @property
    def component(self) -> Component:
        """As it was edited so far."""
        return self._component

    def show_component(self, component: Component, taken: Iterable[str]) -> None:
        """Show a component as it is now, in case it was changed elsewhere."""
        self._taken = set(taken)
        if component == self._component:
            return
        self._component = component
        self.says.hide()
        self.name.setText(component.name)
        self._show_region(component.region)
        self.width.setValue(component.width or 0)
        self.weight.setValue(component.weight)
        self._weight_shown = float(self.weight.value())
        self.picker.choose(component.channels)

    def _show_region(self, region: Region) -> None:
        known = [self.region.itemData(i) for i in range(self.region.count())]
        if region not in known:
            self.region.addItem(region.describe(), region)
            known.append(region)
        self.region.setCurrentIndex(known.index(region))

    def _apply(self) -> None:
        name = self.name.text().strip()
        if not name or name in self._taken:
            why = f"Another component is called {name}." if name else "A component needs a name."
            self.says.setText(f"{why} It stays {self._component.name}.")
            self.says.show()
            self.name.setText(self._component.name)
            name = self._component.name
        changed = self._component.model_copy(
            update={
                "name": name,
                "channels": self.picker.chosen,
                "region": self.region.currentData(),
                "width": self.width.value() or None,
                "weight": self._weight(),
            }
        )
        if changed != self._component:
            self._component = changed
            self.says.hide()
            # What was typed is a step by now; the fields forget it, and hand undo on to the dock.
            self.name.setText(name)
            self.width.lineEdit().setText(self.width.text())
            self.weight.lineEdit().setText(self.weight.text())
            self.changed.emit(changed)

    def _weight(self) -> float:
        """Return the weight as it was as long as nobody types another: the box rounds."""
        typed = float(self.weight.value())
        if typed == self._weight_shown:
            return self._component.weight
        self._weight_shown = typed
        return typed


def _weight_box(weight: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.0, max(_HEAVIEST, weight))
    box.setSingleStep(0.1)
    box.setSuffix(" ×")
    box.setValue(weight)
    box.setToolTip(
        "How much this component counts in training beside the others. Raise it where a component "
        "that matters stops improving early; with 0, its part of the description learns nothing of "
        "it"
    )
    return box


def regions(masks: Iterable[str]) -> list[Region]:
    """Return the regions to choose from."""
    kinds = ("whole", "cell", "surroundings", "other_cells", "background")
    choices = [Region(kind=kind) for kind in kinds]
    for mask in masks:
        choices += [Region(kind="inside", mask=mask), Region(kind="outside", mask=mask)]
    return choices + [Region(kind="section", section=part) for part in _SECTIONS.values()]


def _words(region: Region) -> str:
    for words, section in _SECTIONS.items():
        if region.section == section:
            return words
    return region.describe()
