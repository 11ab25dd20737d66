"""Colours of many points, as points and as an image."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
import pytest

from napari_splicer.gui.numbers import scale_limits
from napari_splicer.gui.widgets.colouring import (
    Colouring,
    colouring_of,
    scale_codes,
    scale_colours,
)
from napari_splicer.gui.widgets.point_cloud import PointCloud, density_image

RED, BLUE, GREY = (255, 0, 0), (0, 0, 255), (128, 128, 128)


def _colouring(codes, limits=None) -> Colouring:
    colours = ("#ff0000", "#0000ff", "#808080")
    return Colouring(np.array(codes), colours, np.ones(len(codes), bool), limits)


def test_density_shows_the_most_frequent_group_and_how_many():
    points = np.array([[0.5, 0.5]] * 3 + [[1.5, 0.5]] + [[9.0, 9.0]])
    image = density_image(points, _colouring([1, 1, 0, 0, 0]), (0, 0, 2, 2), (2, 2))
    assert tuple(image[0, 0, :3]) == BLUE
    assert tuple(image[0, 1, :3]) == RED
    assert image[0, 0, 3] > image[0, 1, 3] > 0
    assert (image[1, :, 3] == 0).all()  # the point outside the area is nowhere


def test_density_averages_values_and_ignores_unknown_ones():
    colours = (*scale_colours(), "#808080")
    codes = np.array([10, 30, 48, 48])
    points = np.array([[0.5, 0.5]] * 3 + [[1.5, 0.5]])
    colouring = Colouring(codes, colours, np.ones(4, bool), (0.0, 1.0))
    image = density_image(points, colouring, (0, 0, 2, 1), (1, 2))
    assert tuple(image[0, 0, :3]) == pg.mkColor(colours[20]).getRgb()[:3]
    assert tuple(image[0, 1, :3]) == GREY


def test_many_points_become_an_image_of_what_is_looked_at(qtbot):
    plot = pg.PlotWidget()
    qtbot.addWidget(plot)
    plot.resize(300, 200)
    cloud = PointCloud(plot.getViewBox(), most=50)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 2))
    colouring = _colouring(rng.integers(0, 2, 60))
    cloud.draw(points, colouring, np.arange(60) < 40)
    assert sum(len(batch.data) for batch in cloud._batches) == 40
    assert cloud._image.image is None

    plot.getViewBox().setRange(xRange=(-4, 4), yRange=(-4, 4))
    cloud.draw(points, colouring, np.ones(60, bool))
    assert cloud._batches == []
    whole = (cloud._image.image[..., 3] > 0).sum()
    plot.getViewBox().setRange(xRange=(3.5, 4), yRange=(3.5, 4))
    qtbot.waitUntil(lambda: (cloud._image.image[..., 3] > 0).sum() < whole)


def test_rare_groups_lie_above_frequent_ones(qtbot):
    plot = pg.PlotWidget()
    qtbot.addWidget(plot)
    cloud = PointCloud(plot.getViewBox())
    cloud.draw(np.zeros((5, 2)), _colouring([0, 1, 1, 1, 1]), np.ones(5, bool))
    top = max(cloud._batches, key=lambda batch: batch.zValue())
    assert top.opts["brush"].color().name() == "#ff0000"


def test_categories_lie_mixed_so_that_none_hides_the_others(qtbot):
    count, places = 4000, 400
    chance = np.random.default_rng(1)
    codes = (chance.random(count) < 0.3).astype(int)
    points = np.column_stack([chance.integers(places, size=count), np.zeros(count)])
    colours = ("#ff0000", "#0000ff", "#808080")
    colouring = Colouring(codes, colours, np.ones(count, bool), names=("image 1", "image 2"))

    def on_top() -> dict[float, str]:
        plot = pg.PlotWidget()
        qtbot.addWidget(plot)
        cloud = PointCloud(plot.getViewBox())
        cloud.draw(points, colouring, np.ones(count, bool))
        top = {}
        for batch in sorted(cloud._batches, key=lambda batch: batch.zValue()):
            top |= dict.fromkeys(batch.data["x"].tolist(), batch.opts["brush"].color().name())
        return top

    first = on_top()
    assert 0.2 < np.mean([colour == "#0000ff" for colour in first.values()]) < 0.4
    assert on_top() == first


@pytest.mark.parametrize("values", [[np.nan, np.nan], [3.0, 3.0], []])
def test_scale_of_constant_or_missing_values_is_not_empty(values):
    low, high = scale_limits(np.array(values))
    assert high > low


def test_scale_steps_are_clipped_and_unknown_values_set_apart():
    codes = scale_codes([-5.0, 0.0, 0.5, 1.0, np.nan, np.inf], (0.0, 1.0))
    assert list(codes) == [0, 0, 24, 47, 48, 48]


def test_cells_without_group_are_grey(session):
    session.table.obs["kind"] = session.table.obs["kind"].where(session.table.obs["kind"] != "2")
    colouring = colouring_of(session)
    row = int(np.flatnonzero(session.table.obs["kind"].isna())[0])
    assert colouring.colours[colouring.codes[row]] == "#808080"
    assert colouring.shown[row]
