"""Painter: draws the session's groups and selected cells as Labels layers over the image.

The layers lie where the mask lies, with its whole transform. What is drawn comes from
:mod:`~napari_splicer.gui.overlay`; which viewer it goes to, from the link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakSet

import dask.array as da
import numpy as np
from napari.layers import Labels
from napari.utils.transforms import Affine
from qtpy.QtCore import QTimer

from napari_splicer.gui import lessons
from napari_splicer.gui.display import set_visible
from napari_splicer.gui.overlay import ClusterLookup
from napari_splicer.gui.reading import OWN
from napari_splicer.gui.selected_rows import index_of, selected_rows
from napari_splicer.gui.snapshot import MIXTURE
from napari_splicer.gui.tints import tinted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.utils.colormaps import DirectLabelColormap
    from numpy.typing import NDArray

    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.images.masks import LabelMask

GROUPS, SELECTED, EXAMPLES = "groups", "selected", "examples"
PAINTED = (GROUPS, SELECTED, EXAMPLES)
_TITLES = {
    GROUPS: "SpliCER groups",
    SELECTED: "SpliCER selection",
    EXAMPLES: "SpliCER examples",
}
# napari takes 0.7 s to be told the groups of 10⁶ cells; over the groups' own layer it says them.
_MOST_DESCRIBED = 200_000


class _Painted(NamedTuple):
    """What a layer was made from; ``cells`` is another object after every stroke on the mask."""

    pixels: Any
    plane: tuple[int, ...]
    cells: LabelMask | None
    lookup: ClusterLookup

    def is_like(self, other: _Painted) -> bool:
        """Whether every pixel has the same code."""
        same = self.lies_as(other) and self.cells is other.cells
        return same and self.lookup.paints_as(other.lookup)

    def lies_as(self, other: _Painted) -> bool:
        """Whether it lies in the same plane of the same layer."""
        return self.pixels is other.pixels and self.plane == other.plane


class Painter:
    """Keeps the plugin's own layers in step with the session.

    Parameters
    ----------
    link : ViewerLink
    """

    def __init__(self, link: ViewerLink) -> None:
        self._link = link
        self._session = link.session
        self._painted: dict[str, _Painted] = {}
        # Masks hidden once: a person who shows them again wants to see them.
        self._covered: WeakSet[Labels] = WeakSet()
        # Several fields change together when a result arrives: paint once, when all have.
        self._groups_due = _timer(self._paint_groups)
        self._selection_due = _timer(self._paint_selection)
        events = self._session.events
        for signal in (
            events.table,
            events.groups,
            events.clustering,
            events.colour_by,
            events.colour_ranges,
            events.measures,
            events.hovered_group,
            events.cells,
            events.tiles,
        ):
            signal.connect(self._ask_for_groups)
        for signal in (events.selection, events.table, events.cells, events.tiles):
            signal.connect(self._ask_for_selection)
        self._examples_due = _timer(self._paint_examples)
        for signal in (events.brush, events.lesson, events.table):
            signal.connect(self._ask_for_examples)
        events.opacity.connect(self._set_opacity)

    def _ask_for_groups(self) -> None:
        self._groups_due.start()

    def _ask_for_selection(self) -> None:
        self._selection_due.start()

    def _ask_for_examples(self) -> None:
        self._examples_due.start()

    def _set_opacity(self) -> None:
        layer = self._link.own_layer(GROUPS)
        if layer is not None:
            layer.opacity = self._session.opacity

    def _paint_groups(self) -> None:
        session = self._session
        if session.table is None or not session.table_fits or session.colour_by == MIXTURE:
            self._remove(GROUPS)
        elif session.colour_by is not None:
            self._show(GROUPS, *tinted(session, session.colour_by), opacity=session.opacity)
        elif session.clustering is None:
            self._remove(GROUPS)
        else:
            column = session.table.obs[session.clustering]
            lookup = ClusterLookup.from_groups(index_of(self._session), column)
            colours = {group.name: group.colour for group in session.groups}
            self._show(
                GROUPS,
                lookup.hide(self._hidden()),
                lookup.colormap(colours),
                opacity=session.opacity,
            )
            self._describe_cells(lookup)

    def _hidden(self) -> set[str]:
        """Return the groups that are ticked off, and all but the one under the mouse."""
        groups, lit = self._session.groups, self._session.hovered_group
        return {
            group.name
            for i, group in enumerate(groups)
            if not group.visible or (lit is not None and i != lit)
        }

    def _describe_cells(self, lookup: ClusterLookup) -> None:
        """Let napari's status bar tell a cell's group, unless the mask has features of its own."""
        mask = self._link.ground.layer
        if mask is None:
            return
        if len(mask.features.columns) == 0 or mask.metadata.get(OWN, {}).get("features"):
            # In other planes the same number may be another cell.
            few = len(lookup.index) <= _MOST_DESCRIBED and mask.ndim == 2
            mask.features = lookup.cell_features() if few else None
            mask.metadata[OWN] = {**mask.metadata.get(OWN, {}), "features": True}

    def _paint_selection(self) -> None:
        selection = self._session.selection
        if self._session.table is None or not self._session.table_fits:
            self._remove(SELECTED)
            return
        if len(selection) == 0:
            self._blank(SELECTED)
            return
        rows = selected_rows(self._session)
        if int(rows.sum()) == len(selection):  # whose index is at hand
            lookup = ClusterLookup(index_of(self._session), rows.astype(np.uint8), (SELECTED,))
        else:
            lookup = ClusterLookup.from_groups(selection, [SELECTED] * len(selection))
        self._show(SELECTED, lookup, lookup.colormap({SELECTED: "white"}), outline=2)

    def _paint_examples(self) -> None:
        """Outline the examples of every type, in its colour, while examples are painted."""
        session = self._session
        types = session.lesson.types if session.brush is not None else ()
        rows = [lessons.examples(session, place) for place in range(len(types))]
        ids = session.ids()[np.concatenate([np.empty(0, np.int64), *rows])]
        if len(ids) == 0 or not session.table_fits:
            self._remove(EXAMPLES)
            return
        names = [kind.name for kind, own in zip(types, rows, strict=True) for _ in own]
        lookup = ClusterLookup.from_groups(ids, names)
        colours = {kind.name: kind.colour or "white" for kind in types}
        self._show(EXAMPLES, lookup, lookup.colormap(colours), opacity=1.0, outline=3)

    def _show(
        self,
        role: str,
        lookup: ClusterLookup,
        colormap: DirectLabelColormap,
        *,
        opacity: float = 0.7,
        outline: int = 0,
    ) -> None:
        mask = self._link.ground.layer
        if mask is None:
            return
        layer = self._link.own_layer(role)
        plane = self._link.ground.plane
        painted = _Painted(mask.data, plane, self._session.snapshot().units, lookup)
        before = self._painted.get(role)
        if layer is not None and before is not None and painted.is_like(before):
            layer.colormap = colormap  # which is far cheaper than to look every pixel up again
            layer.features = lookup.features()
            return
        masks = [_cut(level, plane) for level in (mask.data if mask.multiscale else [mask.data])]
        levels = lookup.overlay(masks, outline=outline)
        data = levels if mask.multiscale else levels[0]
        self._painted[role] = painted
        other = layer is not None and layer.multiscale != mask.multiscale
        if layer is not None and (other or layer.ndim != mask.ndim):
            self._link.remove_layer(layer)
            layer = None
        if layer is None:
            if role == GROUPS and mask.contour == 0 and mask not in self._covered:
                # Its random colours would shine through, and groups not have those of their list.
                self._covered.add(mask)
                set_visible(mask, False)
            layer = Labels(
                data,
                name=_TITLES[role],
                metadata={OWN: {"role": role}},
                multiscale=mask.multiscale,
                colormap=colormap,
                **place_of(mask, plane),
                opacity=opacity,
            )
            layer.editable = False
            layer.features = lookup.features()
            self._link.add_layer(layer)
            return
        layer.data = data
        if before is None or not before.lies_as(painted):  # over another mask than before
            for name, value in place_of(mask, plane).items():
                setattr(layer, name, value)
        if role != SELECTED:  # whose colour never changes
            layer.colormap = colormap
        layer.features = lookup.features()

    def _blank(self, role: str) -> None:
        """Show nothing in a layer that stays: as one is taken away, napari blocks for 0.5 s."""
        layer = self._link.own_layer(role)
        if layer is not None and self._painted.pop(role, None) is not None:
            levels = layer.data if layer.multiscale else [layer.data]
            none = [np.broadcast_to(np.uint8(0), level.shape) for level in levels]
            layer.data = none if layer.multiscale else none[0]

    def _remove(self, role: str) -> None:
        self._painted.pop(role, None)
        layer = self._link.own_layer(role)
        if layer is not None:
            self._link.remove_layer(layer)


def place_of(layer: Labels, first: Sequence[int] = ()) -> dict[str, Any]:
    """Return everything that says where a layer lies, to lay another one there.

    Parameters
    ----------
    layer : Labels
    first : sequence of int
        The pixel at which the other one begins, along as many axes as are given.
    """
    shift = np.zeros(layer.ndim)
    shift[: len(first)] = first
    return {
        "scale": layer.scale,
        "translate": layer.translate + linear_of(layer) @ shift,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def linear_of(layer: Labels) -> NDArray[np.float64]:
    """Return what a layer does to distances, (ndim, ndim), but for its affine transform."""
    own = Affine(scale=layer.scale, rotate=layer.rotate, shear=layer.shear, ndim=layer.ndim)
    return np.asarray(own.linear_matrix, float)


def _cut(level: Any, plane: tuple[int, ...]) -> Any:
    """Return one plane of a level, with as many axes as the level has."""
    if not plane:
        return level
    lazy = level if isinstance(level, np.ndarray) else da.asanyarray(level)
    at = tuple(min(place, n - 1) for place, n in zip(plane, level.shape, strict=False))
    return lazy[at][(None,) * len(plane)]


def _timer(slot: Any) -> QTimer:
    timer = QTimer()
    timer.setSingleShot(True)
    timer.timeout.connect(slot)
    return timer
