"""Thumbnails show the right pixels of the right cells."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from napari_splicer.gui.crops import read_crops, shrunk_crops
from napari_splicer.gui.numbering import shown_cells
from napari_splicer.gui.session import Session
from napari_splicer.gui.snapshot import Light
from napari_splicer.gui.thumbnails import (
    Cells,
    Query,
    composite,
    excerpt,
    make_thumbnails,
    outstanding,
    picture,
)
from napari_splicer.images.image import MultiplexImage

SIDE = 64


@pytest.fixture
def image() -> MultiplexImage:
    """Return an image whose pixels tell where they are: y in one channel, x in the other."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    return MultiplexImage.from_array(np.stack([y, x, np.ones_like(y)]), ["row", "column", "flat"])


@pytest.fixture
def table() -> ad.AnnData:
    rng = np.random.default_rng(0)
    cells = 20
    return ad.AnnData(
        np.stack([np.repeat([9.0, 1.0], 10), np.repeat([1.0, 5.0], 10), np.ones(cells)], axis=1),
        obs=pd.DataFrame(
            {
                "instance_id": rng.permutation(cells) * 1000 + 7,
                "y": rng.uniform(0, SIDE, cells),
                "x": rng.uniform(0, SIDE, cells),
                "area": 28.0,
            },
            index=[str(i) for i in range(cells)],
        ),
        var=pd.DataFrame(index=["row", "column", "flat"]),
    )


def test_crops_are_centred_in_the_wanted_order_and_black_beyond_the_edge(image):
    crops = read_crops(image, np.array([[20.0, 30.0], [1.0, 62.0]]), 8, ("column", "row"))
    assert crops.shape == (2, 2, 8, 8)
    assert crops[0, 1, 4, 4] == 20
    assert crops[0, 0, 4, 4] == 30
    assert (crops[1, :, :3] == 0).all()  # above the image
    assert (crops[1, :, :, 6:] == 0).all()  # right of it
    assert crops[1, 0, 4, 4] == 62


def test_crop_of_a_place_far_outside_is_black(image):
    assert (read_crops(image, np.array([[500.0, -90.0]]), 8, ("row",)) == 0).all()


def test_composite_adds_light_within_limits():
    crops = np.array([[[[0.0, 5.0, 10.0, 99.0]], [[0.0, 0.0, 0.0, 1.0]]]], np.float32)
    limits = np.array([[0, 0], [10, 1]], np.float32)
    picture = composite(crops, limits, ("#ff0000", "#00ff00"))[0, 0]
    np.testing.assert_array_equal(picture, [[0, 0, 0], [127, 0, 0], [255, 0, 0], [255, 255, 0]])


def test_channels_that_stand_out_are_those_highest_in_the_group(image, table):
    assert outstanding(Cells.of(table, table.obs), np.arange(10), image, count=1) == ("row",)
    assert outstanding(Cells.of(table, table.obs), np.arange(10, 20), image, count=1) == ("column",)
    assert outstanding(Cells.of(table, table.obs), np.array([4]), image, count=1) == ("row",)


def test_a_constant_channel_does_not_stand_out(image, table):
    assert "flat" not in outstanding(Cells.of(table, table.obs), np.arange(10), image, count=1)


def test_thumbnails_belong_to_the_groups_cells(image, table):
    codes = np.repeat([0, 1], 10)
    query = Query(image, excerpt(table, table.obs), codes, 1, False, (), count=6)
    thumbnails = make_thumbnails(query)
    assert set(thumbnails.ids) <= set(table.obs["instance_id"].to_numpy()[10:])
    assert len(thumbnails.ids) == 6
    assert thumbnails.pictures.dtype == np.uint8
    assert thumbnails.channels[0] == "column"
    assert len(thumbnails.hues) == len(thumbnails.channels) == 2  # the third is flat
    assert thumbnails.pictures.shape[0] == 6

    chosen = make_thumbnails(
        Query(image, excerpt(table, table.obs), codes, 1, True, ("flat",), count=2)
    )
    assert chosen.channels == ("flat",)


def test_pictures_come_in_the_order_that_is_asked_for(image, table):
    rows = np.array([13, 12, 7])
    shown = picture(image, Cells.of(table, table.obs), rows, (), {})
    assert shown.ids.tolist() == table.obs["instance_id"].to_numpy()[rows].tolist()
    assert shown.channels[0] == "column"  # in which they stand out
    alone = picture(image, Cells.of(table, table.obs), rows[2:], shown.channels, {})
    np.testing.assert_array_equal(alone.pictures[0], shown.pictures[2])


def test_colours_and_contrast_are_the_viewers(image, table):
    lights = {
        "row": Light("#0000ff", 0, 200),
        "column": Light("#00ff00", 0, 10, gamma=0.5),
        "flat": Light("#ffffff", 0, 1),
    }
    cells, row = Cells.of(table, table.obs), np.array([3])
    shown = picture(image, cells, row, ("row", "column"), lights)
    assert shown.hues == ("#0000ff", "#00ff00")
    crop = read_crops(image, np.array([[cells.y[3], cells.x[3]]]), 18, ("row", "column"))[0]
    assert shown.pictures[0].shape == (18, 18, 3)
    blue, green = 255 * crop[0] / 200, 255 * np.sqrt(crop[1].clip(0, 10) / 10)
    np.testing.assert_allclose(shown.pictures[0, ..., 2], blue, atol=1)
    np.testing.assert_allclose(shown.pictures[0, ..., 1], green, atol=1)


def test_excerpt_does_not_follow_later_changes(table):
    taken = excerpt(table, shown_cells(Session(table=table)))
    table.obs["y"] = 0.0
    assert taken.obs["y"].max() > 0


@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("tiles", [False, True])
def test_large_cells_and_tiles_are_shown_whole_and_shrunk(table, levels, tiles):
    y, x = np.mgrid[:1200, :1200].astype(np.float32)
    finest = np.stack([y, x])
    pyramid = [finest]
    for _ in range(levels - 1):
        last = pyramid[-1]
        pyramid.append(last.reshape(2, last.shape[1] // 2, 2, -1, 2).mean(axis=(2, 4)))
    image = MultiplexImage.from_array(pyramid, ["row", "column"])
    places = np.array([[600.0, 500.0]])
    span = 640
    shown = shrunk_crops(image, places, span, ("row", "column"))[0]
    assert shown.shape == (2, 160, 160)
    for drawn, middle in zip(shown, places[0], strict=True):
        assert abs(drawn.min() - (middle - span / 2)) < 5
        assert abs(drawn.max() - (middle + span / 2)) < 5
        assert abs(drawn[80, 80] - middle) < 5
    area = span**2 if tiles else np.pi * (span / 6) ** 2
    count = len(table)
    cells = Cells(
        table.X,
        ("row", "column", "flat"),
        np.arange(count) + 1,
        np.full(count, 600.0),
        np.full(count, 500.0),
        np.full(count, area),
        tiles,
    )
    lights = {"row": Light("#ff0000", 0, 1200), "column": Light("#00ff00", 0, 1200)}
    pictures = picture(image, cells, np.array([3]), ("row", "column"), lights).pictures
    assert pictures.shape == (1, 160, 160, 3)
    assert abs(int(pictures[0, 0, 0, 0]) - 255 * 280 / 1200) < 3  # the top of what is around
    uneven = shrunk_crops(image, places, 500, ("row",))[0, 0]
    assert uneven.shape[0] <= 160
    assert abs(np.ptp(uneven) - 500) < 12
