"""SourceChoice: what cells are compared by, one of a list, or several to tick below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_splicer.gui.naming import source_words
from napari_splicer.gui.widgets.narrow_box import NarrowBox
from napari_splicer.gui.widgets.source_menu import SourceMenu

if TYPE_CHECKING:
    from collections.abc import Sequence

SEVERAL = "several together …"
_TIP = "What is compared, each of it counting the same: components alone, if only they are ticked"


class SourceChoice(QWidget):
    """A list whose last entry lets several be ticked.

    Emits ``changed`` when a person has chosen something else: of several, once all are ticked.

    Parameters
    ----------
    offered : sequence of str
        The most telling first.
    """

    changed = Signal()

    def __init__(self, offered: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box, self.several = NarrowBox(), SourceMenu(_TIP)
        self.box.activated.connect(self._chosen)
        self.several.menu().aboutToHide.connect(self._tell)
        self._due = QTimer(self, singleShot=True, interval=0)  # when the button has its place
        self._due.timeout.connect(self._open)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.box)
        column.addWidget(self.several, alignment=Qt.AlignmentFlag.AlignLeft)
        self._offered: tuple[str, ...] = ()
        self._told: tuple[str, ...] = ()
        self.offer(offered)

    def explain(self, tip: str) -> None:
        """Say what the choice is for."""
        self.box.tip = tip
        self.box.setToolTip(tip)

    @property
    def sources(self) -> tuple[str, ...]:
        """What is chosen."""
        return self.several.chosen

    def offer(self, offered: Sequence[str]) -> None:
        """Offer sources, and keep what is chosen as far as it is among them."""
        kept = [source for source in self.sources if source in offered]
        self._offered = tuple(offered)
        self.box.clear()
        for source in offered:
            self.box.addItem(source_words(source), source)
        if len(offered) > 1:
            self.box.addItem(SEVERAL)
        self.choose(kept)

    def choose(self, sources: Sequence[str]) -> None:
        """Show what cells are to be compared by; the first that is offered, if that is not."""
        known = bool(sources) and {*sources} <= {*self._offered}
        chosen = [each for each in self._offered if each in sources] if known else self._offered[:1]
        several = len(chosen) > 1
        self.box.setCurrentIndex(len(self._offered) if several else self._offered.index(chosen[0]))
        self.several.show_choice(self._offered, chosen)
        self.several.setVisible(several)
        self._told = self.sources

    def _chosen(self, row: int) -> None:
        if row < len(self._offered):
            before = self.sources
            self.choose([self._offered[row]])
            if self.sources != before:
                self.changed.emit()
        else:
            self.several.show()  # with what was chosen ticked, and others to be ticked as well
            self._due.start()

    def _tell(self) -> None:
        """Tell of what was ticked while the menu was open."""
        if self.sources != self._told:
            self._told = self.sources
            self.changed.emit()

    def _open(self) -> None:
        self.several.menu().popup(self.several.mapToGlobal(self.several.rect().bottomLeft()))
