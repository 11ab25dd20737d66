"""The mouse over a viewer without a window."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from napari_splicer.gui.pointing import Pointer

if TYPE_CHECKING:
    from vispy.util.keys import Key


def hover(viewer, world) -> None:
    for callback in viewer.mouse_move_callbacks:
        callback(viewer, SimpleNamespace(position=tuple(world), is_dragging=False))


def click(viewer, position, *keys: Key, drag: bool = False) -> None:
    event = SimpleNamespace(position=position, button=1, type="mouse_press", modifiers=keys)
    own = [c for c in viewer.mouse_drag_callbacks if isinstance(getattr(c, "__self__", 0), Pointer)]
    running = [callback(viewer, event) for callback in own]
    for generator in running:
        next(generator, None)
        if drag:
            event.type = "mouse_move"
            next(generator, None)
        event.type = "mouse_release"
        next(generator, None)
