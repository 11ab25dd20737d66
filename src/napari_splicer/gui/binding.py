"""Tie a widget to a signal of the session for as long as the widget lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

if TYPE_CHECKING:
    from collections.abc import Callable

    from psygnal import SignalInstance
    from qtpy.QtWidgets import QWidget


def bind(widget: QWidget, signal: SignalInstance, slot: Callable[..., Any]) -> None:
    """Call ``slot``, a bound method, on ``signal`` until ``widget`` is destroyed.

    Qt deletes a closed dock's widgets while Python may still hold them; without this, the session
    would go on calling into them.
    """
    signal.connect(slot)
    method = WeakMethod(slot)

    def release() -> None:
        living = method()
        if living is not None:
            signal.disconnect(living, missing_ok=True)

    widget.destroyed.connect(release)
