from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_splicer.segmentation.objects import (
    Lengths,
    darkest_nucleus,
    denoise,
    find_cells,
)

SIDE, WIDTH = 160, 14.0


def discs(*centres, radius: float = WIDTH / 2) -> np.ndarray:
    """Return blurred, noisy discs."""
    y, x = np.indices((SIDE, SIDE))
    light = np.zeros((SIDE, SIDE))
    for cy, cx in centres:
        light[(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = 0.8
    rng = np.random.default_rng(0)
    return (gaussian_filter(light, 1) + rng.uniform(0, 0.1, light.shape)).astype(np.float32)


def found_in(light, *, expansion: float = 0.0, sensitivity: float = 1.0, darkest=None):
    darkest = darkest_nucleus(denoise(light, WIDTH)) if darkest is None else darkest
    return find_cells(light, Lengths(WIDTH, expansion), darkest, sensitivity)


def test_each_nucleus_is_one_cell_with_its_centre_inside() -> None:
    centres = [(30, 30), (30, 80), (110, 60), (120, 130)]
    found = found_in(discs(*centres))
    assert len(found.y) == 4
    assert found.labels.max() == 4
    for cell, (y, x) in enumerate(zip(found.y, found.x, strict=True), 1):
        assert found.labels[y, x] == cell
    for y, x in centres:
        assert found.labels[y, x] > 0
    # One that stands alone on a dark ground is taken with its blurred edge.
    width = np.sqrt(np.bincount(found.labels.ravel())[1:] * 4 / np.pi)
    assert (width > WIDTH).all()
    assert (width < 1.4 * WIDTH).all()


def test_nuclei_that_touch_are_divided() -> None:
    found = found_in(discs((80, 70), (80, 70 + WIDTH - 1)))
    assert len(found.y) == 2
    assert found.labels[80, 70] != found.labels[80, 70 + int(WIDTH) - 1]


def test_specks_are_no_nuclei() -> None:
    light = np.maximum(discs((80, 80)), discs((30, 30), radius=1.5))
    assert len(found_in(light).y) == 1


def test_cells_reach_beyond_nuclei_but_not_into_each_other() -> None:
    light = discs((80, 50), (80, 50 + WIDTH + 4))
    nuclei, cells = found_in(light), found_in(light, expansion=5.0)
    for cell in (1, 2):
        inside = nuclei.labels == cell
        assert (cells.labels[inside] == cell).all()
    y, x = np.nonzero(cells.labels == 1)
    outside = np.hypot(y - 80, x - 50) - WIDTH / 2
    assert 4 < outside.max() < 8


def test_sensitivity_finds_dim_nuclei() -> None:
    light = discs((40, 40), (40, 110)) + 0.03 * discs((120, 80))
    counts = [len(found_in(light, sensitivity=s, darkest=0.4).y) for s in (0.5, 1.0, 1.3)]
    assert counts[0] <= counts[1] == 2
    assert len(found_in(light, darkest=0.4, sensitivity=1.3).y) >= 2


def test_nothing_is_found_in_the_dark() -> None:
    rng = np.random.default_rng(0)
    found = found_in(rng.uniform(0, 0.02, (SIDE, SIDE)).astype(np.float32), darkest=0.4)
    assert not found.labels.any()
    assert len(found.y) == 0


def test_only_cells_with_their_centre_in_the_box_are_kept_whole() -> None:
    found = found_in(discs((30, 30), (80, 80)))
    own = found.within(70, SIDE, 0, SIDE)
    assert len(own.y) == own.labels.max() == 1
    assert (own.labels > 0).sum() == (found.labels == found.labels[80, 80]).sum()
    assert len(found.within(40, 60, 0, SIDE).y) == 0


@pytest.mark.parametrize("expansion", [0.0, 4.0])
def test_what_lies_beyond_the_margin_changes_nothing(tissue, expansion: float) -> None:
    light = tissue.image.read(0, 320, 0, 320, ["DNA"])[0].astype(np.float32)
    light /= light.max()
    lengths = Lengths(10.0, expansion)
    darkest = darkest_nucleus(denoise(light, 10.0))
    margin = lengths.margin
    whole = find_cells(light, lengths, darkest)
    part = find_cells(light[: 160 + margin, 100 - margin :], lengths, darkest)
    inside = whole.within(0, 160, 100, 320), part.within(0, 160, margin, 320)
    assert len(inside[0].y) > 50
    expected = inside[0].labels[: 160 + margin, 100 - margin :]
    np.testing.assert_array_equal(inside[1].labels, expected)
