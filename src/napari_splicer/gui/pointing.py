"""Pointer: which cell is under the mouse or was clicked, its outline, and flying to a cell."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_splicer.gui.numbering import shown_places
from napari_splicer.gui.painting import place_of
from napari_splicer.gui.reading import OWN, is_own
from napari_splicer.gui.shortcuts import ADD_IN_IMAGE, TAKE_IN_IMAGE
from napari_splicer.gui.view import camera_of
from napari_splicer.patches.tile_mask import TileMask

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.images.masks import LabelMask

CELL = "cell"
_TILE = 512  # side in px of the blocks of mask that are kept while the mouse moves
_REACH, _FARTHEST = 64, 1024  # px around its middle in which a cell is looked for
_ZOOM = 5.0  # screen pixels per image pixel after flying to a cell
_LOOKING = ("pan_zoom", "transform", "pick")


class Pointer:
    """Follows the mouse over the cell mask, and shows the cell that is pointed at anywhere.

    Parameters
    ----------
    viewer : napari.Viewer
    link : ViewerLink
    """

    def __init__(self, viewer: Viewer, link: ViewerLink) -> None:
        self._link = link
        self._session = link.session
        viewer.mouse_move_callbacks.append(self._on_move)
        viewer.mouse_drag_callbacks.append(self._on_drag)
        events = self._session.events
        events.hovered.connect(self._outline)
        events.picked.connect(self._outline)
        events.cells.connect(self._forget)
        events.tiles.connect(self._forget)
        self._session.cell_requested.connect(self._fly_to)
        viewer.layers.events.inserted.connect(self._stay_on_top)
        self._tile = lru_cache(maxsize=16)(_read_tile)
        self._near: tuple[int, int] | None = None

    def _forget(self) -> None:
        self._tile.cache_clear()
        self._session.hovered = None
        self._session.picked = None

    def _on_move(self, viewer: Viewer, event: Any) -> None:
        if self._link.ground.layer is not None and not event.is_dragging:
            self._session.hovered = self._cell_at(event.position)

    def _on_drag(self, viewer: Viewer, event: Any) -> Iterator[None]:
        """Take a press and release without a move in between for a click on a cell."""
        active = viewer.layers.selection.active
        busy = active is not None and (active.mode not in _LOOKING or not active.mouse_pan)
        if event.button != 1 or busy:
            return
        dragged = False
        yield
        while event.type == "mouse_move":
            dragged = True
            yield
        if not dragged:
            self._pick(self._cell_at(event.position), event.modifiers)

    def _pick(self, cell: int | None, modifiers: Collection[str]) -> None:
        """Note the cell that was clicked; with Shift, select it too, with Alt, no longer.

        A table of other cells may have one of the same number.
        """
        session = self._session
        session.picked = cell
        if cell is None or not session.table_fits:
            return
        if ADD_IN_IMAGE.among(modifiers):
            session.select(np.append(session.selection, cell))
        elif TAKE_IN_IMAGE.among(modifiers):
            session.select(np.setdiff1d(session.selection, [cell], assume_unique=True))
        else:
            session.cell_clicked.emit(cell)

    def _cell_at(self, position: Any) -> int | None:
        layer, mask = self._link.ground.layer, self._session.snapshot().units
        if layer is None or mask is None:
            return None
        place = layer.world_to_data(position)
        if not self._link.ground.holds(place):
            return None
        y, x = (int(np.floor(v + 0.5)) for v in place[-2:])
        if not (0 <= y < mask.shape[0] and 0 <= x < mask.shape[1]):
            return None
        self._near = (y, x)
        tile = self._tile(mask, y // _TILE, x // _TILE)
        return int(tile[y % _TILE, x % _TILE]) or None

    def _place(self, cell: int) -> tuple[int, int] | None:
        """Return a pixel near the cell: its centroid, or the mouse before cells were counted."""
        session = self._session
        if session.table is not None and session.table_fits:
            rows = np.flatnonzero(session.ids() == cell)
            if len(rows):
                y, x = shown_places(session, session.table.obs.iloc[rows[:1]])[0]
                return int(y), int(x)
        now = session.snapshot()
        if now.units is None or now.count is None:
            return self._near
        cells = now.units.cells()
        row = int(np.searchsorted(cells["id"], cell))
        if row == len(cells) or cells["id"].iloc[row] != cell:
            return None
        return int(cells["y"].iloc[row]), int(cells["x"].iloc[row])

    def _outline(self) -> None:
        cell = self._session.hovered if self._session.hovered is not None else self._session.picked
        place = None if cell is None else self._place(cell)
        mask, layer = self._session.snapshot().units, self._link.ground.layer
        if cell is None or place is None or mask is None or layer is None:
            own = self._link.own_layer(CELL)
            if own is not None and layer is None:
                self._link.remove_layer(own)
            elif own is not None:
                own.visible = False
            return
        reach = max(_REACH, mask.reach) if isinstance(mask, TileMask) else _REACH
        self._draw(*_pixels_of(cell, mask, place, reach), layer)

    def _draw(self, crop: NDArray[np.uint8], corner: tuple[int, int], mask: Labels) -> None:
        where = place_of(mask, (*self._link.ground.plane, *corner))
        data = crop.reshape((1,) * (mask.ndim - 2) + crop.shape)
        own = self._link.own_layer(CELL)
        if own is None:
            own = Labels(
                data,
                name="SpliCER cell",
                metadata={OWN: {"role": CELL}},
                colormap=DirectLabelColormap(color_dict={1: "yellow", None: "transparent"}),
                opacity=1.0,
                **where,
            )
            own.contour = 1
            own.editable = False
            self._link.add_layer(own)
            return
        own.data = data
        for name, value in where.items():
            if not np.array_equal(getattr(own, name), value):  # the mask may be another one by now
                setattr(own, name, value)
        own.visible = True

    def _stay_on_top(self, event: Any) -> None:
        """Keep the outline above what is drawn over the cells, which would dim it."""
        own = self._link.own_layer(CELL)
        if own is not None and own is not event.value and is_own(event.value):
            event.source.move(event.source.index(own), len(event.source))

    def _fly_to(self, cell: int) -> None:
        viewer, layer, place = self._link.viewer, self._link.ground.layer, self._place(cell)
        if viewer is None or layer is None or place is None:
            return
        world = layer.data_to_world((*self._link.ground.plane, *place))
        for axis, value in enumerate(world[:-2], viewer.dims.ndim - layer.ndim):
            viewer.dims.set_point(axis, float(value))
        camera = camera_of(viewer)
        camera.center = (0.0, float(world[-2]), float(world[-1]))
        camera.zoom = max(camera.zoom, _ZOOM / float(layer.scale[-1]))
        self._session.picked = cell


def _pixels_of(
    cell: int, mask: LabelMask, place: tuple[int, int], reach: int
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return a cell's pixels, and where they begin: the more of the mask, the larger it is."""
    while True:
        y0, x0 = (max(0, at - reach) for at in place)
        y1, x1 = (min(n, at + reach) for n, at in zip(mask.shape, place, strict=True))
        crop = mask.read(y0, y1, x0, x1) == cell
        beyond = y0, x0, mask.shape[0] - y1, mask.shape[1] - x1
        edges = crop[:1], crop[:, :1], crop[-1:], crop[:, -1:]
        goes_on = any(more and edge.any() for more, edge in zip(beyond, edges, strict=True))
        if reach >= _FARTHEST or (crop.any() and not goes_on):
            return crop.astype(np.uint8), (y0, x0)
        reach *= 2


def _read_tile(mask: LabelMask, row: int, column: int) -> NDArray[np.int64]:
    y0, x0 = row * _TILE, column * _TILE
    height, width = mask.shape
    return mask.read(y0, min(y0 + _TILE, height), x0, min(x0 + _TILE, width)).astype(np.int64)
