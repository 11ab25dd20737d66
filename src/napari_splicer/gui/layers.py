"""ViewerLink: the only place that touches ``viewer.layers``, both ways.

Layers become the session's image and masks; its groups, selection and cell under the mouse layers.
"""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from psygnal import Signal

from napari_splicer.gui.alignment import Alignment
from napari_splicer.gui.brush import Brush
from napari_splicer.gui.dask_cache import share_between_threads
from napari_splicer.gui.display import selection_kept, set_visible
from napari_splicer.gui.drawing import Drawing
from napari_splicer.gui.drawn_regions import DrawnRegions
from napari_splicer.gui.file_opener import FileOpener
from napari_splicer.gui.ground import Ground
from napari_splicer.gui.guessing import Guess
from napari_splicer.gui.lights import Lights
from napari_splicer.gui.mixing import Mixer
from napari_splicer.gui.painting import Painter
from napari_splicer.gui.pointing import Pointer
from napari_splicer.gui.reading import (
    OWN,
    image_choices,
    is_own,
    mask_choices,
    read_image,
)
from napari_splicer.gui.session import session_for, unwrapped
from napari_splicer.gui.sheet_names import SheetNames
from napari_splicer.gui.shelf import Shelf
from napari_splicer.gui.view import lie_alike, look_at
from napari_splicer.gui.watched_mask import WatchedMask, WatchedMasks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari.layers import Image, Labels, Layer
    from napari.viewer import Viewer

    from napari_splicer.gui.reading import ImageChoice


class ViewerLink:
    """Ties a viewer's layers to its session.

    Its signal ``changed`` is emitted when there are other layers to choose from, or others chosen.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        share_between_threads()
        self._viewer = weakref.ref(viewer)
        self.session = session_for(viewer)
        self.image_layers: tuple[Image, ...] = ()
        self._mask: WatchedMask | None = None
        self._regions = WatchedMasks(self._read_regions)
        self._guess = Guess(self)
        self._was_visible: WeakKeyDictionary[Layer, bool] = WeakKeyDictionary()
        self._held = False
        self.shelf = Shelf(self.session)
        for layer in viewer.layers:
            layer.events.name.connect(self._on_renamed)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        self.session.events.tiles.connect(self._pair_up)
        self.drawn, self.ground = DrawnRegions(self), Ground(self)
        self.opener = FileOpener(self)
        self._pointer = Pointer(viewer, self)
        tools = (Drawing(viewer, self), Brush(viewer, self))
        drawn = (Painter(self), Mixer(self), Lights(self), Alignment(self), SheetNames(self))
        self._parts = (*drawn, *tools)
        self.session.mask_made.connect(self.opener.bring_made_mask)
        self._guess.choose()

    # from layers to the session ----------------------------------------------------------------

    @property
    def viewer(self) -> Viewer | None:
        """The viewer, None once it is gone."""
        return self._viewer()

    @property
    def layers(self) -> list[Layer]:
        """The viewer's layers, bottom first."""
        viewer = self.viewer
        return [] if viewer is None else list(viewer.layers)

    def images(self) -> tuple[ImageChoice, ...]:
        """Return what could be the image, most channels first."""
        return image_choices(self.layers)

    def masks(self) -> tuple[Labels, ...]:
        """Return what could be the cell mask or a region."""
        return mask_choices(self.layers)

    @contextmanager
    def holding(self, *, quietly: bool = False) -> Iterator[None]:
        """While many layers come or go, choose none of them by itself; tell of all at the end.

        Quietly: not even then, as more are to come.
        """
        self._held = True
        try:
            yield
        finally:
            self._held = False
            if not quietly:
                self.changed.emit()

    def use_image(self, choice: ImageChoice | None) -> None:
        """Make these layers the session's image; None clears it.

        A mask that was used with another image gives way to one that may be this one's.
        """
        if (
            choice is not None
            and choice.layers == self.image_layers
            and choice.layers[0].ndim == 2 + choice.stacked  # no plane to choose anew
        ):
            self._pair_up()  # its results may have given way to those of a job that ended late
            return  # it is chosen already, perhaps with other names for its channels
        self.image_layers = () if choice is None else choice.layers
        self.session.panel_groups = {}  # a panel is read for one image
        self.session.image = None if choice is None else read_image(choice, self._step())
        if choice is not None:
            self._turn_masks()
        if (
            choice is not None
            and self.mask_layer is not None
            and not self._guess.may_go_with(self.mask_layer)
        ):
            self.use_mask(self._guess.likely_mask())
        self._pair_up()
        self.changed.emit()

    def _turn_masks(self) -> None:
        """Let masks with several planes follow the image to the plane on screen."""
        if self._mask is not None and self._mask.turn(self._step()):
            self._read_mask()
        if self._regions.turn(self._step()):
            self._read_regions()

    def read_image_again(self) -> None:
        """Take what the chosen layers say of themselves now, but keep the channels' names."""
        image = self.session.image
        for choice in self.images():
            if image is not None and choice.layers == self.image_layers:
                read = read_image(choice, self._step())
                if image.places is not None:
                    names = [read.channels[place] for place in image.places]
                    read = replace(read.select(names), whole=read)
                self.session.image = read.with_channels(image.channels)
                self._turn_masks()

    @property
    def mask_layer(self) -> Labels | None:
        """The layer of the cells."""
        return None if self._mask is None else self._mask.layer

    @property
    def mask_plane(self) -> tuple[int, ...]:
        """Which plane of that layer holds the cells, where it has several."""
        return () if self._mask is None else self._mask.plane or ()

    @property
    def region_layers(self) -> dict[str, Labels]:
        """The layers of further masks, by the name that components know them by."""
        return self._regions.layers

    def use_mask(self, layer: Labels | None) -> None:
        """Make this layer the session's cell mask; None clears it."""
        if layer is not None and layer.ndim == 2 and layer is self.mask_layer:
            return
        if self._mask is not None:
            self._mask.let_go()
        self._mask = None if layer is None else WatchedMask(layer, self._read_mask)
        self._read_mask()

    def _read_mask(self) -> None:
        """Read the mask anew: cells were painted or unpainted, or another mask was chosen."""
        made = self.session.made_from.get("embed")
        cells = None if made is None else made.cells
        mask = self._mask
        self.session.cells = None if mask is None else mask.read(self._step(), cells)
        self._pair_up()
        self.changed.emit()

    def show_image(self, choice: ImageChoice) -> None:
        """Make these layers the session's image, hide those of the image before, and look there."""
        before = self.image_layers
        for layer in set(self.image_layers) - set(choice.layers):
            self._was_visible[layer] = layer.visible
            set_visible(layer, False)
        self.use_image(choice)
        for layer in choice.layers:
            set_visible(layer, self._was_visible.pop(layer, layer.visible))
        if self.viewer is not None and before and not lie_alike(before, choice.layers):
            look_at(self.viewer, choice.layers)

    def _pair_up(self) -> None:
        self._guess.note_pair()
        other = self.image_layers[:1] if self.session.of_tiles else (self.mask_layer,)
        if self.image_layers and other[0] is not None:
            self.shelf.turn_to((self.image_layers[0], other[0]))

    def use_regions(
        self, layers: Sequence[Labels], names: Mapping[Labels, str] | None = None
    ) -> None:
        """Make these layers the session's further masks, by layer name or as ``names`` says."""
        self._regions.watch(layers, names)
        self._read_regions()

    def _read_regions(self) -> None:
        made = self.session.made_from.get("embed")
        self.session.regions = self._regions.read(self._step(), made.regions if made else {})
        self.changed.emit()

    def _step(self) -> tuple[int, ...]:
        viewer = self.viewer
        return () if viewer is None else tuple(viewer.dims.current_step)

    def _on_inserted(self, event: Any) -> None:
        event.value.events.name.connect(self._on_renamed)
        if is_own(event.value) or self._held:
            return
        self._guess.extend(event.value)
        self._guess.choose()
        self.changed.emit()

    def _on_renamed(self) -> None:
        self.changed.emit()

    def _on_removed(self, event: Any) -> None:
        layer = event.value
        self.shelf.forget(layer)
        rest = [kept for kept in self.image_layers if kept is not layer]
        lost = len(rest) < len(self.image_layers)
        if lost:
            self.use_image(None)
        if layer is self.mask_layer:
            self.use_mask(None)
        if layer in self.region_layers.values():
            self.use_regions([kept for kept in self.region_layers.values() if kept is not layer])
        if is_own(layer) or self._held:
            return
        if lost:
            self._guess.go_on_without(layer, rest)
        self._guess.choose()
        self.changed.emit()

    # from the session to layers ----------------------------------------------------------------

    def own_layer(self, role: str) -> Any:
        """Return the layer that this plugin drew for ``role``, if it is still there."""
        own = (layer for layer in self.layers if is_own(layer))
        return next((layer for layer in own if layer.metadata[OWN]["role"] == role), None)

    def add_layer(self, layer: Layer) -> None:
        """Put a layer on top, leaving alone which layers the person has selected."""
        viewer = self.viewer
        if viewer is not None:
            with selection_kept(viewer):
                viewer.add_layer(layer)

    def remove_layer(self, layer: Layer) -> None:
        """Take a layer away if it is there."""
        viewer = self.viewer
        if viewer is not None and layer in viewer.layers:
            viewer.layers.remove(layer)


_LINKS: WeakKeyDictionary[Any, ViewerLink] = WeakKeyDictionary()


def link_for(viewer: Viewer) -> ViewerLink:
    """Return the viewer's link, made when first asked for; it lives as long as the viewer."""
    viewer = unwrapped(viewer)
    if viewer not in _LINKS:
        _LINKS[viewer] = ViewerLink(viewer)
    return _LINKS[viewer]
