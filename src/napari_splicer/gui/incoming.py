"""What is to be opened in a window, and how layers come into it one by one."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari.layers import Layer

from napari_splicer.gui.display import image_layers, selection_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from napari.viewer import Viewer

    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.shares import Shares


class Cancelled(Exception):
    """Thrown into what is putting something into a window, to have that taken out again."""


@dataclass(frozen=True, eq=False)
class Opening:
    """Something to be opened.

    Attributes
    ----------
    title : str
        What a person calls it: the name of its file or folder.
    read : callable
        Reads all that files have to tell, in a thread; its shares are shown.
    put : callable
        Puts what was read into the window, in turns: between two shares, other things may happen
        there. Where :class:`Cancelled` is thrown into it, it leaves nothing of its own behind.
    refused : callable
        Takes the error where that can't be done.
    cancelled : callable
        Called where it was cancelled, at any time.
    """

    title: str
    read: Callable[[], Shares[Any]]
    put: Callable[[Any], Shares[None]]
    refused: Callable[[Exception], None]
    cancelled: Callable[[], None] = lambda: None


def layers_of(image: MultiplexImage) -> Shares[list[Layer]]:
    """Make the layers of an image, one per channel; for a thread."""
    described = image_layers(image)
    layers: list[Layer] = []
    for each in described:
        yield len(layers) / len(described)
        layers.append(Layer.create(*each))
    return layers


def add_layers(link: ViewerLink, layers: Iterable[Layer]) -> Shares[list[Layer]]:
    """Put layers into a viewer one by one, and return those that are still there at the end.

    Where one of them is taken away meanwhile, or the window emptied, no more of them are wanted.
    """
    coming = list(layers)
    opened: list[Layer] = []
    try:
        for layer in coming:
            if not set(link.layers).issuperset(opened):
                break
            with selection_kept(link.viewer):
                link.add_layer(layer)
            opened.append(layer)
            yield len(opened) / len(coming)
    except Cancelled:
        with _at_once(link.viewer):
            for layer in opened:
                link.remove_layer(layer)
        link.changed.emit()
        raise
    link.changed.emit()
    there = set(link.layers)
    return [layer for layer in opened if layer in there]


def _at_once(viewer: Viewer | None) -> AbstractContextManager[None]:
    """While layers are taken away, have napari tidy up its scene once, which takes long."""
    layers = None if viewer is None else viewer.layers
    batched: Callable[[], AbstractContextManager[None]]
    batched = getattr(layers, "batched_update", nullcontext)  # older ones of napari have none
    return batched()
