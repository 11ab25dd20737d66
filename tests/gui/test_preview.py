from __future__ import annotations

import numpy as np
import pytest
import torch
from pyramids import with_pyramid

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import Component, Region
from napari_splicer.errors import InvalidComponent
from napari_splicer.gui.preview import _normalization, make_preview, training_views
from napari_splicer.images.masks import MaskedImage
from napari_splicer.patches.splitting import split
from napari_splicer.training.reading import training_reader
from napari_splicer.training.views import Views

STILL = {
    "augmentation.rotate": False,
    "augmentation.flip": False,
    "augmentation.scale": 0.0,
    "augmentation.shift": 0.0,
    "augmentation.noise": 0.0,
    "augmentation.mask_jitter": 0,
}


def only(session, **strengths) -> None:
    """Switch all families of augmentations off but these."""
    keys = {f"augmentation.{family}": strength for family, strength in strengths.items()}
    session.settings = session.settings.with_values(STILL | keys)


def test_composite_comes_first_then_each_component(session) -> None:
    cell = int(session.cells.cells()["id"].iloc[3])
    preview = make_preview(session.snapshot(), cell, seed=0)
    assert preview.cell == cell
    assert [tile.title for tile in preview.tiles] == ["All together", "immune", "around"]
    assert preview.tiles[2].caption == "around this cell"
    assert all(tile.pixels.shape == (16, 16, 3) for tile in preview.tiles)
    assert all(tile.pixels.dtype == np.uint8 for tile in preview.tiles)


def test_what_a_component_does_not_see_is_grey(session) -> None:
    session.components = (
        Component(name="in", channels=("DNA",), region=Region(kind="cell")),
        Component(name="out", channels=("DNA",), region=Region(kind="surroundings")),
    )
    cell = int(session.cells.cells()["id"].iloc[3])
    _, inside, outside = make_preview(session.snapshot(), cell, seed=0).tiles
    grey = [(tile.pixels == 41).all(axis=2) for tile in (inside, outside)]
    assert not (grey[0] & grey[1]).any()
    assert grey[0].sum() > 10
    assert grey[1].sum() > 10


def test_without_a_cell_another_seed_shows_another_one(session) -> None:
    cells = {make_preview(session.snapshot(), None, seed).cell for seed in range(6)}
    assert len(cells) > 1
    assert cells <= set(session.cells.cells()["id"])


def test_a_cell_that_is_not_there_gives_another(session) -> None:
    assert make_preview(session.snapshot(), 10**9, seed=0).cell in set(session.cells.cells()["id"])


def test_a_component_without_channels_is_named(session) -> None:
    session.components = (Component(name="empty", channels=()),)
    with pytest.raises(InvalidComponent, match="'empty'"):
        make_preview(session.snapshot(), None, seed=0)


def test_without_any_strength_training_sees_the_cell_as_it_is(session) -> None:
    only(session)
    cell = int(session.cells.cells()["id"].iloc[3])
    plain = make_preview(session.snapshot(), cell, seed=0)
    varied = make_preview(session.snapshot(), cell, seed=0, draw=5)
    assert varied.cell == cell
    assert [tile.title for tile in varied.tiles] == [tile.title for tile in plain.tiles]
    for one, other in zip(plain.tiles, varied.tiles, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)


@pytest.mark.parametrize(
    "strength",
    [
        {"rotate": True},
        {"flip": True},
        {"scale": 0.3},
        {"shift": 0.2},
        {"gain": 0.6},
        {"noise": 0.2},
        {"blur": 1.0},
        {"mask_jitter": 3},
        {"styles": 0.2},
    ],
    ids=lambda strength: next(iter(strength)),
)
def test_every_family_is_seen_and_another_draw_differs(session, strength) -> None:
    only(session, **strength)
    cell = int(session.cells.cells()["id"].iloc[3])
    plain = make_preview(session.snapshot(), cell, seed=0).tiles
    drawn = [make_preview(session.snapshot(), cell, seed=0, draw=i).tiles for i in range(6)]
    whole, parts = ({tiles[i].pixels.tobytes() for tiles in drawn} for i in (0, 1))
    assert whole - {plain[0].pixels.tobytes()}
    assert len(parts) == 1 if "blur" in strength else len(parts) > 1  # all are blurred alike
    again = make_preview(session.snapshot(), cell, seed=0, draw=3).tiles
    assert [t.pixels.tobytes() for t in again] == [t.pixels.tobytes() for t in drawn[3]]


@pytest.mark.parametrize("of_a_level", [False, True])
def test_the_views_are_those_that_training_makes(session, of_a_level) -> None:
    """One patch, one seed: the primary's view and the components' are the trained ones."""
    if of_a_level:
        slide = with_pyramid(MaskedImage(session.image, session.cells))
        session.image, session.cells = slide.image, slide.cells
        session.settings = session.settings.with_values({"patches.size_um": 16.0})
    cells = session.cells.cells()
    cell = int(cells["id"].iloc[3])
    config = session.snapshot().config.with_values({"device": "cpu"})
    channels = ("CD45", "CD3", "CD8", "PanCK")
    first, second = training_views(session.snapshot(), cell, seed=0, draw=11)
    reader = training_reader(session.snapshot().fields(), config, channels)
    batch = next(iter(reader.at(np.flatnonzero(reader.sites.id == cell))))
    scale = _normalization((session.image,), channels, config.normalization)
    batch = type(batch)(**{**vars(batch), "x_BCHW": scale.apply(batch.x_BCHW)})
    x_BCHW, parts, *_ = Views(config, channels, whole=False)(batch, 11)
    torch.testing.assert_close(first.x_BCHW, x_BCHW, rtol=0, atol=0)
    seen = split(second, Decomposition(session.components), channels)
    for shown, trained in zip(seen, parts, strict=True):
        torch.testing.assert_close(shown, trained, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("settings", "titles"),
    [
        ({}, ["All together", "immune", "around"]),
        ({"model.objective": "concat"}, ["All together", "immune", "around"]),
        ({"model.objective": "je"}, ["All together", "All together"]),
        ({"model.shared": 4}, ["All together", "immune", "around", "All together"]),
    ],
    ids=str,
)
def test_what_is_shown_is_what_is_trained_for(session, settings, titles) -> None:
    session.settings = session.settings.with_values(settings)
    preview = make_preview(session.snapshot(), None, seed=0, draw=0)
    assert [tile.title for tile in preview.tiles] == titles
    assert "variation" in preview.words
