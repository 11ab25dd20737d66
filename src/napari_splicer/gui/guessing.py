"""Guess: which image and mask are chosen as layers come and go, where a person chose none."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet

from napari_splicer.gui.reading import size_of
from napari_splicer.gui.snapshot import Notice, same_pixels
from napari_splicer.gui.words import count

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from napari.layers import Image, Labels, Layer

    from napari_splicer.config import Component
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
        self._found: tuple[Component, ...] = ()  # components of an earlier image, or of a model
        self._said: Notice | None = None

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
        regions = self._link.region_layers.values()
        masks = [m for m in self._link.masks() if m not in regions and self.may_go_with(m)]
        return fitting_mask(masks, image.shape, image.name)

    def choose(self) -> None:
        """Choose an image, and a mask of its size, where none is chosen yet."""
        link = self._link
        choices = link.images() if link.session.image is None else ()
        if choices:
            self._found = link.session.components
            link.use_image(choices[0])
        if link.session.image is not None and link.mask_layer is None:
            mask = self.likely_mask()
            if mask is not None:
                link.use_mask(mask)

    def extend(self, layer: Layer) -> None:
        """Take a further channel of the chosen layers into the image, until something is made.

        Layers arrive one by one when a file or sample is opened.
        """
        if self._link.session.image is None or self._something_is_made():
            return
        chosen = set(self._link.image_layers)
        for choice in self._link.images():
            if layer in choice.layers and chosen < set(choice.layers):
                self._link.use_image(choice)

    def _something_is_made(self) -> bool:
        """Return whether there is anything of the chosen image, not of another one before it."""
        session = self._link.session
        now = session.image
        for made in session.made_from.values():
            if now is not None and made.image is not None and same_pixels(made.image, now):
                return True
        return bool(session.components) and session.components != self._found

    def go_on_without(self, gone: Layer, rest: Collection[Layer]) -> None:
        """Stay with what is left of an image that lost a layer; say so where another is taken."""
        link = self._link
        left = [choice for choice in link.images() if set(choice.layers) <= set(rest)]
        if left:
            link.use_image(left[0])
            channels = count(left[0].channels, "channel")
            self._say(
                f"The channel {gone.name} was removed from the viewer, so the image has "
                f"{channels} now."
            )
        elif not rest and link.images():
            self._say(
                f"The layer {gone.name} was the image: another one of this window is chosen now."
            )
        elif link.session.notice is self._said:
            link.session.notice = None  # it is of an image that is gone, too

    def _say(self, words: str) -> None:
        self._said = self._link.session.notice = Notice("info", words, "open")


def fitting_mask(masks: Sequence[Labels], shape: tuple[int, int], name: str = "") -> Labels | None:
    """Return the mask of the image's size that is most likely its cells.

    Masks that begin with the image's name come first, then those with "cell" in theirs.
    """
    fitting = [mask for mask in masks if size_of(mask) == shape]
    stem = name.lower().removesuffix(".ome")  # as projects of before may call it
    own = [mask for mask in fitting if stem and mask.name.lower().startswith(stem)]
    named = [mask for mask in own or fitting if "cell" in mask.name.lower()]
    return next(iter([*named, *own, *fitting]), None)
