"""WatchedMask: what a Labels layer is as a mask, also while it is painted on; and many of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from napari_splicer.gui.naming import free_name
from napari_splicer.gui.reading import read_mask
from napari_splicer.gui.strokes import StrokeWatch, strokes_of
from napari_splicer.gui.transforms import plane_at
from napari_splicer.images.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari.layers import Labels

    from napari_splicer.images.masks import LabelMask


class WatchedMask:
    """A mask that is read anew after every stroke.

    Where all strokes are undone, the very mask that a result was made from comes back: it fits.
    Of several planes, it is one: ``plane``, the one on screen when it was read first.

    Parameters
    ----------
    layer : Labels
    changed : callable
        Called after every change of the layer's pixels.
    """

    def __init__(self, layer: Labels, changed: Callable[[], None]) -> None:
        self.layer = layer
        self._strokes = StrokeWatch(changed)
        self._strokes.watch(layer)
        self._untouched = None if strokes_of(layer) else self._strokes.state
        self._fresh = True
        self.plane: tuple[int, ...] | None = None
        self._read_at: WeakValueDictionary[Any, LabelMask] = WeakValueDictionary()

    def turn(self, step: Sequence[int]) -> bool:
        """Turn to the plane on screen; return whether it is another than before."""
        before, self.plane = self.plane, plane_at(self.layer, step)
        return before != self.plane

    def read(self, step: Sequence[int], made: LabelMask | None) -> LabelMask:
        """Return the mask as it is now.

        Parameters
        ----------
        step : sequence of int
            Where the viewer stands along each axis.
        made : LabelMask, optional
            What the results were made from. Only this is taken up again: what another mask knows of
            its cells may have been found out after the next stroke, in the same pixels.
        """
        if self.plane is None:
            self.turn(step)
        at = self._strokes.state, self.plane
        known = self._read_at.get(at)
        if known is not None and known is made:
            return known
        # Whichever plane is on screen by now: cells of another one may have the same numbers.
        mask = read_mask(self.layer, (*(self.plane or ()), 0, 0))
        if self._strokes.state != self._untouched:
            mask = replace(mask, source=None)  # its file holds other cells by now
        # Only before the first stroke, of which napari tells before it changes the pixels.
        if self._fresh and made is not None and _opened_again(mask, made):
            mask = made
        self._fresh = False
        self._read_at[at] = mask
        return mask

    def let_go(self) -> None:
        """Watch the layer no more."""
        self._strokes.watch(None)


def _opened_again(mask: LabelMask, made: LabelMask) -> bool:
    """Return whether a file that was removed from the viewer is back, as it was."""
    return (
        bool(mask.source)
        and (mask.source, mask.shape) == (made.source, made.shape)
        and fingerprint(mask) == fingerprint(made)
    )


class WatchedMasks:
    """Masks by name.

    Parameters
    ----------
    changed : callable
        Called after every change of a layer's pixels.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._masks: dict[str, WatchedMask] = {}

    @property
    def layers(self) -> dict[str, Labels]:
        """Their layers, by name."""
        return {name: mask.layer for name, mask in self._masks.items()}

    def watch(self, layers: Sequence[Labels], names: Mapping[Labels, str] | None = None) -> None:
        """Watch these layers.

        Those that were watched before stay what they are, and are called what they were, whatever
        their layer is called by now: components and models know them by that name. ``names`` says
        so of others.
        """
        before, called = self._masks, {mask.layer: name for name, mask in self._masks.items()}
        called = {layer: called.get(layer, (names or {}).get(layer, "")) for layer in layers}
        for layer in layers:
            called[layer] = called[layer] or free_name(layer.name, called.values())
        self._masks = {
            name: before[name]
            if name in before and before[name].layer is layer
            else WatchedMask(layer, self._changed)
            for layer, name in called.items()
        }
        for name, mask in before.items():
            if self._masks.get(name) is not mask:
                mask.let_go()

    def turn(self, step: Sequence[int]) -> bool:
        """Turn to the plane on screen; return whether it is another than before for any."""
        turned = [mask.turn(step) for mask in self._masks.values()]
        return any(turned)

    def read(self, step: Sequence[int], made: Mapping[str, LabelMask]) -> dict[str, LabelMask]:
        """Return the masks as they are now; see :meth:`WatchedMask.read`."""
        return {name: mask.read(step, made.get(name)) for name, mask in self._masks.items()}
