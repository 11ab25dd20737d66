"""What decides an embedding: the model's settings, those of this run, and what fits the images."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, TypeAlias

from napari_splicer.components.matching import match_channels
from napari_splicer.errors import InvalidSettings, MissingChannels, UnusableChannel, listed
from napari_splicer.patches.normalization import SAMPLE_BLOCKS, fit_normalization
from napari_splicer.training.device import resolve_device, resolve_precision
from napari_splicer.training.resolve import said_of_sizes
from napari_splicer.training.speed import slow_in_bf16

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_splicer.config import RunConfig
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle

Precision: TypeAlias = Literal["fp32", "bf16"]

_BATCH = 1024
_CPU_BATCH, _CPU_VALUES = 128, 2**21
"""On a CPU, fewer patches at a time are faster: 8 MB of them stay in its cache, and the system
gives no fresh memory for every batch."""

_NOT_THERE = (
    "If it has the channel under another name, rename it with a panel; a model trained with "
    "training.component_dropout does without. Its channels are:"
)

_OTHER_SCALE = 10.0
"""Times brighter or dimmer than at training, from which on it is not the staining any more."""

_COMPARED, _NAMED = 32, 8  # images whose scale is looked at; images and channels that are named
_AT_FIRST = 4  # blocks of them that are read to begin with: more take seconds of every run

_OF_THE_MODEL = ("seed", "components", "normalization", "augmentation", "model", "training")


def resolve(
    config: RunConfig, bundle: Bundle | None, where: tuple[str, Precision] | None = None
) -> RunConfig:
    """Return the settings that an embedding runs by.

    Where patches are cut is this run's; how large they are, at which resolution they are read, how
    they are normalised and what the network is, is the model's; images that it was not trained on
    may have their levels named by this run. Device, precision and threads are this run's where it
    names them, else the model's, as far as this computer has them; or ``where`` says device and
    precision.

    Raises
    ------
    InvalidSettings
        If this run names a device that is not there.
    """
    if bundle is None:
        return config
    trained = bundle.config
    device, precision = where or resolve_where(config, trained)
    batch = config.embedding.batch or _batch(bundle, device)
    wanted = config.threads or trained.threads
    patches = trained.patches.model_copy(
        update={
            "sites": config.patches.sites,
            "stride": config.patches.stride,
            "levels": {**config.patches.levels, **trained.patches.levels},
        }
    )
    return config.model_copy(
        update={
            **{key: getattr(trained, key) for key in _OF_THE_MODEL},
            "patches": patches,
            "embedding": config.embedding.model_copy(update={"batch": batch}),
            "device": device,
            "precision": precision,
            "threads": None if wanted is None else min(wanted, os.cpu_count() or wanted),
        }
    )


def _batch(bundle: Bundle, device: str) -> int:
    """Return how many patches go through the network at a time if nothing else is asked for."""
    if device != "cpu":
        return _BATCH
    fitting = _CPU_VALUES // (len(bundle.channels) * bundle.config.patches.size**2)
    return max(1, min(_CPU_BATCH, fitting))


def resolve_where(config: RunConfig, trained: RunConfig) -> tuple[str, Precision]:
    """Return device and precision of this computer for a run with a model trained by ``trained``.

    Raises
    ------
    InvalidSettings
        If ``config`` names a device that is not there.
    """
    try:
        device = resolve_device(trained.device if config.device == "auto" else config.device)
    except InvalidSettings:
        if config.device != "auto":
            raise
        device = resolve_device("auto")
    precision = config.precision
    if precision == "auto" and device.type == _kind(trained.device):
        hopeless = trained.precision == "bf16" and slow_in_bf16(device)
        precision = "fp32" if hopeless else trained.precision
    return str(device), resolve_precision(precision, device)


def _kind(device: str) -> str:
    return device.partition(":")[0]


def remarks(
    fields: Sequence[MaskedImage], config: RunConfig, run: RunConfig, bundle: Bundle | None
) -> Iterator[str]:
    """Yield what the user should know before an embedding, in sentences.

    Parameters
    ----------
    fields : sequence of MaskedImage
    config, run : RunConfig
        As asked for, and as :func:`resolve` made it.
    bundle : Bundle, optional
    """
    yield from _different_panels(fields)
    if bundle is None:
        return
    if bundle.can_do_without:
        yield from _said_of_blank(fields, bundle)
    trained = bundle.config
    if config.device == "auto" and run.device != trained.device:
        yield (
            f"The model was trained on {trained.device}, which is not here, so {run.device} is "
            "used; the last digits of the results may differ."
        )
    elif config.precision == "auto" and run.precision != trained.precision:
        slow = _kind(run.device) == _kind(trained.device)
        reason = "which takes this computer far longer, so" if slow else f"and on {run.device}"
        yield (
            f"The model was trained in {trained.precision}, {reason} {run.precision} is used; the "
            "last digits of the results may differ."
        )
    yield from _said_of_scale(fields, bundle)
    yield from said_of_sizes(run, fields)
    if run.patches.size_um is None and any(field.image.pixel_size for field in fields):
        yield (
            "The pixel size of the model's own images was not known, so patches are "
            f"{run.patches.size} px wide here too, whatever that is in µm."
        )


def _said_of_scale(fields: Sequence[MaskedImage], bundle: Bundle) -> Iterator[str]:
    """Say which images are on another scale than the model's: all of their cells look alike to it.

    Of many images some are looked at, and one of each type of pixels, so that this takes no longer
    than a few blocks of them to read.
    """
    if bundle.config.normalization.scope == "image":
        return
    spread = [fields[i] for i in range(0, len(fields), -(-len(fields) // _COMPARED))]
    of_types = {field.image.dtype: field for field in reversed(fields)}
    looked_at = {field.name: field for field in (*spread, *of_types.values())}
    few = max(1, _AT_FIRST // len(looked_at))
    found: dict[tuple[str, ...], list[str]] = {}
    for field in fields:
        if field.name not in looked_at or not _on_another_scale(field, bundle, few):
            continue
        # The few blocks may be of glass alone: what they show is looked at again in many.
        if channels := _on_another_scale(field, bundle, SAMPLE_BLOCKS):
            found.setdefault(channels, []).append(field.name)
    for channels, names in found.items():
        yield (
            f"{listed(names, _NAMED)}: {listed(channels, _NAMED)} "
            f"{'are' if len(channels) > 1 else 'is'} on another scale of intensities than in the "
            "images that the model was trained on, so that cells look alike to it and their groups "
            "mean nothing. Export the images as those were exported (bit depth, no rescaling), or "
            "train a model that scales each image by itself (normalization.scope = 'image')."
        )


def _on_another_scale(field: MaskedImage, bundle: Bundle, blocks: int) -> tuple[str, ...]:
    """Return the channels of an image whose scale is not the model's; none unless half of them.

    A single marker may well be absent, or much brighter, where all others are as ever.
    """
    model, settings = bundle.normalization, bundle.config.normalization
    bounds = zip(model.channels, zip(model.lower, model.upper, strict=True), strict=True)
    known = {
        name: scale
        for name, scale in bounds
        if name in field.image.channels and name not in model.constant
    }
    if not known:
        return ()
    try:
        here = fit_normalization(
            [field], tuple(known), settings, seed=bundle.config.seed, blocks=blocks
        )
    except UnusableChannel:
        return ()
    other = tuple(
        name
        for (name, (lower, upper)), darkest, brightest in zip(
            known.items(), here.lower, here.upper, strict=True
        )
        if brightest <= lower
        or darkest >= upper
        or (upper > 0 and not upper / _OTHER_SCALE <= brightest <= upper * _OTHER_SCALE)
    )
    return other if 2 * len(other) >= len(known) else ()


def _different_panels(fields: Sequence[MaskedImage]) -> Iterator[str]:
    """Say which channels only some of the images have."""
    everywhere = set.intersection(*(set(field.image.channels) for field in fields))
    channels = dict.fromkeys(name for field in fields for name in field.image.channels)
    partial = [name for name in channels if name not in everywhere]
    if partial:
        yield (
            f"Not every image has the channels {', '.join(partial)}; "
            "their intensities are empty where an image lacks them."
        )


def check_channels(fields: Sequence[MaskedImage], bundle: Bundle) -> None:
    """Refuse images that lack something the model was trained on and can't do without.

    Raises
    ------
    MissingChannels
        Naming every such image and what it lacks, and channels that may be meant; also where
        nothing would be left to see of an image.
    """
    lacking, advice = [], ""
    for field in fields:
        match, here = match_channels(bundle.channels, field.image.channels), field.image.channels
        left = bundle.decomposition.without(here) != bundle.decomposition.names
        if not (match.complete or (bundle.can_do_without and left)):
            lacking.append(f"{field.name} lacks {', '.join(match.missing)}")
            advice = advice or match.advice or f"{_NOT_THERE} {', '.join(here)}."
    if lacking:
        raise MissingChannels(f"{'; '.join(lacking)}, which the model was trained on.", advice)


def _said_of_blank(fields: Sequence[MaskedImage], bundle: Bundle) -> Iterator[str]:
    for field in fields:
        if names := bundle.decomposition.without(field.image.channels):
            match = match_channels(bundle.channels, field.image.channels)
            yield (
                f"{field.name} lacks {', '.join(match.missing)}: the network does without the "
                f"component{'s' if len(names) > 1 else ''} {', '.join(names)} there. "
                f"{match.advice}"
            ).rstrip()
