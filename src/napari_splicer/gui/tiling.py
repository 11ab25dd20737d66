"""Tiling: the tiles of a session's image, where they are described instead of cells. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakValueDictionary

from napari_splicer.config import PatchSettings
from napari_splicer.errors import SplicerError
from napari_splicer.patches.tile_mask import TileMask

if TYPE_CHECKING:
    from napari_splicer.config import Component
    from napari_splicer.gui.session import Session

_TILES = PatchSettings(sites="grid", size=64, stride=32)  # as long as nobody has chosen others


class Tiling:
    """Keeps ``session.tiles`` in step with image, settings and model.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._patches: dict[str, PatchSettings] = {"grid": _TILES}
        self._suggested: dict[str, tuple[Component, ...]] = {}
        self._laid: WeakValueDictionary[Any, TileMask] = WeakValueDictionary()
        events = session.events
        for deciding in (events.image, events.settings, events.bundle):
            deciding.connect(self._lay)
        self._lay()

    def describe(self, sites: Literal["cells", "grid"]) -> None:
        """Describe every cell, or tiles; each by the sizes that were set for it last."""
        session = self._session
        now = session.settings.patches
        if sites == now.sites:
            return
        if session.components == session.suggested:  # what was suggested for one suits it alone
            self._suggested[now.sites] = session.suggested
            session.suggested = session.components = self._suggested.get(sites, ())
        self._patches[now.sites] = now
        patches = self._patches.get(sites, PatchSettings())
        session.settings = session.settings.model_copy(update={"patches": patches})

    def _lay(self) -> None:
        self._session.tiles = self._tiles()

    def _tiles(self) -> TileMask | None:
        """Return the tiles; those of the same image and sizes are the same object again."""
        now = self._session.snapshot()
        if now.image is None or not now.of_tiles:
            return None
        try:
            tiles = TileMask.of(now.image, now.patches)
        except SplicerError:  # readiness says why
            return None
        key = (now.image.levels[0].name, now.image.shape, tiles.side, now.patches.stride)
        return self._laid.setdefault(key, tiles)
