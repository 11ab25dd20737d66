"""SuggestionButton: ways to divide the markers into components, in a menu, each with its reason."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QMenu, QPushButton

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_splicer.components.suggestion import Suggestion
    from napari_splicer.config import Component

_WIDTH = 640  # px of a line of the menu
SOON = "Suggestions are being made …"
_TIP = "Ways to divide these markers, each with its reason"


class SuggestionButton(QPushButton):
    """A button with a menu of suggestions. Emits ``chosen``, and ``wanted`` where there are none.

    Signals
    -------
    chosen : (Suggestion,)
    """

    chosen = Signal(object)
    wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Suggestions", parent)
        self.suggestions: tuple[Suggestion, ...] = ()
        self._kept: Suggestion | None = None
        self._why, self._again, self._blocked = SOON, False, ""
        self.setMenu(QMenu(self))

    def keep(self, own: Suggestion) -> None:
        """Offer what a person had, after all others, also when these change."""
        others = [each for each in self.suggestions if each is not self._kept]
        self._kept = own
        self.offer(others, self._why, again=self._again)

    def offer(
        self, suggestions: Sequence[Suggestion], why: str = SOON, *, again: bool = False
    ) -> None:
        """Offer these instead of the ones before; without any, say why, or offer to make some."""
        self._why, self._again = why, again
        kept = () if self._kept is None or not suggestions else (self._kept,)
        self.suggestions = (*suggestions, *kept)
        self.setEnabled(bool(suggestions) or again)
        self._explain()
        menu = self.menu()
        menu.clear()
        menu.setToolTipsVisible(True)
        if again and not suggestions:
            menu.addAction("Make suggestions").triggered.connect(lambda: self.wanted.emit())
        for suggestion in self.suggestions:
            words = f"{suggestion.title}: {suggestion.reason}"
            short = menu.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, _WIDTH)
            action = menu.addAction(short.replace("&", "&&"))
            names = ", ".join(component.name for component in suggestion.components)
            action.setToolTip(f"<p>{escape(suggestion.reason)}</p><p>{escape(names)}</p>")
            action.triggered.connect(lambda _=False, s=suggestion: self.chosen.emit(s))

    def block(self, why: str) -> None:
        """Say why nothing can be suggested yet; empty where it can."""
        self._blocked = why
        self._explain()

    def _explain(self) -> None:
        self.setToolTip(self._blocked or (_TIP if self.suggestions else self._why))

    def reason_of(self, components: Sequence[Component]) -> str:
        """Return why these components were suggested, or that this was stopped; else nothing."""
        if self._again and not self.suggestions:
            return self._why
        taken = (s for s in self.suggestions if tuple(s.components) == tuple(components))
        return next((f"{s.title}. {s.reason}" for s in taken), "")
