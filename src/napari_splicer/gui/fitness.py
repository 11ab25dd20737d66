"""Whether a model can be trained on what is chosen, and whether one fits it. Pure, as readiness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.components.decomposition import OWN_CELL
from napari_splicer.model_settings import FEWEST_PATCHES

if TYPE_CHECKING:
    from napari_splicer.gui.snapshot import Snapshot


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
        one, other = ("cells", "tiles") if now.of_tiles else ("tiles", "cells")
        return f"The model was trained on {one}, and {other} are described now."
    if made.components != now.components:
        return "The components have changed since the model was trained."
    deciding = ("patches", "normalization", "augmentation", "model", "training", "seed")
    if any(getattr(made.settings, name) != getattr(now.settings, name) for name in deciding):
        return "The training settings have changed since the model was trained."
    return ""


def missing(now: Snapshot) -> tuple[str, ...]:
    """Return the model's channels that the image lacks and the model can't do without."""
    if now.bundle is None or now.image is None:
        return ()
    parts = now.bundle.decomposition
    if now.bundle.can_do_without and parts.without(now.image.channels) != parts.names:
        return ()
    return parts.match(now.image.channels).missing


def part_that_needs_cells(now: Snapshot) -> str:
    """Return the name of a component of the model that needs to know whose patch it sees."""
    if now.bundle is None:
        return ""
    parts = now.bundle.decomposition.components
    return next((part.name for part in parts if part.region.kind in OWN_CELL), "")


def other_regions(made: Snapshot, now: Snapshot) -> tuple[str, ...]:
    """Return the further masks that the model looks at and that are others than they were."""
    parts = () if now.bundle is None else now.bundle.decomposition.components
    looked_at = dict.fromkeys(part.region.mask for part in parts if part.region.mask is not None)
    return tuple(n for n in looked_at if made.regions.get(n) is not now.regions.get(n))
