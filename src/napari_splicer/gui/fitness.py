"""Whether a model can be trained on what is chosen, and what fits it. Pure, as readiness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.components.decomposition import OWN_CELL, Decomposition
from napari_splicer.components.matching import match_channels
from napari_splicer.errors import listed
from napari_splicer.gui.snapshot import representation
from napari_splicer.model_settings import FEWEST_PATCHES

if TYPE_CHECKING:
    from napari_splicer.gui.snapshot import Snapshot
    from napari_splicer.model.bundle import Bundle

_NAMED = 4  # components or channels in a sentence


def too_few_to_train(now: Snapshot) -> str:
    """Say why there are too few cells to train on; empty where there are enough."""
    count = now.count
    if count is None or count >= FEWEST_PATCHES:
        return ""
    if now.of_tiles:
        return (
            f"There {'are' if count != 1 else 'is'} {count} tile{'s' if count != 1 else ''}, too "
            f"few to train on ({FEWEST_PATCHES} at least, a few hundred are better). Make them "
            "smaller, or the step between them, in step 1."
        )
    cells = f"{count} cell{'s' if count != 1 else ''}"
    return (
        f"The mask has {cells}, too few to train on ({FEWEST_PATCHES} at least, a few hundred are "
        "better). Use a trained model, or group the cells by mean intensity in step 4."
    )


def of_other_channels(now: Snapshot) -> str:
    """Say which components use channels that the image lacks, and what to do; empty if none do."""
    if now.image is None:
        return ""
    parts = Decomposition(now.components)
    foreign = parts.without(now.image.channels)
    if not foreign:
        return ""
    one = len(foreign) == 1
    names = listed([f"'{name}'" for name in foreign], _NAMED)
    lacking = [name for name in parts.channels if name not in now.image.channels]
    return (
        f"{f'Component {names} uses' if one else f'Components {names} use'} channels that this "
        f"image lacks: {listed(lacking, _NAMED)}. Take a suggestion in step 2, choose "
        f"{'its' if one else 'their'} channels anew, or remove {'it' if one else 'them'}; if the "
        "channels only have other names here, rename them in step 1."
    )


def misfit(now: Snapshot) -> str:
    """Say why the model does not fit what is chosen now; empty where it does."""
    if now.bundle is None or now.image is None:
        return ""
    lacking = missing(now)
    if lacking:
        return f"The model needs channels that this image lacks: {', '.join(lacking)}."
    made = now.made_from.get("train")
    if made is None:
        return ""
    if made.of_tiles != now.of_tiles:
        return f"The model was trained on {_units(made)}, and {_units(now)} are described now."
    if made.components != now.components:
        return "The components have changed since the model was trained."
    deciding = ("patches", "normalization", "augmentation", "model", "training", "seed")
    if any(getattr(made.settings, name) != getattr(now.settings, name) for name in deciding):
        return "The training settings have changed since the model was trained."
    return ""


def outdated(now: Snapshot) -> str:
    """Say why the table does not fit what is chosen now; empty where it does."""
    made = now.made_from.get("embed")
    if made is None:
        return ""
    if made.of_tiles != now.of_tiles:
        return f"The table is of {_units(made)}, and {_units(now)} are described now."
    if made.image is not now.image or made.units is not now.units:
        if now.of_tiles:
            return "The image, or how tiles lie on it, has changed since they were embedded."
        return "The image or its mask has changed since the cells were embedded."
    if representation(now.table) is None:
        return ""  # mean intensities are the same whatever the model
    if not same_model(made.bundle, now.bundle):
        return "The model has changed since the cells were embedded."
    others = _other_regions(made, now)
    if others:
        return now.words(f"The mask '{others[0]}' has changed since the cells were embedded.")
    return ""


def _units(of: Snapshot) -> str:
    return "tiles" if of.of_tiles else "cells"


def same_model(one: Bundle | None, other: Bundle | None) -> bool:
    """Return whether these are one model, perhaps saved and loaded again meanwhile."""
    if one is None or other is None:
        return one is other
    return one is other or one.hash == other.hash


def missing(now: Snapshot) -> tuple[str, ...]:
    """Return the model's channels that the image lacks and the model can't do without."""
    if now.bundle is None or now.image is None:
        return ()
    parts = now.bundle.decomposition
    if now.bundle.can_do_without and parts.without(now.image.channels) != parts.names:
        return ()
    return match_channels(now.bundle.channels, now.image.channels).missing


def part_that_needs_cells(now: Snapshot) -> str:
    """Return the name of a component of the model that needs to know whose patch it sees."""
    if now.bundle is None:
        return ""
    parts = now.bundle.decomposition.components
    return next((part.name for part in parts if part.region.kind in OWN_CELL), "")


def _other_regions(made: Snapshot, now: Snapshot) -> tuple[str, ...]:
    """Return the further masks that the model looks at and that are others than they were."""
    parts = () if now.bundle is None else now.bundle.decomposition.components
    looked_at = dict.fromkeys(part.region.mask for part in parts if part.region.mask is not None)
    return tuple(n for n in looked_at if made.regions.get(n) is not now.regions.get(n))
