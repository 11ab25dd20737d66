"""Which axis is what: anything that is an image becomes (C, Y, X), or is refused in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_splicer.errors import UnsupportedImage

if TYPE_CHECKING:
    import dask.array as da

_WORDS = {"T": "time points", "Z": "Z planes", "C": "channels", "S": "samples"}


@dataclass(frozen=True, eq=False)
class Arranged:
    """Levels with axes (C, Y, X), whether they are RGB, and what was done to them."""

    levels: tuple[da.Array, ...]
    is_rgb: bool
    remarks: tuple[str, ...]


def guess_axes(shape: tuple[int, ...], rgb: bool | None = None) -> str:
    """Return axes letters for an array that does not tell its own.

    ``rgb=None`` takes a last axis of 3 or 4 behind longer ones for colour samples: no slide is
    four pixels wide.
    """
    if rgb is None:
        rgb = len(shape) >= 3 and shape[-1] in (3, 4) and min(shape[-3:-1]) > 4
    tail = "YXS" if rgb else "CYX"[max(0, 3 - len(shape)) :]
    return "Q" * (len(shape) - len(tail)) + tail


def arrange(levels: tuple[da.Array, ...], axes: str, name: str) -> Arranged:
    """Bring ``levels`` to (C, Y, X).

    Parameters
    ----------
    levels : tuple of dask.array.Array
        All with the same axes.
    axes : str
        One letter per axis, as tifffile names them: Y, X, C, S (colour samples), Z, T; any other
        letter is an axis without a known meaning.
    name : str
        Of the image, for messages.

    Raises
    ------
    UnsupportedImage
        If there is no plane, or more than one axis that could hold the channels, or several Z
        planes or time points.
    """
    if len(axes) != levels[0].ndim:
        raise UnsupportedImage(
            f"{name} has {levels[0].ndim} axes, but is said to have {len(axes)} ({axes}).",
            "Its metadata are wrong; export it again.",
        )
    if "Y" not in axes or "X" not in axes or 0 in levels[0].shape:
        raise UnsupportedImage(
            f"{name} has the shape {levels[0].shape}, which holds no image plane.",
            "Give an image with height and width.",
        )
    levels, axes, remarks = _without_singletons(levels, axes)
    extra = [axis for axis in axes if axis not in "YX"]
    if len(extra) == 1 and extra[0] not in "ZT":
        channel = extra[0]
        is_rgb = channel == "S" and levels[0].shape[axes.index("S")] in (3, 4)
        order = [axes.index(axis) for axis in (channel, "Y", "X")]
        levels = tuple(level.transpose(order) for level in levels)
        if is_rgb:
            levels = tuple(level[:3] for level in levels)
            remarks.append("This is an RGB image: its channels are Red, Green and Blue.")
        return Arranged(levels, is_rgb, tuple(remarks))
    if extra:
        raise _too_many_axes(levels[0].shape, axes, name)
    order = [axes.index("Y"), axes.index("X")]
    return Arranged(tuple(level.transpose(order)[None] for level in levels), False, tuple(remarks))


def _without_singletons(
    levels: tuple[da.Array, ...], axes: str
) -> tuple[tuple[da.Array, ...], str, list[str]]:
    shape = levels[0].shape
    dropped = [i for i, axis in enumerate(axes) if shape[i] == 1 and axis not in "YX"]
    remarks = [
        f"Its only {_WORDS[axis].removesuffix('s')} was taken; the {axis} axis is dropped."
        for axis in (axes[i] for i in dropped)
        if axis in "ZT"
    ]
    index = tuple(0 if i in dropped else slice(None) for i in range(len(axes)))
    kept = "".join(axis for i, axis in enumerate(axes) if i not in dropped)
    return tuple(level[index] for level in levels), kept, remarks


def _too_many_axes(shape: tuple[int, ...], axes: str, name: str) -> UnsupportedImage:
    extra = [(axis, n) for axis, n in zip(axes, shape, strict=True) if axis not in "YX"]
    counts = ", ".join(f"{n:,} {_WORDS.get(axis, 'along another axis')}" for axis, n in extra)
    if any(axis in "ZT" for axis, _ in extra):
        advice = (
            "Only flat images can be analysed: take one plane or a projection first. If these are "
            "really channels, save them as such (Fiji: Image > Properties, set Channels)."
        )
    else:
        advice = "Give an image with the axes (channel, height, width)."
    return UnsupportedImage(f"{name} has too many axes: {counts}.", advice)
