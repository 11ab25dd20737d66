"""From which level of an image's pyramid patches are cut: as coarse as the network's pixels allow.

Only how patches look is read there. Where cells are, how large they are and how bright they are is
always told at full resolution.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.images.pyramid import field_at, level_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_splicer.config import PatchSettings, RunConfig
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.patches.sites import Sites

TOLERANCE = 0.01
"""Share by which a level's pixels may exceed the network's: sizes in files are rounded."""

_WITHIN = 0.51  # px from a level's length to the last place within its last pixel

_SAME = 0.01
"""Share by which the level that a run names may differ from one that is there."""


def choose_level(image: MultiplexImage, settings: PatchSettings) -> int:
    """Return the level that patches of an image are cut from; 0 is the full resolution.

    The coarsest whose pixels are no larger than the network's (``size_um / size``). Where the run
    names one for this image, and it is there and fine enough, that one.
    """
    most = _most(image, settings)
    if most is None:
        return 0
    found = {0: 1.0}
    for level in range(1, len(image.levels)):
        grid = level_grid(image, level)
        if grid is not None and 1 < grid.coarser <= most:
            found[level] = grid.coarser
    told = settings.levels.get(image.name)
    if told is not None:
        named = {i: c for i, c in found.items() if abs(c - told) <= _SAME * told}
        found = named or found
    return max(found, key=lambda level: found[level])


def coarseness(image: MultiplexImage, settings: PatchSettings) -> float:
    """Return how many times coarser than the full resolution the level is that patches are of."""
    grid = level_grid(image, choose_level(image, settings))
    return 1.0 if grid is None else round(grid.coarser, 4)


def with_levels(run: RunConfig, fields: Sequence[MaskedImage]) -> RunConfig:
    """Return a run that names the level of every image that has several, so that it is repeated.

    Of two images of the same name, the finer level.
    """
    named: dict[str, float] = {}
    for field in fields:
        image = field.image
        if len(image.levels) == 1 or _most(image, run.patches) is None:
            continue
        coarser = coarseness(image, run.patches)
        named[image.name] = min(coarser, named.get(image.name, coarser))
    if not named:
        return run
    levels = {**run.patches.levels, **named}
    return run.model_copy(update={"patches": run.patches.model_copy(update={"levels": levels})})


def at_levels(
    fields: Sequence[MaskedImage], sites: Sites, settings: PatchSettings
) -> tuple[tuple[MaskedImage, ...], Sites]:
    """Return the fields as the levels show them that patches are cut from, and the sites there.

    Fields that are read at full resolution are the same objects.

    Parameters
    ----------
    fields : sequence of MaskedImage
    sites : Sites
        In pixels of the full resolution.
    settings : PatchSettings
    """
    levels = [choose_level(field.image, settings) for field in fields]
    if not any(levels):
        return tuple(fields), sites
    y, x = sites.y.copy(), sites.x.copy()
    for index, (field, level) in enumerate(zip(fields, levels, strict=True)):
        grid, here = level_grid(field.image, level), sites.field == index
        shape = field.image.levels[level].shape[1:]
        if level and grid is not None:
            # A level leaves out what fills none of its pixels: there, its last ones are looked at.
            y[here], x[here] = (
                grid.seen_from(axis, values[here]).clip(max=length - _WITHIN)
                for axis, (values, length) in enumerate(zip((y, x), shape, strict=True))
            )
    shown = tuple(field_at(field, level) for field, level in zip(fields, levels, strict=True))
    return shown, replace(sites, y=y, x=x)


def _most(image: MultiplexImage, settings: PatchSettings) -> float | None:
    """Return how much coarser a level may be; None where only full resolution will do."""
    if settings.resolution == "full" or settings.size_um is None or image.pixel_size is None:
        return None
    network = settings.size_um / settings.size
    return network * (1 + TOLERANCE) / float(np.mean(image.pixel_size))
