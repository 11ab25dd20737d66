"""Alignment: what this plugin draws stays where the mask lies, also when a person moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from napari_splicer.gui.painting import PAINTED, place_of
from napari_splicer.gui.pointing import CELL
from napari_splicer.gui.reading import OWN, is_own

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_splicer.gui.layers import ViewerLink


class Alignment:
    """Watches where the chosen layers lie.

    Parameters
    ----------
    link : ViewerLink
    """

    def __init__(self, link: ViewerLink) -> None:
        self._link = link
        self._image: Layer | None = None
        self._mask: Layer | None = None
        # Many parts of a place may change at once; lists may then say something else of a mask.
        self._due = QTimer(singleShot=True, interval=0)
        self._due.timeout.connect(link.changed.emit)
        link.changed.connect(self._watch)
        self._watch()

    def _watch(self) -> None:
        link = self._link
        image = link.image_layers[-1] if link.image_layers else None
        for before, now, act in (
            (self._image, image, self._image_moved),
            (self._mask, link.mask_layer, self._mask_moved),
        ):
            if now is before:
                continue
            for signal in _signals(before):
                signal.disconnect(act)
            for signal in _signals(now):
                signal.connect(act)
        self._image, self._mask = image, link.mask_layer

    def _image_moved(self) -> None:
        """Take the pixel size anew as long as nothing is made of the one before."""
        session = self._link.session
        self._due.start()
        if session.bundle is None and session.table is None:
            self._link.read_image_again()

    def _mask_moved(self) -> None:
        link, mask = self._link, self._link.mask_layer
        self._due.start()
        if link.ground.layer is not mask or mask is None:
            return
        # What is painted is one plane of a mask with several; what one draws on has all of them.
        whole, painted = place_of(mask), place_of(mask, link.ground.plane)
        for layer in link.layers:
            if not is_own(layer) or layer.ndim != mask.ndim:
                continue
            role = layer.metadata[OWN]["role"]
            if role == CELL:  # lies at a place of its own within
                link.remove_layer(layer)
                continue
            for name, value in (painted if role in PAINTED else whole).items():
                setattr(layer, name, value)


def _signals(layer: Layer | None) -> tuple[Any, ...]:
    if layer is None:
        return ()
    events = layer.events
    return events.scale, events.translate, events.rotate, events.shear, events.affine, events.units
