"""Where a viewer's layers come from, and which were changed since they were opened."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from weakref import WeakKeyDictionary

from napari.layers import Image, Labels
from psygnal import Signal

from napari_splicer.gui.project.record import NAPARI, Origin
from napari_splicer.gui.project.state import Pixels
from napari_splicer.gui.reading import OWN, is_own
from napari_splicer.gui.strokes import StrokeWatch, strokes_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

KEPT = "kept"
"""Key of our metadata of a layer whose pixels lie in the project: their name there."""


class Provenance:
    """Follows the layers of a viewer, from when it is made.

    Its signal ``changed`` is emitted when the pixels of a layer have changed.

    Parameters
    ----------
    viewer : napari viewer
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self._places: WeakKeyDictionary[Layer, int] = WeakKeyDictionary()
        self._changes: WeakKeyDictionary[Layer, int] = WeakKeyDictionary()
        self._strokes: WeakKeyDictionary[Layer, StrokeWatch] = WeakKeyDictionary()
        self._untouched: WeakKeyDictionary[Layer, int] = WeakKeyDictionary()
        self._names: WeakKeyDictionary[Layer, str] = WeakKeyDictionary()
        self._opened: Counter[Any] = Counter()
        for layer in viewer.layers:
            self._follow(layer)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)

    def _on_inserted(self, event: Any) -> None:
        self._follow(event.value)

    def _follow(self, layer: Layer) -> None:
        if is_own(layer) or layer in self._names:
            return
        self._names[layer] = uuid4().hex
        key = _opening(layer)
        self._places[layer] = self._opened[key]
        self._opened[key] += 1
        if isinstance(layer, Labels):
            strokes = self._strokes[layer] = StrokeWatch(self.changed.emit)
            strokes.watch(layer)
            if not strokes_of(layer):
                self._untouched[layer] = strokes.state
        else:
            layer.events.data.connect(self._on_change)

    def _on_removed(self, event: Any) -> None:
        """Count anew when the last layer of an origin is gone."""
        key = _opening(event.value)
        if not any(_opening(layer) == key for layer in event.source):
            del self._opened[key]

    def _on_change(self, event: Any) -> None:
        layer = event.source
        self._changes[layer] = self._changes.get(layer, 0) + 1
        self.changed.emit()

    def is_changed(self, layer: Layer) -> bool:
        """Return whether a layer's pixels are others than those it was opened with."""
        strokes = self._strokes.get(layer)
        if strokes is not None:
            return strokes.state != self._untouched.get(layer)
        return bool(self._changes.get(layer))

    def origin(self, layer: Layer) -> Origin | None:
        """Return where a layer comes from; None where its pixels are nowhere but in memory."""
        if self.is_changed(layer):
            return None
        own = layer.metadata.get(OWN, {})
        if own.get(KEPT):
            return Origin(kind="kept", kept=own[KEPT])
        if own.get("path"):
            path = absolute(str(own["path"]))
            return Origin(kind="file", path=path, mask=isinstance(layer, Labels))
        if layer.source.sample is not None:
            return Origin(kind="sample", sample=layer.source.sample)
        if layer.source.path is not None:
            reader = layer.source.reader_plugin or NAPARI
            return Origin(kind="file", path=absolute(layer.source.path), reader=reader)
        return None

    def place(self, layer: Layer) -> int:
        """Return which of the layers it is that opening its origin gives."""
        own = layer.metadata.get(OWN, {})
        if own.get(KEPT) or (own.get("path") and isinstance(layer, Labels)):
            return 0
        if own.get("path"):
            return int(own.get("place", 0))
        return self._places.get(layer, 0)

    def pixels(self, layer: Layer) -> Pixels | None:
        """Return the pixels of an image or of labels, as they are; None of other layers."""
        if not isinstance(layer, (Image, Labels)):
            return None
        levels = tuple(layer.data) if layer.multiscale else (layer.data,)
        return Pixels(layer.name, levels, self._state(layer))

    def _state(self, layer: Layer) -> str:
        if not self.is_changed(layer) and layer.metadata.get(OWN, {}).get(KEPT):
            return str(layer.metadata[OWN][KEPT])
        strokes = self._strokes.get(layer)
        changes = self._changes.get(layer, 0) if strokes is None else strokes.state
        return f"{self._names.get(layer, '')}:{changes}"


def absolute(path: str) -> str:
    """Return a path that holds in another folder too; addresses as they are."""
    return path if "://" in path else os.path.abspath(path)  # noqa: PTH100 - as `..` is resolved


def _opening(layer: Layer) -> Any:
    return layer.source.sample or (layer.source.path, layer.source.reader_plugin)
