"""StrokeWatch: tells when a mask is painted on, and when a stroke is undone or done again."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels


class StrokeWatch:
    """Watches one Labels layer at a time.

    Parameters
    ----------
    changed : callable
        Called after every change of the layer's pixels.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._watched: ref[Labels] | None = None
        self._numbers = count()
        self._states: list[int] = [next(self._numbers)]  # after 0, 1, … of the kept strokes
        self._depth = 0

    @property
    def state(self) -> int:
        """A number that pixels have for as long as they stay, and again after undoing strokes."""
        return self._states[self._depth]

    @property
    def _layer(self) -> Labels | None:
        return None if self._watched is None else self._watched()

    def watch(self, layer: Labels | None) -> None:
        """Watch ``layer``, which is held weakly, instead of the one before."""
        if self._layer is not None:
            events = self._layer.events
            events.paint.disconnect(self._on_stroke)
            events.data.disconnect(self._on_data)
            events.set_data.disconnect(self._on_redraw)
        self._watched = None if layer is None else ref(layer)
        self._start_anew()
        if layer is not None:
            layer.events.paint.connect(self._on_stroke)
            layer.events.data.connect(self._on_data)
            layer.events.set_data.connect(self._on_redraw)

    def _start_anew(self) -> None:
        self._depth = strokes_of(self._layer)
        self._states = [next(self._numbers) for _ in range(self._depth + 1)]

    def _on_data(self, event: Any = None) -> None:
        self._start_anew()
        self._changed()

    def _on_stroke(self, event: Any = None) -> None:
        before, self._depth = self._depth, strokes_of(self._layer)
        # The oldest stroke is forgotten where there are as many as napari keeps.
        kept = self._states[: self._depth] if self._depth > before else self._states[1:]
        self._states = [*kept, next(self._numbers)]
        self._changed()

    def _on_redraw(self, event: Any = None) -> None:
        """Find out whether a stroke was undone: napari has no event for that, but draws anew."""
        depth = strokes_of(self._layer)
        if depth != self._depth and depth < len(self._states):
            self._depth = depth
            self._changed()


def strokes_of(layer: Labels | None) -> int:
    """Return how many strokes can be undone; napari has no public name for that."""
    return len(getattr(layer, "_undo_history", ()))
