"""Wording: what a widget says of cells is said of tiles while those are described."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.gui.binding import bind

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.session import Session


class Wording:
    """Puts sentences where they belong, and puts them anew when cells become tiles, or tiles cells.

    Parameters
    ----------
    owner : QWidget
        Must keep this object; with it ends the wording.
    session : Session
    """

    def __init__(self, owner: QWidget, session: Session) -> None:
        self._session = session
        self._said: list[tuple[Callable[[str], object], str]] = []
        self._of_tiles = session.of_tiles
        bind(owner, session.events.settings, self._follow)

    def put(self, put: Callable[[str], object], sentence: str) -> None:
        """Say a sentence about cells by ``put``, a widget's ``setText`` or ``setToolTip``."""
        self._said.append((put, sentence))
        put(self._session.words(sentence))

    def _follow(self) -> None:
        if self._session.of_tiles != self._of_tiles:
            self._of_tiles = self._session.of_tiles
            for put, sentence in self._said:
                put(self._session.words(sentence))
