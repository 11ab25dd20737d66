"""From napari layers to an image and its masks: which layers belong together, which axis is what.

Layers are only read here; adding and removing them is for :mod:`~napari_splicer.gui.layers`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels

from napari_splicer.gui.layer_files import image_in
from napari_splicer.gui.transforms import pixel_size_of, plane_at, said_of_scale, transform_of
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.lazy import as_levels
from napari_splicer.images.masks import LabelMask
from napari_splicer.images.read import stem
from napari_splicer.images.stacking import stack_channels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari.layers import Layer

OWN = "splicer"
"""Key of a layer's metadata under which this plugin keeps its own."""

_FEW_TIMES = 4  # as many channels as pixels a side, and more, are no channels
_CHANNEL_AXES = {"c", "ch", "channel", "channels"}
_OTHER_AXES = {"z", "t", "time", "plane", "depth"}


@dataclass(frozen=True, eq=False)
class ImageChoice:
    """Layers that make up one image.

    Attributes
    ----------
    title : str
        For a list of choices.
    layers : tuple of napari Image layers
        One with all channels, or one per channel.
    channels : int
        How many channels they have together.
    shape : (int, int)
        Height and width in pixels.
    stacked : bool
        Whether the axis before (Y, X) holds the channels.
    """

    title: str
    layers: tuple[Image, ...]
    channels: int
    shape: tuple[int, int]
    stacked: bool


def is_own(layer: Layer) -> bool:
    """Return whether this plugin drew the layer."""
    return OWN in layer.metadata and "role" in layer.metadata[OWN]


def image_choices(layers: Iterable[Layer]) -> tuple[ImageChoice, ...]:
    """Return what could be the image, most channels first.

    Single-channel layers of the same shape and place that come from one file or folder make up one
    image, and so do all of the same shape and place as long as their names differ; a layer with a
    channel axis, and an RGB layer, is one by itself.
    """
    layers = list(layers)
    images = [layer for layer in layers if isinstance(layer, Image) and not is_own(layer)]
    masks = mask_choices(layers)
    choices: list[ImageChoice] = []
    alike: dict[Any, list[Image]] = {}
    shapes = Counter(_shape(layer) for layer in images if not layer.rgb)
    # What has a mask in every plane is a volume, not an image with channels.
    volumes = {_shape(layer) for layer in masks if layer.ndim > 2}
    for layer in images:
        alone = shapes[_shape(layer)] == 1 and _shape(layer) not in volumes
        if layer.rgb or _has_channel_axis(layer, alone=alone):
            choices.append(_one_layer(layer))
        else:
            alike.setdefault((_shape(layer), transform_of(layer)), []).append(layer)
    together: list[ImageChoice] = []
    for group in alike.values():
        parts = _by_origin(group)
        choices += [_several_layers(part, origin) for origin, part in parts]
        if len(parts) > 1 and len({_unnumbered(layer.name) for layer in group}) == len(group):
            together.append(_several_layers(group, ""))
    ordered = sorted(choices, key=lambda choice: -choice.channels)
    return (*ordered, *together)


def _by_origin(layers: Sequence[Image]) -> list[tuple[str, list[Image]]]:
    """Sort layers by image, file or folder, "" where nothing tells; one opened twice is two."""
    paths = [layer.source.path for layer in layers]
    found: dict[tuple[str, int], list[Image]] = {}
    seen: Counter[tuple[str, object, str]] = Counter()
    openings: dict[str, list[object]] = {}
    for layer, path in zip(layers, paths, strict=True):
        own = layer.metadata.get(OWN, {})
        origin, opening, number = own.get("image"), own.get("opening"), 1
        if origin is None and path is not None:
            # Of a folder with a file per channel, the folder; of a file with many, the file.
            alone = paths.count(path) == 1
            origin = str(Path(path).parent if alone else path)
        if origin:
            known = openings.setdefault(origin, [])
            known += [] if opening in known else [opening]
            key = origin, opening, _unnumbered(layer.name)
            seen[key] += 1
            number = known.index(opening) + seen[key]
        found.setdefault((origin or "", number), []).append(layer)
    return [(f"{o} ({n})" if n > 1 else o, part) for (o, n), part in found.items()]


def _several_layers(group: Sequence[Image], origin: str) -> ImageChoice:
    size = size_of(group[0])
    count = f"{len(group)} layers, {size[0]:,} × {size[1]:,}"
    named = f"{Path(origin).name} · {count}" if origin else count
    title = named if len(group) > 1 else group[0].name
    return ImageChoice(title, tuple(group), len(group), size, stacked=False)


def mask_choices(layers: Iterable[Layer]) -> tuple[Labels, ...]:
    """Return the Labels layers that could be masks."""
    return tuple(layer for layer in layers if isinstance(layer, Labels) and not is_own(layer))


def read_image(choice: ImageChoice, step: Sequence[int]) -> MultiplexImage:
    """Wrap the layers' data, lazily; the transform is the first layer's.

    Parameters
    ----------
    choice : ImageChoice
    step : sequence of int
        The viewer's current step along each axis: of time points and Z planes, the one on screen
        is taken, and ``remarks`` say so.

    Raises
    ------
    SplicerError
        If the layers can't be an image; see :meth:`MultiplexImage.from_array`.
    """
    parts = [_part(layer, choice.stacked, step) for layer in choice.layers]
    paths = {_path_of(layer) for layer in choice.layers}
    source = paths.pop() if len(paths) == 1 else None
    image = parts[0]
    if len(parts) > 1:
        names = [_unnumbered(layer.name) for layer in choice.layers]
        image = stack_channels(parts, name=image.name)
        image = image.with_channels(names) if len(set(names)) == len(names) else image
    told = [layer.metadata.get(OWN, {}).get("place") for layer in choice.layers]
    sheet = image.sheet and image.sheet.seen_as(told, len(image.channels))
    return replace(image, source=source, sheet=sheet)


def read_mask(layer: Labels, step: Sequence[int]) -> LabelMask:
    """Wrap a Labels layer's data, lazily."""
    levels = _on_screen(layer, step, keep=2)[0]
    mask = LabelMask.from_array(levels, name=layer.name, axes="YX", source=_path_of(layer))
    return replace(mask, sheet=layer.metadata.get(OWN, {}).get("sheet"))


def _part(layer: Image, stacked: bool, step: Sequence[int]) -> MultiplexImage:
    keep = 3 if stacked or layer.rgb else 2
    levels, remarks = _on_screen(layer, step, keep)
    file = _file_of(layer)
    names: list[str | None] | None = None if layer.rgb else [layer.name]
    if stacked:
        names = _names(layer, levels[0].shape[0], file)
    own = layer.metadata.get(OWN, {})
    said = own.get("pixel_size") if file is None else file.pixel_size
    image = MultiplexImage.from_array(
        levels,
        names,
        name=image_name(layer),
        pixel_size=pixel_size_of(layer) or said,
        axes="CYX" if stacked else "YXS" if layer.rgb else "YX",
        transform=transform_of(layer),
    )
    told = own.get("grids", () if file is None else file.grids)
    grids = tuple(told) if len(told) == len(image.levels) else ()
    remarks = image.remarks + remarks + (_other_order(image) if stacked else ())
    remarks += said_of_scale(layer) if image.pixel_size is None else ()
    return replace(image, remarks=remarks, grids=grids, sheet=own.get("sheet"))


def _other_order(image: MultiplexImage) -> tuple[str, ...]:
    """Say so where the axis that is taken for the channels is rather one of the picture's."""
    channels, (height, width) = len(image.channels), image.shape
    if channels < _FEW_TIMES * min(height, width):
        return ()
    return (
        f"This is taken for {channels} channels of {height} × {width} pixels. If channels are its "
        "last axis, open it with the axes in the order channel, y, x.",
    )


def _file_of(layer: Image) -> MultiplexImage | None:
    """Return what the layer's own file says, where it is one that we read and of the same size."""
    file = None if layer.source.path is None else image_in(layer.source.path)
    return file if file is not None and file.shape == size_of(layer) else None


def _path_of(layer: Layer) -> str | None:
    """Return the file or folder that a layer was opened from, by us or by napari."""
    path = layer.metadata.get(OWN, {}).get("path") or layer.source.path
    return None if path is None else str(path)


def image_name(layer: Image) -> str:
    """Return what the image that a layer shows is called, as :func:`open_image` would call it.

    napari calls a layer from ``field.ome.tif`` ``field.ome``, and the next one ``field.ome [1]``.
    """
    name, told = str(layer.name), layer.metadata.get(OWN, {}).get("image")
    if told or layer.source.path is None:
        return str(told or name)
    path = Path(layer.source.path)
    usual = _unnumbered(name) == path.stem  # else it is by a person, or another reader
    return stem(path) + name.removeprefix(path.stem) if usual else name


def _unnumbered(name: str) -> str:
    """Return a layer's name without the number that napari adds to the name of another image's."""
    return re.sub(r" \[\d+\]$", "", name)


def _names(layer: Image, count: int, file: MultiplexImage | None) -> list[str | None]:
    """Return channel names from the layer's file, else from what a reader left in its metadata."""
    if file is not None and len(file.channels) == count:
        return list(file.channels)
    for place in (layer.metadata.get(OWN, {}), layer.metadata):
        for key in ("channels", "channel_names", "channel_name"):
            names = place.get(key)
            if isinstance(names, (list, tuple)) and len(names) == count:
                return [str(name) for name in names]
    return [None] * count


def _on_screen(
    layer: Image | Labels, step: Sequence[int], keep: int
) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """Return the levels cut to their last ``keep`` axes at the current step, and what was cut."""
    levels = as_levels(list(layer.data) if layer.multiscale else layer.data)
    spare = levels[0].ndim - keep
    if spare == 0:
        return levels, ()
    at = plane_at(layer, step, keep)
    cut = tuple(
        level[tuple(min(i, n - 1) for i, n in zip(at, level.shape, strict=False))]
        for level in levels
    )
    counts = zip(at, levels[0].shape, strict=False)
    where = ", ".join(f"{_axis(layer, axis)}: {i + 1} of {n}" for axis, (i, n) in enumerate(counts))
    return cut, (
        f"Only one plane is analysed, the one on screen when the image was chosen ({where}). For "
        "another, go there and choose the image again.",
    )


def _axis(layer: Image | Labels, axis: int) -> str:
    """Return an axis' label; napari's own stand-ins for labels are negative numbers."""
    label = str(layer.axis_labels[axis])
    return f"axis {axis + 1}" if label.lstrip("-").isdigit() else label


def _has_channel_axis(layer: Image, *, alone: bool) -> bool:
    if layer.ndim < 3:
        return False
    label = str(layer.axis_labels[-3]).lower()
    return label in _CHANNEL_AXES or (alone and label not in _OTHER_AXES)


def _one_layer(layer: Image) -> ImageChoice:
    channels = 3 if layer.rgb else _shape(layer)[-3]
    return ImageChoice(image_name(layer), (layer,), channels, size_of(layer), stacked=not layer.rgb)


def _shape(layer: Image | Labels) -> tuple[int, ...]:
    return tuple(layer.data[0].shape if layer.multiscale else layer.data.shape)


def size_of(layer: Image | Labels) -> tuple[int, int]:
    """Return a layer's height and width in pixels, at full resolution."""
    shape = _shape(layer)
    y, x = shape[-3:-1] if getattr(layer, "rgb", False) else shape[-2:]
    return int(y), int(x)
