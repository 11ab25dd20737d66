"""Suggestions fit the image: groups that go together, regions where there are cells."""

from __future__ import annotations

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest

from napari_splicer.components.observations import observe
from napari_splicer.components.suggestion import (
    by_correlation,
    group_channels,
    suggest,
    suggestions,
)
from napari_splicer.errors import InvalidComponent
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage

GROUPS = (("CK7", "ECAD", "CK5"), ("CD3", "CD8", "CD45", "CD4"), ("COL1", "VIM", "SMA"))
CHANNELS = tuple(name for group in GROUPS for name in group)


def grouped_field(cells=True, dtype=np.float32, extra=(), name="field"):
    """Cells in 10 × 10 squares; the channels of a group share an amount per cell."""
    rng = np.random.default_rng(0)
    planes = []
    for group in GROUPS:
        amount = np.kron(rng.random((20, 20)), np.ones((10, 10)))
        planes += [100 * amount + 10 * rng.random((200, 200)) for _ in group]
    planes += list(extra)
    names = [*CHANNELS, *(f"extra {i}" for i in range(len(extra)))]
    image = MultiplexImage.from_array(np.stack(planes).astype(dtype), names, name=name, axes="CYX")
    labels = np.kron(np.arange(1, 401).reshape(20, 20), np.ones((10, 10), int))
    labels[::10] = 0
    return MaskedImage(image, LabelMask.from_array(labels.astype(np.uint32)) if cells else None)


def test_per_cell_means_are_those_of_a_plain_loop():
    field = grouped_field()
    pixels, labels = field.image.read(0, 200, 0, 200), field.cells.read(0, 200, 0, 200)
    expected = [[plane[labels == cell].mean() for plane in pixels] for cell in range(1, 401)]
    np.testing.assert_allclose(observe([field]), expected, rtol=1e-5)


def test_without_cells_small_squares_stand_in():
    field = grouped_field(cells=False)
    pixels = field.image.read(0, 200, 0, 200)
    means = observe([field])
    assert means.shape == (25 * 25, len(CHANNELS))
    np.testing.assert_allclose(means[26], pixels[:, 8:16, 8:16].mean(axis=(1, 2)), rtol=1e-5)


def test_only_a_few_places_of_a_slide_are_read():
    read = []

    def plane(block, block_info=None):
        if block_info:
            read.append(block_info[0]["chunk-location"])
        return block

    slide = da.zeros((2, 100_000, 100_000), chunks=(1, 2048, 2048), dtype=np.uint16)
    image = MultiplexImage.from_array(slide.map_blocks(plane, dtype=np.uint16), axes="CYX")
    observe([MaskedImage(image)])
    assert 2 <= len(read) <= 2 * 8


@pytest.mark.parametrize("cells", [True, False])
def test_markers_that_go_together_form_a_component(cells):
    best, *others = suggestions([grouped_field(cells)])
    groups = [set(c.channels) for c in best.components if c.region.kind == "whole"]
    assert sorted(map(sorted, groups)) == sorted(map(sorted, GROUPS))
    assert ("surroundings" in best.decomposition.names) is cells
    assert "3 groups" in best.title
    assert [len(s.components) for s in others] == ([10, 3] if cells else [10])


def test_every_suggestion_can_be_used():
    for cells in (True, False):
        field = grouped_field(cells)
        for suggestion in suggestions([field]):
            suggestion.decomposition.validate(field)
        assert suggest([field]) == suggestions([field])[0].components


def test_empty_channels_are_left_out_and_named():
    field = grouped_field(extra=[np.zeros((200, 200)), np.full((200, 200), np.nan)])
    for suggestion in suggestions([field])[:2]:
        assert set(suggestion.decomposition.channels) == set(CHANNELS)
        assert "Left out: extra 0, extra 1." in suggestion.reason


def renamed(field, names):
    channels = [names.get(name, name) for name in field.image.channels]
    return replace(field, image=field.image.with_channels(channels))


def test_background_is_left_out_and_the_reason_shown():
    noise = np.random.default_rng(1).random((200, 200))
    field = renamed(
        grouped_field(extra=[noise, noise.T]), {"extra 0": "Background", "extra 1": "AF2"}
    )
    for suggestion in suggestions([field]):
        assert set(suggestion.decomposition.channels) == set(CHANNELS)
        assert suggestion.reason.endswith(
            " Left out, as by their names they hold no marker: Background, AF2."
        )
        suggestion.decomposition.validate(field)
    named = suggestions([field], {"mine": ["CD3", "Background"]})[0]
    assert named.components[0].channels == ("CD3", "Background"), "as the person says"


def test_an_image_of_nothing_but_background_is_still_divided():
    noise = np.random.default_rng(1).random((2, 80, 80))
    image = MultiplexImage.from_array(noise, ["Blank1", "Blank2"], axes="CYX")
    assert suggest([MaskedImage(image)])[0].channels == ("Blank1",)


def test_stains_of_nuclei_are_a_component_of_their_own_beside_groups_of_markers():
    # As in many a tissue, the stain is brightest in the cells of one group.
    field = renamed(grouped_field(), {"CK5": "DAPI", "COL1": "Hoechst"})
    best, single, regions = suggestions([field])
    parts = {component.name: set(component.channels) for component in best.components}
    assert best.title == "3 groups of markers that go together, and nuclei"
    assert parts.pop("nuclei") == {"DAPI", "Hoechst"}
    assert parts.pop("surroundings") == set(field.image.channels)
    assert {"CK7", "ECAD"} in parts.values()
    assert {"VIM", "SMA"} in parts.values()
    assert "What shows every nucleus (DAPI, Hoechst) is by itself." in best.reason
    best.decomposition.validate(field)
    for suggestion in (single, regions):
        assert set(suggestion.decomposition.channels) == set(field.image.channels)


def test_channels_that_not_every_image_has_are_left_out_and_named():
    one = grouped_field(extra=[np.random.default_rng(1).random((200, 200))], name="one")
    for fields in ([one, grouped_field()], [grouped_field(), one]):
        best = suggestions(fields)[0]
        assert set(best.decomposition.channels) == set(CHANNELS)
        assert "Left out: extra 0." in best.reason
        for field in fields:
            best.decomposition.validate(field)


def test_images_without_a_common_channel_are_refused():
    image = MultiplexImage.from_array(np.ones((2, 50, 50)), ["A", "B"], axes="CYX")
    with pytest.raises(InvalidComponent, match="no channel in common"):
        suggestions([grouped_field(), MaskedImage(image)])


def test_channels_that_are_copies_of_each_other_get_a_component_each():
    plane = np.random.default_rng(0).random((80, 80))
    image = MultiplexImage.from_array(np.stack([plane] * 4), list("ABCD"), axes="CYX")
    labels = np.kron(np.arange(1, 65).reshape(8, 8), np.ones((10, 10), int))
    for field in (MaskedImage(image), MaskedImage(image, LabelMask.from_array(labels))):
        assert [c.channels for c in suggest([field])] == [("A",), ("B",), ("C",), ("D",)]


def test_a_few_channels_get_a_component_each():
    field = grouped_field()
    few = MaskedImage(field.image.select(CHANNELS[:5]), field.cells)
    assert [c.channels for c in suggest([few])] == [(name,) for name in CHANNELS[:5]]


def test_a_panel_with_groups_comes_first():
    field = grouped_field()
    panel = {"tumour": ["ECAD", "CK7"], "immune": ["CD3", "CD57"], "other": ["CD57"]}
    best = suggestions([field], panel)[0]
    assert [(c.name, c.channels) for c in best.components[:2]] == [
        ("tumour", ("CK7", "ECAD")),
        ("immune", ("CD3",)),
    ]
    assert best.decomposition.names == ("tumour", "immune", "surroundings")
    best.decomposition.validate(field)


def test_colour_images_are_divided_by_region():
    rgb = MultiplexImage.from_array(np.random.default_rng(0).random((90, 90, 3)), rgb=True)
    cells = LabelMask.from_array(np.ones((90, 90), np.uint8))
    (only,) = suggestions([MaskedImage(rgb, cells)])
    assert [c.region.kind for c in only.components] == ["cell", "surroundings", "background"]
    (whole,) = suggestions([MaskedImage(rgb)])
    assert [c.region.kind for c in whole.components] == ["whole"]


def test_groups_of_channels_that_the_image_lacks_are_not_suggested():
    titles = [s.title for s in suggestions([grouped_field()], {"immune": ["CD999"]})]
    assert "The groups of your panel file" not in titles


def test_a_group_of_the_panel_may_be_called_surroundings():
    best = suggestions([grouped_field()], {"surroundings": ["ECAD"], "immune": ["CD3"]})[0]
    assert len(set(best.decomposition.names)) == 3


def test_large_panels_are_not_left_in_two_groups():
    rng = np.random.default_rng(0)
    halves = np.repeat(rng.random((500, 2)), 20, axis=1)
    groups, correlation = group_channels(halves + 0.3 * rng.random((500, 40)))
    assert correlation.shape == (40, 40)
    assert len(groups) >= 4
    assert sorted(i for group in groups for i in group) == list(range(40))
    assert all(len({i < 20 for i in group}) == 1 for group in groups)


@pytest.mark.parametrize(
    ("there", "reason"),
    [(5, "more groups than 5 are told apart no better"), (12, "than 8 are not suggested")],
)
def test_the_reason_tells_how_the_number_of_groups_was_found(there, reason):
    rng = np.random.default_rng(0)
    means = np.repeat(rng.random((500, there)), 4, axis=1) + 0.1 * rng.random((500, 4 * there))
    found = by_correlation(means, [f"marker {i}" for i in range(4 * there)], cells=False)
    assert reason in found.reason


def test_the_number_of_groups_is_chosen_in_very_large_panels_too():
    rng = np.random.default_rng(0)
    groups, _ = group_channels(
        np.repeat(rng.random((500, 10)), 9, axis=1) + 0.1 * rng.random((500, 90))
    )
    assert len(groups) == 10


def test_groups_are_named_by_their_typical_channels():
    rng = np.random.default_rng(0)
    core = rng.random((300, 1))
    means = np.concatenate([core + 0.1 * rng.random((300, 4)), rng.random((300, 3))], axis=1)
    found = by_correlation(means, list("ABCDXYZ"), cells=False)
    named = {c.channels: c.name for c in found.components}
    assert named["A", "B", "C", "D"].endswith(" + 2 more")


@pytest.mark.real_data
def test_a_41_plex_field(data_folder):
    from napari_splicer.images.open import open_image, open_mask

    stem = str(data_folder / "mibi_dcis_risom_dev" / "Point3110_pt1078_31655")
    field = MaskedImage(open_image(stem + ".ome.tif"), open_mask(stem + "_mask.tif"))
    best = suggestions([field])[0]
    best.decomposition.validate(field)
    of = {channel: c.name for c in best.components[:-1] for channel in c.channels}
    assert "PD1" not in of, "this field has none"
    assert of["CD3"] == of["CD4"]
    assert of["PanKRT"] == of["ECAD"]
    assert of["CD3"] != of["PanKRT"]
