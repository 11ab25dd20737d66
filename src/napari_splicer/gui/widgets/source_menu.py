"""SourceMenu: a button with everything that cells can be told apart by, to tick one or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, QSize, Signal
from qtpy.QtWidgets import QMenu, QStyle, QToolButton

from napari_splicer.analysis_settings import component_of, overlapping
from napari_splicer.gui.naming import source_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QAction, QMouseEvent
    from qtpy.QtWidgets import QWidget

_LONGEST = 28  # characters in which several are named on the button


class SourceMenu(QToolButton):
    """Emits ``ticked`` when a person has ticked another or not; one always stays.

    What is held by another, as looks by "looks and intensity together", and that other are never
    ticked at once.

    Parameters
    ----------
    tip : str
        What follows from the choice.
    """

    ticked = Signal()

    def __init__(self, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tip = tip
        self.chosen: tuple[str, ...] = ()
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setMenu(_StayingMenu(self))

    def sizeHint(self) -> QSize:
        """Leave room for the arrow, which napari's style does not count."""
        arrow = self.style().pixelMetric(QStyle.PixelMetric.PM_MenuButtonIndicator)
        return super().sizeHint() + QSize(arrow, 0)

    def show_choice(self, offered: Sequence[str], chosen: Sequence[str]) -> None:
        """Offer sources, some of which are chosen; the menu may be open."""
        menu, self.chosen = self.menu(), tuple(chosen)
        if [action.data() for action in menu.actions()] != [*offered]:
            menu.clear()
            for source in offered:
                action = menu.addAction(source_words(source))
                action.setData(source)
                action.setCheckable(True)
                action.toggled.connect(lambda on, source=source: self._tick(source, on))
        for action in menu.actions():
            with QSignalBlocker(action):
                action.setChecked(action.data() in chosen)
        words = source_words(self.chosen)
        short = ", ".join(component_of(source) or source_words(source) for source in chosen)
        if len(chosen) == 1:
            self.setText(words)
        else:
            self.setText(short if len(short) <= _LONGEST else f"{len(chosen)} together")
        self.setToolTip(f"{words}.\n{self._tip}")

    def _tick(self, source: str, on: bool) -> None:
        offered = [action.data() for action in self.menu().actions()]
        others = {*self.chosen} - {source, *overlapping(source)}
        wanted = [each for each in offered if each in others or (on and each == source)]
        if wanted:
            self.show_choice(offered, wanted)
            self.ticked.emit()
        else:
            self.show_choice(offered, self.chosen)  # one has to stay


class _StayingMenu(QMenu):
    """Stays open while things are clicked in it: several are, one after another."""

    _pressed: QAction | None = None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = self.actionAt(event.position().toPoint())
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        action = self.actionAt(event.position().toPoint())
        if action is not None and action == self._pressed:
            action.trigger()
        else:
            super().mouseReleaseEvent(event)
