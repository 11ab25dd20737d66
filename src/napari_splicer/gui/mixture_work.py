"""How far the colours are that stand for likeness, for whoever shows it. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal
from weakref import WeakKeyDictionary

from psygnal import Signal

if TYPE_CHECKING:
    from napari_splicer.gui.session import Session


class MixtureWork:
    """Who works out the colours notes here how far that is; who shows it asks here to stop it.

    Attributes
    ----------
    state : str
        ``"stopped"`` by a person, ``"working"``, or nothing.
    """

    changed: ClassVar[Signal] = Signal(description="The state")
    shared: ClassVar[Signal] = Signal(float, description="Share that is done")
    stop: ClassVar[Signal] = Signal(description="A person wants it stopped")
    again: ClassVar[Signal] = Signal(description="A person wants the colours after all")

    def __init__(self) -> None:
        self.state: Literal["", "working", "stopped"] = ""

    def become(self, state: Literal["", "working", "stopped"]) -> None:
        """Note a state."""
        self.state = state
        self.changed.emit()


_WORK: WeakKeyDictionary[Session, MixtureWork] = WeakKeyDictionary()


def mixture_work(session: Session) -> MixtureWork:
    """Return a session's, made when first asked for; it lives as long as the session."""
    if session not in _WORK:
        _WORK[session] = MixtureWork()
    return _WORK[session]
