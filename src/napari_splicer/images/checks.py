"""Names and sizes that must fit each other."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.errors import InvalidPanel, InvalidSettings, SizeMismatch

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMING = "Channel names"
"""How every remark of :func:`unique_names` begins."""


def unique_names(names: Sequence[str | None]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return unique channel names, and remarks on those that were missing or doubled.

    Examples
    --------
    >>> unique_names(["CD3", "", "CD3"])[0]
    ('CD3', 'Channel 2', 'CD3 (2)')
    """
    clean = [(name or "").strip() for name in names]
    filled = [name or f"Channel {i}" for i, name in enumerate(clean, 1)]
    taken = set(filled)
    seen: set[str] = set()
    unique: list[str] = []
    for name in filled:
        chosen, number = name, 2
        while name in seen and chosen in taken:
            chosen, number = f"{name} ({number})", number + 1
        seen.add(name)
        taken.add(chosen)
        unique.append(chosen)
    return tuple(unique), tuple(_remarks_on_names(clean, filled))


def _remarks_on_names(clean: list[str], filled: list[str]) -> list[str]:
    remarks = []
    missing = [str(i) for i, name in enumerate(clean, 1) if not name]
    if missing:
        which = "" if len(missing) == len(clean) else f" for no. {', '.join(missing)}"
        remarks.append(f"{NAMING} are missing{which}; numbers stand in for them.")
    doubled = [name for name, count in Counter(filled).items() if count > 1]
    if doubled:
        remarks.append(
            f"{NAMING} occur more than once ({', '.join(doubled)}); repeats are numbered."
        )
    return remarks


def check_distinct(images: Sequence[str]) -> None:
    """Raise InvalidSettings if two images have the same name."""
    doubled = [name for name, count in Counter(images).items() if count > 1]
    if doubled:
        raise InvalidSettings(
            f"Two images are called {', '.join(doubled)}.",
            "Give each a name of its own (in a run file: 'name' in its [[inputs]] entry): cells "
            "are told apart by it.",
        )


def check_count(image: str, names: int, channels: int) -> None:
    """Raise InvalidPanel unless there is one name per channel."""
    if names != channels:
        raise InvalidPanel(
            f"There are {names} channel names, but {image} has {channels} channels.",
            "Give one name per channel, in the image's order.",
        )


def check_box(box: tuple[int, int, int, int], shape: tuple[int, int], name: str) -> None:
    """Raise IndexError unless the box (y0, y1, x0, x1) lies in ``shape``."""
    y0, y1, x0, x1 = box
    if not (0 <= y0 <= y1 <= shape[0] and 0 <= x0 <= x1 <= shape[1]):
        raise IndexError(f"box {box} (y0, y1, x0, x1) reaches outside {name} of shape {shape}")


def check_same_size(
    one: str,
    one_shape: tuple[int, int],
    other: str,
    other_shape: tuple[int, int],
    channels: int | None = None,
) -> None:
    """Raise SizeMismatch, naming both, unless the shapes are equal.

    ``channels`` of the first tell whether its axes were taken for others than they are.
    """
    if one_shape == other_shape:
        return
    sizes = [f"{height:,} × {width:,} pixels" for height, width in (one_shape, other_shape)]
    advice = "Both must come from the same field of view, at the same resolution."
    if other_shape == (channels, one_shape[0]):
        advice = (
            f"The last axis of the image seems to hold its channels, {one_shape[1]} of them. Save "
            "it again with the axes in the order channel, y, x."
        )
    elif other_shape == one_shape[::-1]:
        advice = (
            "Height and width of one are width and height of the other: one of the two seems to "
            "lie on its side. Save it again turned as the other is."
        )
    raise SizeMismatch(
        f"{one} has {sizes[0]} (height × width), but {other} has {sizes[1]}.", advice
    )


def checked_pixel_size(
    pixel_size: float | tuple[float, float] | None,
) -> tuple[float, float] | None:
    """Return height and width of a pixel in µm; InvalidSettings if they are impossible."""
    if pixel_size is None:
        return None
    y, x = np.broadcast_to(np.asarray(pixel_size, dtype=float), (2,)).tolist()
    if not (np.isfinite([y, x]).all() and min(y, x) > 0):
        raise InvalidSettings(
            f"A pixel of {y} × {x} µm is impossible.", "Give its height and width in µm."
        )
    return y, x
