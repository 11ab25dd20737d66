from __future__ import annotations

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

from napari_splicer.analysis.palette import (
    OKABE_ITO,
    PALETTE,
    UNASSIGNED_COLOUR,
    group_colours,
)


def lab(colours: tuple[str, ...]) -> np.ndarray:
    rgb = [[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in colours]
    return rgb2lab(np.array([rgb]))[0]


def test_all_colours_differ_visibly_from_one_another_and_from_a_dark_ground() -> None:
    points = lab((*PALETTE, UNASSIGNED_COLOUR, "#000000", "#FFFFFF"))
    apart = deltaE_ciede2000(points[:, None], points[None])
    assert apart[np.triu_indices(len(points), 1)].min() > 9


def test_groups_keep_their_colours_when_others_are_added() -> None:
    assert group_colours(5) == OKABE_ITO[:5]
    assert group_colours(64) == PALETTE
    assert group_colours(70)[:64] == PALETTE
    assert len(set(PALETTE)) == 64
