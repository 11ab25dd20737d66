"""Lights: in which colour, and between which limits, the viewer shows each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from napari_splicer.gui.snapshot import Light

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_splicer.gui.layers import ViewerLink

_PAUSE = 150  # ms without a change, after which pictures follow a slider


class Lights:
    """Keeps ``session.lights`` in step with the layers of an image that has one for each channel.

    Parameters
    ----------
    link : ViewerLink
    """

    def __init__(self, link: ViewerLink) -> None:
        self._link = link
        self._layers: tuple[Image, ...] = ()
        self._due = QTimer(singleShot=True, interval=_PAUSE)
        self._due.timeout.connect(self._read)
        link.session.events.image.connect(self._image_changed)
        self._image_changed()

    def _image_changed(self) -> None:
        layers = self._link.image_layers
        if layers != self._layers:
            for layer in self._layers:
                for signal in _signals(layer):
                    signal.disconnect(self._light_changed)
            self._layers = layers
            for layer in layers:
                for signal in _signals(layer):
                    signal.connect(self._light_changed)
        self._read()

    def _light_changed(self) -> None:
        self._due.start()

    def _read(self) -> None:
        image, layers = self._link.session.image, self._layers
        lights: dict[str, Light] = {}
        if image is not None:
            places = range(len(image.channels)) if image.places is None else image.places
            if len(layers) > max(places):  # else one layer holds all channels
                lights = {
                    n: light_of(layers[i]) for n, i in zip(image.channels, places, strict=True)
                }
        self._link.session.lights = lights


def light_of(layer: Image) -> Light:
    """Return how an image layer shows its pixels."""
    low, high = map(float, layer.contrast_limits)
    red, green, blue = (round(255 * float(part)) for part in layer.colormap.map(1.0).ravel()[:3])
    return Light(f"#{red:02x}{green:02x}{blue:02x}", low, high, float(layer.gamma))


def _signals(layer: Image) -> tuple[Any, ...]:
    events = layer.events
    return events.contrast_limits, events.colormap, events.gamma
