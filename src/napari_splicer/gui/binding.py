"""Tie things to a widget's life: slots of the session's signals, and what is done at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

if TYPE_CHECKING:
    from collections.abc import Callable

    from psygnal import SignalInstance
    from qtpy.QtCore import QObject
    from qtpy.QtWidgets import QWidget

_WAITING: set[Callable[..., None]] = set()


def when_destroyed(owner: QObject, act: Callable[[], None]) -> None:
    """Call ``act`` once ``owner`` is destroyed.

    Parameters
    ----------
    owner : QObject
        Usually a widget.
    act : callable
        Must not hold ``owner``, which it would keep alive.
    """

    # Kept here until it is called: Python's collector empties functions that die together with
    # their widget, and a widget that calls an emptied function ends the program.
    def once(*_: object) -> None:
        _WAITING.discard(once)
        act()

    _WAITING.add(once)
    owner.destroyed.connect(once)


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

    when_destroyed(widget, release)
