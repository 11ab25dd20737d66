"""Areas drawn in napari's Shapes layers, as masks that components can look inside or outside of.

A mask is made of the shapes as they are when they are chosen, as a file, like every other mask:
projects and run files find it there. Shapes that are changed later are offered anew.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.layers import Layer, Shapes
from psygnal import Signal

from napari_splicer.errors import InvalidMask
from napari_splicer.files import file_name, written
from napari_splicer.gui.commands import run_folder
from napari_splicer.gui.display import mask_layer, place
from napari_splicer.gui.reading import is_own
from napari_splicer.gui.segmenting import free_path
from napari_splicer.gui.words import count
from napari_splicer.images.image import Affine2D
from napari_splicer.images.label_image import LabelImage, write_ome_zarr
from napari_splicer.images.outlines import Outlines
from napari_splicer.shares import watched

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from napari_splicer.gui.display import LayerData
    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.shares import Report, Shares

_AREAS = ("polygon", "rectangle", "ellipse")
_CORNERS = 720  # of an ellipse; a hundredth of a pixel off where it is 1,000 pixels wide
_DONE = ("added", "changed", "removed")  # what napari says of shapes once the mouse is let go


@dataclass(frozen=True, eq=False)
class Sketch:
    """Shapes as they were when they were chosen, and where their mask goes.

    Attributes
    ----------
    layer : ref to Shapes
    image : Image
        The layer that they were drawn over.
    state : str
        A digest of the areas in its pixels.
    image_name : str
    name : str
        Of the mask.
    left_out : int
        Lines and paths, which enclose nothing.
    """

    layer: ref[Shapes]
    image: Image
    state: str
    image_name: str
    name: str
    outlines: Outlines
    pixel_size: tuple[float, float] | None
    path: Path
    left_out: int


class DrawnRegions:
    """The Shapes layers of a viewer, and the masks that were made of them.

    Its signal ``changed`` is emitted when shapes were drawn, moved or taken away.

    Parameters
    ----------
    link : ViewerLink
    """

    changed = Signal()

    def __init__(self, link: ViewerLink) -> None:
        self._link = link
        self._made: WeakKeyDictionary[Shapes, WeakKeyDictionary[Image, _Made]] = WeakKeyDictionary()
        if link.viewer is not None:
            for layer in link.layers:
                self._watch(layer)
            link.viewer.layers.events.inserted.connect(self._on_inserted)

    def _on_inserted(self, event: Any) -> None:
        self._watch(event.value)

    def _watch(self, layer: Layer) -> None:
        if isinstance(layer, Shapes) and not is_own(layer):
            layer.events.data.connect(self._on_shapes)

    def _on_shapes(self, event: Any) -> None:
        if str(getattr(event, "action", "changed")) in _DONE:
            self.changed.emit()

    def offered(self) -> list[tuple[Shapes, str]]:
        """Return Shapes layers whose mask is still to be made, or made anew, each with words."""
        if self._link.session.image is None or not self._link.image_layers:
            return []
        found = []
        for layer in self._link.layers:
            if not isinstance(layer, Shapes) or is_own(layer):
                continue
            made = self._made_of(layer)
            if made is None or made.mask() is None:
                found.append((layer, f"{layer.name} (shapes: tick for a mask)"))
            elif made.state != _state(self._outlines(layer)):
                found.append((layer, f"{layer.name} (changed: tick for a new mask)"))
        return found

    def begin(self, layer: Shapes) -> Sketch:
        """Take shapes as they are now.

        Raises
        ------
        InvalidMask
            If they enclose nothing of the image.
        """
        link, image = self._link, self._link.session.image
        outlines = self._outlines(layer)
        if image is None or not outlines.touches:
            raise InvalidMask(
                f"The shapes of {layer.name} enclose nothing of the image.",
                "Draw polygons, rectangles or ellipses on it; lines and paths enclose nothing.",
            )
        made = self._made_of(layer)
        mask = None if made is None else made.mask()
        masks = run_folder(link.session).masks
        return Sketch(
            layer=ref(layer),
            image=link.image_layers[0],
            state=_state(outlines),
            image_name=image.name,
            name=f"{layer.name} mask" if mask is None else mask.name,
            outlines=outlines,
            pixel_size=image.pixel_size,
            path=free_path(masks, file_name(f"{image.name}-{layer.name}")),
            left_out=len(layer.shape_type) - len(outlines.lines),
        )

    def take(self, sketch: Sketch, made: LayerData) -> str:
        """Put a mask that was made over the image, in place of an older one; return what to say.

        Of an image that was left meanwhile, it is only kept on the disk.
        """
        link, shapes = self._link, sketch.layer()
        image = link.session.image
        if shapes is None or image is None or sketch.image not in link.image_layers:
            return f"The image was left; the mask of {sketch.image_name} is {sketch.path}."
        before = self._made_of(shapes)
        older = None if before is None else before.mask()
        data, look, kind = made
        layer = Layer.create(data, {**look, **place(image.transform)}, kind)
        regions = [layer for layer in link.region_layers.values() if layer is not older]
        with link.holding():  # or it may be taken for the mask of the cells
            if older is not None:
                link.remove_layer(older)
            link.add_layer(layer)
            link.use_regions([*regions, layer])
        by_image = self._made.setdefault(shapes, WeakKeyDictionary())
        by_image[sketch.image] = _Made(sketch.state, ref(layer))
        self.changed.emit()
        return _said(sketch, shapes, layer.name)

    def _made_of(self, layer: Shapes) -> _Made | None:
        by_image = self._made.get(layer)
        made = None if by_image is None else by_image.get(self._link.image_layers[0])
        gone = made is not None and made.mask() not in self._link.layers
        return None if gone else made

    def _outlines(self, layer: Shapes) -> Outlines:
        image = self._link.session.image
        assert image is not None
        return Outlines(areas(layer, self._link.image_layers[0]), image.shape)


@dataclass(frozen=True)
class _Made:
    state: str
    mask: ref[Labels]


def write(sketch: Sketch) -> Shares[tuple[Sketch, LayerData]]:
    """Write the mask, tile by tile, and open it; for a worker.

    Where it is closed before, nothing is left of the mask.

    Raises
    ------
    CannotWrite
        See :func:`napari_splicer.files.written`.
    """
    from napari_splicer.images.open import open_mask

    yield from watched(partial(_write, sketch))
    return sketch, mask_layer(open_mask(str(sketch.path), name=sketch.name), Affine2D())


def _write(sketch: Sketch, report: Report) -> None:
    outlines = sketch.outlines
    image = LabelImage(
        sketch.name, outlines.read, outlines.shape, np.dtype(np.uint8), sketch.pixel_size
    )
    with written(sketch.path) as temporary:
        write_ome_zarr(temporary, image, report)


def areas(layer: Shapes, image: Image) -> tuple[NDArray[np.float64], ...]:
    """Return the lines around a layer's areas in an image layer's pixels, wherever both lie."""
    linear, offset = _to_world(layer)
    onto, origin = _to_world(image)
    factors = [_in_units(a, b) for a, b in zip(layer.units[-2:], image.units[-2:], strict=True)]
    back = np.linalg.inv(onto)
    found = []
    for corners, kind in zip(layer.data, layer.shape_type, strict=True):
        if kind in _AREAS:
            line = np.asarray(corners, float)[:, -2:]
            line = _ellipse(line) if kind == "ellipse" else line
            found.append(((line @ linear.T + offset) * factors - origin) @ back.T)
    return tuple(found)


def _to_world(layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the matrix and the offset by which a layer's (y, x) become the viewer's."""
    offset = np.asarray(layer.data_to_world([0.0] * layer.ndim))[-2:]
    steps = [np.eye(layer.ndim)[axis] for axis in (-2, -1)]
    columns = [np.asarray(layer.data_to_world(list(step)))[-2:] - offset for step in steps]
    return np.stack(columns, axis=1), offset


def _in_units(unit: Any, other: Any) -> float:
    """Return how many of another unit one is; 1 where they can't be compared, as in napari."""
    return float((1 * unit).to(other).magnitude) if unit.is_compatible_with(other) else 1.0


def _ellipse(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the line around an ellipse in a box, which may be turned."""
    along, across = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    angles = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)[:, None]
    line: NDArray[np.float64] = corners.mean(0) + np.cos(angles) * along + np.sin(angles) * across
    return line


def _state(outlines: Outlines) -> str:
    digest = hashlib.sha256(str(outlines.shape).encode())
    for line in outlines.lines:
        digest.update(str(len(line)).encode() + np.ascontiguousarray(line.round(6)).tobytes())
    return digest.hexdigest()


def _said(sketch: Sketch, shapes: Shapes, name: str) -> str:
    words = (
        f"The shapes of {shapes.name} became the mask {name}: components can look inside or "
        f"outside it. It is kept in {sketch.path}. Change the shapes, and they can be ticked "
        "again to make it anew."
    )
    if sketch.left_out:
        words += f" {count(sketch.left_out, 'line')} left out: only areas count."
    planes = {tuple(np.round(corners[0][:-2]).tolist()) for corners in map(np.asarray, shapes.data)}
    if len(planes) > 1:
        words += " Shapes of all planes count."
    return words
