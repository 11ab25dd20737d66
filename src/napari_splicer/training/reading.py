"""Which components a training has, and which patches it reads for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.patches.augmentation import padded_size
from napari_splicer.patches.levels import at_levels
from napari_splicer.patches.reader import PatchReader
from napari_splicer.patches.sites import find_sites, patch_sides

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_splicer.config import RunConfig
    from napari_splicer.images.masks import MaskedImage


def trained_components(config: RunConfig) -> Decomposition:
    """Return the components that are trained for; none where the objective is JE."""
    return Decomposition(() if config.model.objective == "je" else config.components)


def training_reader(
    fields: Sequence[MaskedImage], config: RunConfig, channels: Sequence[str]
) -> PatchReader:
    """Return the reader of the patches at all sites, with room to rotate and shift.

    It reads each image at the level that the settings say, see
    :mod:`napari_splicer.patches.levels`.

    Parameters
    ----------
    fields : sequence of MaskedImage
    config : RunConfig
        With device and patches resolved.
    channels : sequence of str
        To read, in this order; 0 where a field lacks one.

    Raises
    ------
    NoCells
        If there is no cell mask where patches lie on cells.
    """
    padded = padded_size(config.augmentation, config.patches.size)
    sites = find_sites(fields, config.patches, patch_sides(fields, config.patches))
    fields, sites = at_levels(fields, sites, config.patches)
    return PatchReader(
        fields,
        sites,
        channels=channels,
        regions=trained_components(config).regions,
        side=patch_sides(fields, config.patches, padded),
        size=padded,
        batch=config.training.batch,
        device=config.device,
        blank_missing=True,
    )
