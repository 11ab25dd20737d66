"""Each component sees its channels in its region, as a plain loop would cut them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import Component, Rectangle, Region, Ring
from napari_splicer.patches.splitting import section_mask, split

CHANNELS = ("A", "B", "C", "D")
MASKS = ("nuclei", "tumour")

REGIONS = [
    Region(),
    Region(kind="cell"),
    Region(kind="surroundings"),
    Region(kind="other_cells"),
    Region(kind="background"),
    Region(kind="inside", mask="tumour"),
    Region(kind="outside", mask="nuclei"),
    Region(kind="section", section=Rectangle(top=0.5, left=0.25)),
    Region(kind="section", section=Ring(inner=0.3, outer=0.8)),
]


def visible(region, label, own, masks, y, x, side):
    """Say whether a component with ``region`` sees one pixel."""
    match region.kind:
        case "whole":
            return True
        case "cell":
            return label == own
        case "surroundings":
            return label != own
        case "other_cells":
            return label not in (0, own)
        case "background":
            return label == 0
        case "inside":
            return bool(masks[MASKS.index(region.mask)])
        case "outside":
            return not masks[MASKS.index(region.mask)]
    section = region.section
    if isinstance(section, Ring):
        centre = (side - 1) / 2
        radius = np.hypot(y - centre, x - centre) / (side / 2)
        return section.inner <= radius < section.outer
    return (
        section.top <= (y + 0.5) / side < section.bottom
        and section.left <= (x + 0.5) / side < section.right
    )


@pytest.mark.parametrize("region", REGIONS, ids=lambda region: region.describe())
def test_a_region_equals_a_plain_loop(region, batch_of):
    side = 16
    batch = batch_of(count=3, side=side)
    component = Component(name="part", channels=("C", "A"), region=region)
    (got,) = split(batch, Decomposition((component,)), CHANNELS, MASKS)
    expected = np.zeros((3, 2, side, side), np.float32)
    for b, y, x in np.ndindex(3, side, side):
        label, own = int(batch.labels_BHW[b, y, x]), int(batch.id_B[b])
        if visible(region, label, own, batch.regions_BRHW[b, :, y, x].tolist(), y, x, side):
            expected[b, :, y, x] = batch.x_BCHW[b, [2, 0], y, x]
    np.testing.assert_array_equal(got, expected)
    assert 0 < (expected != 0).mean() <= 1


def test_components_do_not_disturb_one_another(batch_of):
    batch = batch_of()
    before = batch.x_BCHW.clone()
    whole = Component(name="all", channels=CHANNELS)
    cell = Component(name="cell", channels=CHANNELS, region=Region(kind="cell"))
    around = Component(name="around", channels=CHANNELS, region=Region(kind="surroundings"))
    views = split(batch, Decomposition((cell, whole, around)), CHANNELS)
    torch.testing.assert_close(batch.x_BCHW, before, rtol=0, atol=0)
    torch.testing.assert_close(views[0] + views[2], views[1], rtol=0, atol=0)


def test_sections_tile_the_patch():
    halves = [Rectangle(bottom=0.5), Rectangle(top=0.5)]
    rings = [Ring(outer=0.5), Ring(inner=0.5, outer=2)]
    for parts in (halves, rings):
        covered = sum(section_mask(part, 31, 31).int() for part in parts)
        assert (covered == 1).all()
