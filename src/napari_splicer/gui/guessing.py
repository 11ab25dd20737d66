"""Guess: which image and mask are chosen as layers come and go, where a person chose none."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet

from napari_splicer.gui.reading import fitting_mask
from napari_splicer.gui.snapshot import Notice

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari.layers import Image, Labels, Layer

    from napari_splicer.gui.layers import ViewerLink


class Guess:
    """Chooses for a viewer's link; remembers which mask was used with which image.

    Parameters
    ----------
    link : ViewerLink
    """

    def __init__(self, link: ViewerLink) -> None:
        self._link = link
        self._used_with: WeakKeyDictionary[Labels, WeakSet[Image]] = WeakKeyDictionary()

    def note_pair(self) -> None:
        """Remember that the chosen image and mask belong together."""
        link = self._link
        if link.image_layers and link.mask_layer is not None:
            self._used_with.setdefault(link.mask_layer, WeakSet()).update(link.image_layers)

    def may_go_with(self, mask: Labels) -> bool:
        """Return whether the mask was used with the chosen image, or with none so far."""
        images = self._used_with.get(mask)
        return not images or any(layer in images for layer in self._link.image_layers)

    def likely_mask(self) -> Labels | None:
        """Return the mask of the chosen image's size that is most likely its cells."""
        image = self._link.session.image
        if image is None:
            return None
        masks = [mask for mask in self._link.masks() if self.may_go_with(mask)]
        return fitting_mask(masks, image.shape, image.name)

    def choose(self) -> None:
        """Choose an image, and a mask of its size, where none is chosen yet."""
        link = self._link
        choices = link.images() if link.session.image is None else ()
        if choices:
            link.use_image(choices[0])
        if link.session.image is not None and link.mask_layer is None:
            mask = self.likely_mask()
            if mask is not None:
                link.use_mask(mask)

    def extend(self, layer: Layer) -> None:
        """Take a further channel of the chosen layers into the image, as long as nothing is made.

        Layers arrive one by one when a file or sample is opened.
        """
        session = self._link.session
        if session.components or session.bundle is not None or session.table is not None:
            return
        chosen = set(self._link.image_layers)
        for choice in self._link.images():
            if layer in choice.layers and chosen < set(choice.layers):
                self._link.use_image(choice)

    def go_on_without(self, gone: Layer, rest: Collection[Layer]) -> None:
        """Stay with what is left of an image that lost a layer; say so where another is taken."""
        link = self._link
        if not rest and link.images():
            link.session.notice = Notice(
                "info",
                f"The layer {gone.name} was the image: another one of this window is chosen now.",
                "open",
            )
        left = [choice for choice in link.images() if set(choice.layers) <= set(rest)]
        if left:
            link.use_image(left[0])
            link.session.notice = Notice(
                "info",
                f"The channel {gone.name} was removed from the viewer, so the image has "
                f"{left[0].channels} channels now.",
                "open",
            )
