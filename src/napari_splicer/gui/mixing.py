"""Mixer: alike tiles in like colours over the image, by their first three principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dask.array as da
import numpy as np
from napari.layers import Image
from qtpy.QtCore import QObject, QTimer

from napari_splicer.analysis.maps import same_numbers
from napari_splicer.analysis.tile_map import finding_colours
from napari_splicer.embedding.table import holds_tiles
from napari_splicer.gui.id_index import IdIndex
from napari_splicer.gui.jobs import Errand, tell
from napari_splicer.gui.mixture_work import mixture_work
from napari_splicer.gui.painting import place_of
from napari_splicer.gui.reading import OWN
from napari_splicer.gui.snapshot import MIXTURE, detached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.shares import Shares

ROLE = "mixture"
_NAME = "SpliCER likeness"


class Mixer:
    """Finds the colours of a table of tiles, and shows them while they are asked for.

    Parameters
    ----------
    link : ViewerLink
    """

    def __init__(self, link: ViewerLink) -> None:
        self._link, self._session = link, link.session
        self._holder = QObject()  # with which the errand ends
        self._work = mixture_work(self._session)
        self._work.stop.connect(self._stop)
        self._work.again.connect(self._again)
        self._stopped: AnnData | None = None  # whose colours a person does not wait for
        self._errand = Errand(self._holder, self._take, self._refuse, self._work.shared.emit)
        self._drawn: Any = None
        self._due = QTimer(singleShot=True)
        self._due.timeout.connect(self._draw)
        events = self._session.events
        events.table.connect(self._ask)
        for signal in (events.mixture, events.colour_by, events.tiles, events.made_from):
            signal.connect(self._ask_to_draw)
        events.opacity.connect(self._set_opacity)

    def _ask(self) -> None:
        table, stopped = self._session.table, self._stopped
        self._ask_to_draw()
        if table is not None and stopped is not None and same_numbers(table, stopped):
            return  # as after grouping
        self._stopped = None
        wanted = table is not None and holds_tiles(table) and "X_splicer" in table.obsm
        if table is None or not wanted:
            self._errand.forget()
        elif self._session.mixture is None:
            self._work.become("working")
            self._errand.ask(_colours, detached(table))
            return
        self._work.become("")

    def _take(self, colours: NDArray[np.uint8]) -> None:
        self._work.become("")
        if len(colours) == len(self._session.ids()):
            self._session.mixture = colours

    def _refuse(self, error: Exception) -> None:
        self._stop()
        tell(error)

    def _stop(self) -> None:
        self._errand.forget()
        self._stopped = self._session.table
        self._work.become("stopped")

    def _again(self) -> None:
        self._stopped = None
        self._ask()

    def _ask_to_draw(self) -> None:
        self._due.start(0)

    def _set_opacity(self) -> None:
        layer = self._link.own_layer(ROLE)
        if layer is not None:
            layer.opacity = self._session.opacity

    def _draw(self) -> None:
        session, ground = self._session, self._link.ground.layer
        layer = self._link.own_layer(ROLE)
        if ground is None or session.mixture is None or not session.table_fits:
            if layer is not None:
                self._link.remove_layer(layer)
            return
        wanted = session.colour_by == MIXTURE
        if layer is None or self._drawn is not session.mixture:
            if layer is not None:
                self._link.remove_layer(layer)
            levels = list(ground.data) if ground.multiscale else [ground.data]
            mixed = mixture_levels(levels, session.ids(), session.mixture)
            layer = Image(
                mixed if ground.multiscale else mixed[0],
                rgb=True,
                name=_NAME,
                metadata={OWN: {"role": ROLE}},
                multiscale=ground.multiscale,
                opacity=session.opacity,
                blending="translucent",
                **place_of(ground),
            )
            self._drawn = session.mixture
            self._link.add_layer(layer)
        layer.visible = wanted


def _colours(table: AnnData) -> Shares[NDArray[np.uint8]]:
    colours = yield from finding_colours(table, "representation")
    return colours


def mixture_levels(
    levels: Sequence[Any], ids: NDArray[np.int64], colours: NDArray[np.uint8]
) -> list[Any]:
    """Return what a mask's levels show if every number has a colour; lazy where they are lazy.

    Parameters
    ----------
    levels : sequence of (Y, X) integer arrays
    ids : int64 (n,)
    colours : uint8 (n, 3)

    Returns
    -------
    list of uint8 (Y, X, 4)
        Transparent where a number is not among ``ids``.
    """
    index = IdIndex(ids)
    opaque = np.full((len(ids), 1), 255, np.uint8)
    # The row of an unknown number is -1, and finds the last.
    palette = np.concatenate([np.hstack([colours, opaque]), np.zeros((1, 4), np.uint8)])

    def mix(labels: NDArray[Any]) -> NDArray[np.uint8]:
        mixed: NDArray[np.uint8] = palette[index.rows(labels)]
        return mixed

    def lazily(level: Any) -> Any:
        lazy = da.asanyarray(level)
        return lazy.map_blocks(
            mix,
            dtype=np.uint8,
            new_axis=2,
            chunks=(*lazy.chunks, (4,)),
            meta=np.empty((0, 0, 0), np.uint8),
            name=f"mixture-{uuid4().hex}",
        )

    return [mix(level) if isinstance(level, np.ndarray) else lazily(level) for level in levels]
