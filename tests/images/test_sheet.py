from __future__ import annotations

from dataclasses import replace

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from pyramids import averaged

from napari_splicer.errors import InvalidSettings, NoCells, UnreadableFile
from napari_splicer.images.fingerprint import fingerprint
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.images.open import open_image, open_mask
from napari_splicer.images.side_by_side import lay_out, open_sheet


def field(name, shape=(70, 90), channels=("CD3", "CD8"), ids=(4, 9), seed=0, **more) -> MaskedImage:
    pixels = np.random.default_rng(seed).integers(1, 200, (len(channels), *shape), np.uint16)
    labels = np.zeros(shape, np.uint16)
    for place, number in enumerate(ids):
        labels[10 + 20 * place : 20 + 20 * place, :8] = number
    image = MultiplexImage.from_array(pixels, channels, name=name, pixel_size=0.5)
    return MaskedImage(image, LabelMask.from_array(labels, name=f"{name} mask"), **more)


def alike(one, other) -> bool:
    return np.array_equal(np.asarray(one), np.asarray(other))


@pytest.fixture
def three() -> list[MaskedImage]:
    return [field("a"), field("b", (64, 100), seed=1), field("c", (81, 64), ids=(9,), seed=2)]


def test_every_image_comes_back_from_the_sheet_as_it_was(three) -> None:
    sheet = lay_out(three, "study")
    image, cells = sheet.image(), sheet.cells()
    again = sheet.fields(image, cells, {})
    assert [one.name for one in again] == ["a", "b", "c"]
    for one, before in zip(again, three, strict=True):
        assert one.image is before.image
        assert alike(one.cells.data, before.cells.data)
        assert one.cells.cells().equals(before.cells.cells())
        assert one.cells.name == before.cells.name
    assert image.pixel_size == (0.5, 0.5)
    assert sheet.fields(image, cells, {}) is again  # what was found in the masks is remembered


def test_no_image_lies_on_another_and_all_are_seen(three) -> None:
    sheet = lay_out(three, "study")
    seen = np.asarray(sheet.image().data)
    assert seen.shape == (2, *sheet.shape)
    for spot in sheet.spots:
        assert alike(seen[(slice(None), *spot.box)], spot.field.image.data)
        seen[(slice(None), *spot.box)] = 0
    assert not seen.any()


def test_cells_are_numbered_through_and_found_by_their_images(three) -> None:
    sheet = lay_out(three, "study")
    table = sheet.cells().cells()
    assert table["id"].tolist() == [4, 9, 13, 18, 27]
    names = pd.Series(["a", "a", "b", "b", "c"])
    y, x, first = sheet.added(names)
    assert (np.array([4, 9, 4, 9, 9]) + first).tolist() == table["id"].tolist()
    own = pd.concat([one.cells.cells() for one in three])
    assert np.allclose(own["y"] + y, table["y"])
    assert np.allclose(own["x"] + x, table["x"])
    edges = [int(one.cells.cells()["touches_border"].sum()) for one in three]
    assert sheet.at_border(table) == sum(edges)
    assert sheet.at_border(table) == 5


def test_what_was_never_on_the_sheet_is_nowhere_on_it(three) -> None:
    sheet = lay_out(three, "study")
    y, _, first = sheet.added(pd.Series(["a", "d", "e", "b"]))
    assert y[0] == 0
    assert min(y[1:3]) >= sheet.shape[0]
    assert len(np.unique(first)) == 4
    assert min(first[1:3]) >= sheet.last
    assert sheet.lacks(["a", "d", "e"]) == ["d", "e"]


def test_panels_may_differ_and_names_be_changed() -> None:
    sheet = lay_out([field("a"), field("b", channels=("CD8", "PD1"))], "study")
    image = sheet.image()
    assert image.channels == ("CD3", "CD8", "PD1")
    assert not np.asarray(image.data[0])[sheet.spots[1].box].any()
    renamed = image.select(["PD1", "CD8"]).with_channels(["PD-1", "CD8a"])
    first, second = sheet.fields(renamed, sheet.cells(), {})
    assert first.image.channels == ("CD8a",)
    assert second.image.channels == ("CD8a", "PD-1")
    assert alike(second.image.data, sheet.spots[1].field.image.data)


def test_a_pixel_size_that_is_entered_holds_for_every_image(three) -> None:
    sheet = lay_out(three, "study")
    again = sheet.fields(sheet.image().with_pixel_size(0.25), sheet.cells(), {})
    assert {one.image.pixel_size for one in again} == {(0.25, 0.25)}
    other = replace(three[0], image=three[0].image.with_pixel_size(1.0))
    mixed = lay_out([other, *three[1:]], "study")
    assert mixed.pixel_size is None
    assert [one.image.pixel_size for one in mixed.fields(mixed.image(), mixed.cells(), {})] == [
        (1.0, 1.0),
        (0.5, 0.5),
        (0.5, 0.5),
    ]


def test_a_mask_made_of_the_sheet_keeps_its_numbers_and_images_without_cells_are_left_out(
    three,
) -> None:
    sheet = lay_out(three, "study")
    labels = np.zeros(sheet.shape, np.int32)
    box = sheet.spots[2].box
    labels[box[0].start + 5 : box[0].start + 9, box[1].start + 5 : box[1].start + 9] = 1
    (only,) = sheet.fields(sheet.image(), LabelMask.from_array(labels, name="made"), {})
    assert (only.name, only.cells.name) == ("c", "made")
    assert only.cells.cells()["id"].tolist() == [1]


def test_what_is_painted_stays_in_its_image(three) -> None:
    sheet = lay_out(three, "study")
    mask = sheet.cells()
    labels = np.asarray(mask.data).copy()
    box = sheet.spots[1].box
    labels[box[0].start + 50 : box[0].start + 60, box[1].start + 50 : box[1].start + 60] = 28
    labels[box[0].start + 30, box[1].start + 30] = 4  # of the image before: no cell of this one
    painted = replace(LabelMask.from_array(labels, name="cells"), sheet=sheet)
    fields = sheet.fields(sheet.image(), painted, {})
    assert [one.cells.cells()["id"].tolist() for one in fields] == [[4, 9], [4, 9, 19], [9]]


def test_regions_are_seen_where_an_image_has_one_and_drawn_ones_everywhere(three) -> None:
    inside = np.zeros((70, 90), bool)
    inside[:20] = True
    tumour = LabelMask.from_array(inside, name="tumour")
    sheet = lay_out([replace(three[0], regions={"tumour": tumour}), *three[1:]], "study")
    regions = sheet.regions()
    drawn = LabelMask.from_array(np.ones(sheet.shape, np.uint8), name="drawn")
    fields = sheet.fields(sheet.image(), sheet.cells(), {**regions, "drawn": drawn})
    assert [set(one.regions) for one in fields] == [{"tumour", "drawn"}, {"drawn"}, {"drawn"}]
    assert alike(fields[0].regions["tumour"].data, inside)


def test_smaller_levels_show_the_same_places() -> None:
    pixels = np.random.default_rng(0).integers(0, 99, (1, 256, 512), np.uint16)
    levels = [averaged(pixels, factor) for factor in (1, 2, 4)]
    images = [MultiplexImage.from_array(levels, ["DNA"], name=n) for n in "ab"]
    sheet = lay_out([MaskedImage(image) for image in images], "study")
    levels = sheet.image().levels
    assert [level.shape[1:] for level in levels] == [
        tuple(n // factor for n in sheet.shape) for factor in (1, 2, 4)
    ]
    spot = sheet.spots[1]
    here = np.asarray(levels[2])[:, spot.y // 4 :, spot.x // 4 :][:, :64, :128]
    assert alike(here, images[1].levels[2])


def test_images_that_are_too_large_to_be_seen_together_are_refused() -> None:
    large = da.zeros((1, 9000, 9000), np.uint8, chunks=(1, 2048, 2048))
    fields = [MaskedImage(MultiplexImage.from_array(large, name=name)) for name in "ab"]
    with pytest.raises(InvalidSettings, match="too large to be shown side by side"):
        lay_out(fields, "study")


def test_two_images_of_one_name_are_refused(three) -> None:
    with pytest.raises(InvalidSettings, match="Two images are called a"):
        lay_out([*three, three[0]], "study")


def test_a_run_file_opens_as_the_sheet_of_its_images(three, tmp_path) -> None:
    for one in three:
        np.save(tmp_path / f"{one.name}.npy", np.asarray(one.image.data))
        np.save(tmp_path / f"{one.name}_mask.npy", np.asarray(one.cells.data))
    run = tmp_path / "study.toml"
    run.write_text('[[inputs]]\nimage = "?.npy"\nmask = "{folder}/{stem}_mask.npy"\n')
    image, mask = open_image(run), open_mask(run)
    assert (image.name, image.source, mask.source) == ("study", str(run), str(run))
    assert image.sheet.names == mask.sheet.names == ("a", "b", "c")
    assert fingerprint(mask) == fingerprint(lay_out(three, "study").cells())
    run.write_text('[[inputs]]\nimage = "?.npy"\n')
    with pytest.raises(NoCells, match="names no mask"):
        open_mask(run)
    run.write_text("seed = 1\n")
    with pytest.raises(InvalidSettings, match="names no image"):
        open_sheet(run)
    run.write_text('[[inputs]]\nimage = "gone.npy"\n')
    with pytest.raises(UnreadableFile, match=r"gone\.npy"):
        open_image(run)
