"""From a batch of patches to what each component sees of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_splicer.config import Rectangle, Region, Ring

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_splicer.components.decomposition import Decomposition
    from napari_splicer.patches.reader import PatchBatch


def split(
    batch: PatchBatch,
    decomposition: Decomposition,
    channels: Sequence[str],
    regions: Sequence[str] = (),
) -> list[Tensor]:
    """Return one tensor (B, C_i, H, W) per component; pixels outside its region are 0.

    Parameters
    ----------
    batch : PatchBatch
        Normalised, so that 0 is background.
    decomposition : Decomposition
    channels, regions : sequence of str
        What the axes C and R of the batch hold.

    Notes
    -----
    arXiv 2503.07444, section 3: the components ``x_i`` of an image ``x``.
    """
    place = {channel: index for index, channel in enumerate(channels)}
    masks: dict[Region, Tensor | None] = {}
    views = []
    for component in decomposition.components:
        if component.region not in masks:
            masks[component.region] = region_mask(batch, component.region, regions)
        index = torch.tensor([place[name] for name in component.channels])
        view_BCHW = batch.x_BCHW.index_select(1, index.to(batch.x_BCHW.device))
        mask_BHW = masks[component.region]
        views.append(view_BCHW if mask_BHW is None else view_BCHW.mul_(mask_BHW[:, None]))
    return views


def side_by_side(
    batch: PatchBatch,
    decomposition: Decomposition,
    channels: Sequence[str],
    regions: Sequence[str] = (),
) -> Tensor:
    """Return what the components see, one after the other along the channel axis."""
    return torch.cat(split(batch, decomposition, channels, regions), dim=1)


def region_mask(batch: PatchBatch, region: Region, regions: Sequence[str] = ()) -> Tensor | None:
    """Return where ``region`` lies in each patch, bool (B, H, W), or None for the whole patch."""
    labels_BHW = batch.labels_BHW
    if region.section is not None:
        mask_HW = section_mask(region.section, *labels_BHW.shape[1:]).to(labels_BHW.device)
        return mask_HW.expand_as(labels_BHW)
    if region.mask is not None:
        mask_BHW = batch.regions_BRHW[:, list(regions).index(region.mask)]
        return mask_BHW if region.kind == "inside" else ~mask_BHW
    own_BHW = labels_BHW == batch.id_B[:, None, None]
    if region.kind == "cell":
        return own_BHW
    if region.kind == "surroundings":
        return ~own_BHW
    if region.kind == "other_cells":
        return (labels_BHW != 0) & ~own_BHW
    if region.kind == "background":
        return labels_BHW == 0
    return None


def section_mask(section: Rectangle | Ring, height: int, width: int) -> Tensor:
    """Return the pixels (H, W) whose centre lies in a rectangle or ring of the patch."""
    y_H = (torch.arange(height) + 0.5) / height
    x_W = (torch.arange(width) + 0.5) / width
    if isinstance(section, Ring):
        radius_HW = torch.hypot(2 * y_H[:, None] - 1, 2 * x_W - 1)
        return (radius_HW >= section.inner) & (radius_HW < section.outer)
    rows_H = (y_H >= section.top) & (y_H < section.bottom)
    columns_W = (x_W >= section.left) & (x_W < section.right)
    return rows_H[:, None] & columns_W
