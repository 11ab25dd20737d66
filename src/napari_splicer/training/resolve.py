"""From the settings that were asked for to those that repeat the run: nothing reads "auto"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.components.matching import common_channels
from napari_splicer.errors import InvalidComponent, InvalidSettings, NoCells, listed
from napari_splicer.images.masks import MaskedImage
from napari_splicer.images.pyramid import image_at
from napari_splicer.images.subsampled import is_subsampled
from napari_splicer.model.objectives import branch_width, chunk_room
from napari_splicer.model_settings import FEWEST_PATCHES
from napari_splicer.patches.cache import capacity
from napari_splicer.patches.levels import choose_level, with_levels
from napari_splicer.patches.presence import Presence, absent_components, said_of_absent
from napari_splicer.patches.sites import patch_sides
from napari_splicer.settings import Rectangle
from napari_splicer.training.device import resolve_device
from napari_splicer.training.reading import trained_components, training_reader
from napari_splicer.training.schedule import count_held_out, count_steps
from napari_splicer.training.speed import faster_precision
from napari_splicer.training.widths import needs_trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_splicer.config import PatchSettings, RunConfig, TrainingSettings


ALWAYS_READ = 20_000
"""Patches that are read even if a training looks at fewer: it may be given more steps."""

_NAMED = 8  # components that a sentence names

DROPOUT = 0.1
"""Chance that a component is dropped where images lack some and nothing else is asked for."""


def resolve(
    config: RunConfig, fields: Sequence[MaskedImage], folder: Path | None = None
) -> RunConfig:
    """Fill in what the settings leave open, from the images and this computer.

    Device, precision, threads, patch size in µm (where the pixel size is known), the level that
    each image with a pyramid is read at, widths of chunks and branches, batch (at most half the
    patches), patches (where not all are looked at), steps and component dropout. Widths that a
    trial is to find stay open, and ``model.widths`` "automatic", until it has found them.

    Parameters
    ----------
    config : RunConfig
    fields : sequence of MaskedImage
    folder : Path, optional
        On the disk where patches may be kept that memory does not hold.

    Raises
    ------
    InvalidSettings
        If the device is not there, there is no room for a handful of patches, or fewer patches than
        several devices need.
    InvalidComponent
        If a component lacks something in one of the images, or the embedding is too narrow for
        all chunks.
    NoCells
        If there are fewer than 16 patches.
    """
    channels = seen_channels(config, fields)
    device = resolve_device(config.device)
    run = config.model_copy(
        update={
            "device": str(device),
            "threads": config.threads or torch.get_num_threads(),
            "patches": _with_size_um(config.patches, fields),
            **_with_widths(config),
        }
    )
    run = with_levels(run, fields)
    reader = training_reader(fields, run, channels)
    count = len(reader.sites)
    if count < FEWEST_PATCHES:
        raise _too_few(count, fields, run.patches.sites)
    dropout = _component_dropout(config, fields, channels)
    run = run.with_values({"training.component_dropout": dropout})
    training = _with_patches(run.training, count, run.device)
    kept = capacity(reader, training.cache_gb, folder, training.patches)
    run = run.model_copy(update={"training": _with_steps(training, kept, run.device)})
    if run.precision != "auto":
        return run
    return run.model_copy(update={"precision": faster_precision(run, channels)})


def remarks(asked: RunConfig, resolved: RunConfig, fields: Sequence[MaskedImage]) -> Iterator[str]:
    """Yield what the user should know about how the settings were filled in."""
    if resolved.training.batch < asked.training.batch:
        yield (
            f"There are few patches, so {resolved.training.batch} instead of "
            f"{asked.training.batch} make a batch. Results may vary from run to run."
        )
    yield from said_of_absent(fields, Decomposition(resolved.components))
    yield from _said_of_turned(resolved)
    yield from said_of_sizes(resolved, fields)


def _said_of_turned(resolved: RunConfig) -> Iterator[str]:
    """Say which components look at a side of patches that are turned before."""
    sections = [(part.name, part.region.section) for part in resolved.components]
    sides = [name for name, section in sections if isinstance(section, Rectangle) and section.aside]
    if sides and (resolved.augmentation.rotate or resolved.augmentation.flip):
        yield (
            f"{listed(sides, _NAMED)}: a side of the patch, but patches are turned and mirrored at "
            "random, so that every side shows the same. Switch both off (in napari under How cells "
            "are varied, in run files augmentation.rotate and augmentation.flip), or choose a ring."
        )


def said_of_sizes(resolved: RunConfig, fields: Sequence[MaskedImage]) -> Iterator[str]:
    """Yield what the user should know about the patches' size in pixels and µm."""
    unknown = [field.image.name for field in fields if field.image.pixel_size is None]
    if unknown:
        yield (
            f"The pixel size of {', '.join(unknown)} is not known, so patches are "
            f"{resolved.patches.size} px wide there, whatever that is in µm. If you know "
            "it, say so: in napari in step Image, in a run file as pixel_size."
        )
    sides = patch_sides(fields, resolved.patches)
    for field, side in zip(fields, sides, strict=True):
        height, width = field.image.shape
        if side > min(height, width):
            yield (
                f"Patches are {side} px wide, but {field.image.name} has {height} × {width} px: "
                "it is mirrored at its edges to fill them."
            )
    shown = [image_at(f.image, choose_level(f.image, resolved.patches)) for f in fields]
    coarser = [
        f"{field.image.name} ({image.shape[0]:,} × {image.shape[1]:,} px)"
        for field, image in zip(fields, shown, strict=True)
        if image is not field.image
    ]
    if coarser:
        yield (
            "The network's pixels are coarser than the image's, so patches are cut from a smaller "
            f"resolution of {', '.join(coarser)}; cells are measured at full resolution."
        )
    noisy = [
        field.image.name
        for field in fields
        if is_subsampled(field.image, choose_level(field.image, resolved.patches))
    ]
    if noisy:
        yield (
            f"The smaller resolutions of {', '.join(noisy)} hold single pixels instead of "
            "averages, so patches are noisier than they need be. Write the pyramid anew with "
            "averages, or set patches.resolution = 'full'."
        )
    resampled = [
        f"{image.name} ({side} px)"
        for image, side in zip(
            shown, patch_sides([*map(MaskedImage, shown)], resolved.patches), strict=True
        )
        if side != resolved.patches.size
    ]
    if resampled:
        yield (
            f"Patches of {resolved.patches.size_um:g} µm are resampled to {resolved.patches.size} "
            f"px in {', '.join(resampled)}."
        )


def seen_channels(config: RunConfig, fields: Sequence[MaskedImage]) -> tuple[str, ...]:
    """Return the channels that the primary sees, in order.

    Those of the components; for JE without components, all that every image has.

    Raises
    ------
    InvalidComponent
        If there is none, a component lacks something in every image, or in one of them where
        components may not be absent: component dropout 0, or Concat, whose encoders, one for each
        component, can't do without theirs.
    """
    decomposition = Decomposition(config.components)
    objective, dropout = config.model.objective, config.training.component_dropout
    if not decomposition.components and objective != "splicer":
        return common_channels(fields)
    if len(fields) == 1 or dropout == 0 or objective == "concat":
        for field in fields:
            decomposition.validate(field, sites=config.patches.sites)
        return decomposition.channels
    decomposition.check(
        tuple(dict.fromkeys(name for field in fields for name in field.image.channels)),
        tuple(dict.fromkeys(name for field in fields for name in field.regions)),
        cells=all(field.cells is not None for field in fields),
        sites=config.patches.sites,
        image="the set of images",
    )
    _refuse_components_of_no_image(fields, decomposition)
    return decomposition.channels


def _refuse_components_of_no_image(
    fields: Sequence[MaskedImage], decomposition: Decomposition
) -> None:
    """Refuse a component whose channels and mask exist, but in no image together."""
    absent = absent_components(fields, decomposition)
    for name in decomposition.names:
        if all(name in here for here in absent):
            raise InvalidComponent(
                f"Component '{name}' lacks something in every image: no image has all of its "
                "channels and its mask.",
                "Make it of channels that were stained together, or remove it.",
            )


def _component_dropout(
    config: RunConfig, fields: Sequence[MaskedImage], channels: Sequence[str]
) -> float:
    presence = Presence(fields, Decomposition(config.components), channels)
    if config.training.component_dropout is not None:
        return config.training.component_dropout
    return 0.0 if presence.complete else DROPOUT


def _too_few(count: int, fields: Sequence[MaskedImage], sites: str) -> NoCells:
    what = {"cells": "cell", "grid": "tile"}[sites] + ("s" if count != 1 else "")
    advice = "Add images, use a model trained on others, or cluster by mean intensity."
    if sites == "cells" and count == len(fields):
        advice = "If a mask has the same number for all cells, give every cell one of its own."
    return NoCells(
        f"There {'are' if count != 1 else 'is'} {count} {what} to train on, and {FEWEST_PATCHES} "
        "are the fewest that a network can learn from; a few hundred are better.",
        advice,
    )


def _with_size_um(settings: PatchSettings, fields: Sequence[MaskedImage]) -> PatchSettings:
    known = [field.image.pixel_size for field in fields if field.image.pixel_size is not None]
    if settings.size_um is not None or not known:
        return settings
    return settings.model_copy(update={"size_um": settings.size * float(np.mean(known[0]))})


def _with_patches(settings: TrainingSettings, total: int, device: str) -> TrainingSettings:
    """Return settings that say how many patches are read; they stay open where all are."""
    most = settings.patches
    if most is None:
        fitting = _with_steps(settings, total, device)
        looked_at = (fitting.steps or 0) * fitting.batch + count_held_out(settings, total)
        most = max(looked_at, ALWAYS_READ)
    return settings.model_copy(update={"patches": most if most < total else None})


def _with_steps(settings: TrainingSettings, patches: int, device: str) -> TrainingSettings:
    batch = min(settings.batch, patches // 2)
    if batch < settings.devices:
        raise InvalidSettings(
            f"There are {patches} patches, too few to share between {settings.devices} devices.",
            "Train on one device (training.devices).",
        )
    fitting = settings.model_copy(update={"batch": batch - batch % settings.devices})
    trained_on = patches - count_held_out(settings, patches)
    return fitting.model_copy(update={"steps": count_steps(fitting, trained_on, device)})


def _with_widths(config: RunConfig) -> dict[str, object]:
    widths_by = "automatic" if needs_trial(config) else "equal"
    model = config.model.model_copy(
        update={"branch_width": branch_width(config.model), "widths": widths_by}
    )
    parts = trained_components(config)
    if not parts.components:
        return {"model": model}
    widths = parts.widths(chunk_room(model))
    if needs_trial(config):
        return {"model": model}
    components = tuple(
        component.model_copy(update={"width": width})
        for component, width in zip(config.components, widths, strict=True)
    )
    return {"model": model, "components": components}
