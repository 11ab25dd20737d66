"""Which level patches are cut from, and that they are what a plain loop cuts out of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_splicer.config import PatchSettings, RunConfig
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.patches import blocks
from napari_splicer.patches.levels import at_levels, choose_level, coarseness, with_levels
from napari_splicer.patches.reader import PatchReader
from napari_splicer.patches.sites import Sites, cell_sites, find_sites, patch_sides


def pyramid(shape, factors=(1, 2, 4, 8), pixel_size=0.25, name="slide", seed=0):
    """Return an image of two channels whose levels have nothing in common but their sizes."""
    rng = np.random.default_rng(seed)
    levels = [
        rng.integers(0, 4000, (2, -(-shape[0] // f), -(-shape[1] // f)), dtype=np.uint16)
        for f in factors
    ]
    return MultiplexImage.from_array(
        levels, ["A", "B"], name=name, pixel_size=pixel_size, axes="CYX"
    )


def wanted(pixel, **changes):
    """Return settings of a network whose pixels are so many µm large."""
    return PatchSettings(size=32, size_um=32 * pixel, **changes)


@pytest.mark.parametrize(
    ("pixel", "level"),
    [
        (0.1, 0),
        (0.25, 0),
        (0.3, 0),
        (0.49, 0),
        (0.496, 1),  # to within a hundredth
        (0.5, 1),
        (0.65, 1),
        (0.99, 1),
        (1.0, 2),
        (1.3, 2),
        (2.0, 3),
        (50.0, 3),
    ],
)
def test_the_coarsest_level_that_is_fine_enough(pixel, level):
    assert choose_level(pyramid((64, 96)), wanted(pixel)) == level


@pytest.mark.parametrize(
    ("pixel_size", "level"),
    [(0.25, 2), (0.325, 1), (0.5, 1), (0.65, 0), ((0.25, 0.25), 2), (1.0, 0), (2.0, 0), (None, 0)],
)
def test_the_pixel_size_of_the_image_counts(pixel_size, level):
    assert choose_level(pyramid((64, 96), pixel_size=pixel_size), wanted(1.0)) == level


def test_where_the_size_in_um_is_open_or_full_resolution_is_asked_for():
    image = pyramid((64, 96))
    assert choose_level(image, PatchSettings(size=32)) == 0
    assert choose_level(image, wanted(1.0, resolution="full")) == 0


@pytest.mark.parametrize(("factors", "level"), [((1, 3, 9), 1), ((1, 1.5, 3), 2), ((1, 16), 0)])
def test_levels_that_are_no_powers_of_two(factors, level):
    shape = (720, 1440)
    rng = np.random.default_rng(0)
    levels = [
        rng.integers(0, 9, (2, int(shape[0] / f), int(shape[1] / f)), np.uint8) for f in factors
    ]
    image = MultiplexImage.from_array(levels, pixel_size=0.25, axes="CYX")
    assert choose_level(image, wanted(1.0)) == level


@pytest.mark.parametrize(
    ("told", "level"),
    [(1.0, 0), (2.0, 1), (4.0, 2), (4.01, 2), (8.0, 2), (3.0, 2)],
)
def test_the_level_that_a_run_names_is_taken_if_it_is_there_and_fine_enough(told, level):
    named = wanted(1.0, levels={"slide": told, "other": 1.0})
    assert choose_level(pyramid((64, 96)), named) == level


def field_of(image, labels=None):
    return MaskedImage(image, None if labels is None else LabelMask.from_array(labels))


def test_a_run_names_the_levels_of_images_that_have_several():
    fields = [
        field_of(pyramid((64, 96), name="coarse")),
        field_of(pyramid((64, 96), name="fine enough", pixel_size=0.8)),
        field_of(pyramid((64, 96), (1,), name="alone")),
    ]
    run = with_levels(RunConfig(patches=wanted(1.0, levels={"earlier": 2.0})), fields)
    assert run.patches.levels == {"earlier": 2.0, "coarse": 4.0, "fine enough": 1.0}
    assert with_levels(run, fields) == run
    assert with_levels(RunConfig(), fields) == RunConfig()
    full = RunConfig(patches=wanted(1.0, resolution="full"))
    assert with_levels(full, fields) == full


def test_of_two_images_of_one_name_the_finer_level_is_named():
    fields = [field_of(pyramid((64, 96))), field_of(pyramid((64, 96), pixel_size=0.5))]
    run = with_levels(RunConfig(patches=wanted(1.0)), fields)
    assert run.patches.levels == {"slide": 2.0}
    assert [coarseness(field.image, run.patches) for field in fields] == [2.0, 2.0]


def mirrored(index, length):
    """Return where an index falls if pixels are mirrored at both ends."""
    while not 0 <= index < length:
        index = -1 - index if index < 0 else 2 * length - 1 - index
    return index


def cut(plane, y, x, side):
    """Cut out a window around a place in the plane's pixels, pixel by pixel."""
    top, left = (int(np.floor(place - side / 2 + 1)) for place in (y, x))
    rows = [mirrored(top + i, plane.shape[0]) for i in range(side)]
    columns = [mirrored(left + i, plane.shape[1]) for i in range(side)]
    return plane[np.ix_(rows, columns)]


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(24, 150), st.integers(24, 150)),
    factor=st.sampled_from([2, 3, 4, 5]),
    size=st.integers(8, 20),
    own_labels=st.booleans(),
    band=st.integers(4, 60),
    seed=st.integers(0, 999),
)
def test_patches_are_what_a_plain_loop_cuts_out_of_the_level(
    shape, factor, size, own_labels, band, seed
):
    rng = np.random.default_rng(seed)
    image = pyramid(shape, (1, factor), seed=seed)
    labels = np.zeros(shape, np.uint32)
    for number, (y, x) in enumerate(rng.integers(0, shape, (9, 2)).tolist(), 1):
        labels[max(0, y - 6) : y + 7, max(0, x - 6) : x + 7] = 3_000_000_000 + number
    thinned = labels[::factor, ::factor]
    field = MaskedImage(
        image,
        LabelMask.from_array([labels, thinned] if own_labels else labels),
        {"half": LabelMask.from_array((np.indices(shape)[0] < shape[0] // 2).astype(np.uint8))},
    )
    patches = PatchSettings(size=size, size_um=size * 0.25 * factor)
    sites = cell_sites([field])
    shown, there = at_levels([field], sites, patches)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "LEAST_SIDE", 8)
        patch.setattr(blocks, "BAND_WIDTH", band)
        reader = PatchReader(
            shown,
            there,
            channels=("B", "A"),
            regions=("half",),
            side=patch_sides(shown, patches),
            size=size,
            batch=4,
        )
        assert reader.dtype == torch.uint16  # as stored: nothing is resampled
        batches = [*reader]
    level = image.levels[1].compute()
    height, width = level.shape[1:]
    rows = [min(shape[0] - 1, (2 * i + 1) * factor // 2) for i in range(height)]
    columns = [min(shape[1] - 1, (2 * i + 1) * factor // 2) for i in range(width)]
    half = field.regions["half"].data.compute()[np.ix_(rows, columns)]
    # Their own level counts where there are labels in it to be compared.
    known = [labels[np.ix_(rows, columns)]] + ([thinned] if own_labels else [])
    seen = 0
    for batch in batches:
        for row, site in enumerate(batch.index_B.tolist()):
            y, x = ((c[site] + 0.5) / factor - 0.5 for c in (sites.y, sites.x))
            for channel, plane in zip(batch.x_BCHW[row], level[[1, 0]], strict=True):
                np.testing.assert_array_equal(channel, cut(plane, y, x, size))
            np.testing.assert_array_equal(batch.regions_BRHW[row, 0], cut(half, y, x, size) != 0)
            got = batch.labels_BHW[row].numpy()
            assert any(
                np.array_equal(got, cut(plane, y, x, size)) or sites.id[site] not in plane
                for plane in known
            )
            assert batch.id_B[row] == sites.id[site]
            assert sites.id[site] in got
            seen += 1
    assert seen == len(sites)


def test_a_cell_too_small_for_a_pixel_of_the_level_keeps_one():
    labels = np.zeros((128, 128), np.uint32)
    labels[40, 52] = 7  # between the pixels whose labels are taken
    labels[60:80, 60:80] = 8
    field = field_of(pyramid((128, 128)), labels)
    patches = wanted(1.0, sites="cells").model_copy(update={"size": 16, "size_um": 16.0})
    shown, there = at_levels([field], cell_sites([field]), patches)
    (batch,) = PatchReader(shown, there, channels=("A",), side=16, size=16)
    small = batch.labels_BHW[batch.id_B == 7][0]
    assert (small == 7).sum() == 1
    ((row, column),) = (small == 7).nonzero().tolist()
    top, left = (int(np.floor((c + 0.5) / 4 - 0.5 - 16 / 2 + 1)) for c in (40, 52))
    assert (row, column) == (40 // 4 - top, 52 // 4 - left)
    large = batch.labels_BHW[batch.id_B == 8][0]
    assert (large == 8).sum() == 25
    assert not (large == 7).any()


@pytest.mark.parametrize("axis", [0, 1])
def test_a_cell_in_what_a_level_leaves_out_gets_the_last_pixels_it_has(axis):
    shape = [160, 160]
    shape[axis] = 163  # of which a level of whole blocks of 4 holds 160
    image = pyramid(shape, (1,))
    pixels = np.random.default_rng(1).integers(0, 4000, (2, 40, 40), dtype=np.uint16)
    image = MultiplexImage.from_array(
        [image.data, pixels], ["A", "B"], name="slide", pixel_size=0.25, axes="CYX"
    )
    labels = np.zeros(shape, np.int32)
    labels.T[-1, 80:84] = 1 if axis == 1 else 0
    labels[-1, 80:84] = 1 if axis == 0 else labels[-1, 80:84]
    field = MaskedImage(image, LabelMask.from_array(labels), {})
    settings = wanted(1.0)
    sites = find_sites([field], settings, patch_sides([field], settings))
    shown, there = at_levels([field], sites, settings)
    assert shown[0].image.shape == (40, 40)
    (batch,) = PatchReader(shown, there, ["A", "B"], side=patch_sides(shown, settings), size=32)
    centre = [20, 20]
    centre[axis] = 39
    around = np.pad(pixels, ((0, 0), (16, 16), (16, 16)), mode="symmetric")
    y, x = (c + 1 for c in centre)  # a window of even side begins 15 px before its centre
    window = around[:, y : y + 32, x : x + 32]
    np.testing.assert_array_equal(batch.x_BCHW[0].numpy(), window)


def test_a_cell_that_lies_outside_its_own_patch_gets_no_pixel():
    """Its centre is not on it: at full resolution its patch would not show it either."""
    labels = np.zeros((256, 256), np.uint32)
    labels[8:248, 8:12] = labels[8:248, 244:248] = 7
    labels[8:12, 8:248] = labels[244:248, 8:248] = 7
    field = field_of(pyramid((256, 256)), labels)
    patches = PatchSettings(size=16, size_um=16.0)
    shown, there = at_levels([field], cell_sites([field]), patches)
    (batch,) = PatchReader(shown, there, channels=("A",), side=16, size=16)
    assert not batch.labels_BHW.any()


def test_fields_at_full_resolution_and_at_a_level_share_a_batch():
    fields = [
        field_of(pyramid((64, 96), name="a"), np.ones((64, 96), np.uint8)),
        field_of(pyramid((64, 96), name="b", pixel_size=1.0), np.ones((64, 96), np.uint8)),
    ]
    patches = PatchSettings(size=8, size_um=8.0)
    sites = cell_sites(fields)
    shown, there = at_levels(fields, sites, patches)
    assert shown[1] is fields[1]
    assert patch_sides(shown, patches) == (8, 8)
    np.testing.assert_array_equal(there.y, [(sites.y[0] + 0.5) / 4 - 0.5, sites.y[1]])
    (batch,) = PatchReader(shown, there, channels=("A",), side=8, size=8)
    plane = fields[0].image.levels[2].compute()[0]
    np.testing.assert_array_equal(batch.x_BCHW[0, 0], cut(plane, there.y[0], there.x[0], 8))


def test_tiles_lie_where_they_lie_at_full_resolution():
    field = field_of(pyramid((150, 200)))
    patches = PatchSettings(sites="grid", size=8, size_um=8.0)
    sites = find_sites([field], patches, patch_sides([field], patches))
    assert len(sites) == 5 * 7
    shown, there = at_levels([field], sites, patches)
    np.testing.assert_array_equal(there.id, sites.id)
    plane = field.image.levels[2].compute()[0]
    for batch in PatchReader(shown, there, channels=("A",), side=8, size=8):
        for row, site in enumerate(batch.index_B.tolist()):
            y, x = ((c[site] + 0.5) / 4 - 0.5 for c in (sites.y, sites.x))
            np.testing.assert_array_equal(batch.x_BCHW[row, 0], cut(plane, y, x, 8))


def test_without_a_level_that_fits_nothing_changes():
    field = field_of(pyramid((64, 96)), np.ones((64, 96), np.uint8))
    sites = cell_sites([field])
    shown, there = at_levels([field], sites, wanted(0.3))
    assert shown == (field,)
    assert there is sites
    assert isinstance(there, Sites)
