"""Losses by name: those of this package, and those that other packages bring."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, TypeAlias

from napari_splicer.errors import InvalidSettings
from napari_splicer.model.losses.asymmetric import BYOL, DINO, SimSiam
from napari_splicer.model.losses.base import ChunkLoss, Pairwise
from napari_splicer.model.losses.contrast import MMCR, SimCLR
from napari_splicer.model.losses.correlation import SSLEY, BarlowTwins, VICReg
from napari_splicer.model.losses.gaussian import LeJEPA

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from napari_splicer.config import ModelSettings

OwnLoss: TypeAlias = "type[ChunkLoss] | Callable[[Tensor, Tensor], Tensor]"
"""What serves as a loss: a :class:`ChunkLoss`, or (a_BK, b_BK) -> scalar (a module, too)."""

LOSSES: Mapping[str, type[ChunkLoss]] = {
    "vicreg": VICReg,
    "simclr": SimCLR,
    "barlow": BarlowTwins,
    "mmcr": MMCR,
    "ssl-ey": SSLEY,
    "simsiam": SimSiam,
    "byol": BYOL,
    "dino": DINO,
    "lejepa": LeJEPA,
}
ENTRY_POINTS = "napari_splicer.losses"


def build_loss(
    settings: ModelSettings, widths: Sequence[int], own: OwnLoss | None = None
) -> ChunkLoss:
    """Make the loss that ``settings.loss`` names, or ``own``.

    Other packages add losses by an entry point of the group ``napari_splicer.losses``, which names
    a :class:`ChunkLoss` or a function (a_BK, b_BK) -> scalar::

        [project.entry-points."napari_splicer.losses"]
        cosine = "my_package:cosine"

    Parameters
    ----------
    settings : ModelSettings
    widths : sequence of int
        Of the chunks.
    own : type[ChunkLoss] or callable, optional
        Serves instead; ``settings.loss`` is not looked at.

    Raises
    ------
    InvalidSettings
        If there is no loss of this name, it can't be loaded, or ``own`` is none.
    """
    if own is not None:
        return _made(own, settings, widths)
    if settings.loss in LOSSES:
        return LOSSES[settings.loss](settings, widths)
    brought = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if settings.loss not in brought:
        raise InvalidSettings(
            f"There is no loss '{settings.loss}'.",
            f"Use one of: {', '.join([*LOSSES, *brought])}; or install the package that brings it.",
        )
    point = brought[settings.loss]
    try:
        found = point.load()
    except (ImportError, AttributeError) as error:
        raise InvalidSettings(
            f"The loss '{settings.loss}' ({point.value}) can't be loaded: {error}.",
            "Repair or remove the package that brings it.",
        ) from error
    return _made(found, settings, widths)


def _made(loss: OwnLoss, settings: ModelSettings, widths: Sequence[int]) -> ChunkLoss:
    if isinstance(loss, type) and issubclass(loss, ChunkLoss):
        return loss(settings, widths)
    # A made ChunkLoss is callable, but not with two embeddings; nor does it know these widths.
    if isinstance(loss, (ChunkLoss, type)) or not callable(loss):
        raise InvalidSettings(
            f"{loss!r:.80} can't serve as a loss.",
            "Give a function or module that makes a number of two embeddings, or a subclass of "
            "ChunkLoss: the class itself, which is made with the chunks' widths here.",
        )
    return Pairwise(loss, settings, widths)
