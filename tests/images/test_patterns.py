from __future__ import annotations

from pathlib import Path

import pytest

from napari_splicer.config import ImageInput
from napari_splicer.errors import InvalidSettings, UnreadableFile
from napari_splicer.images.patterns import expand, with_usual_masks


def files(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()


def found(folder: Path, image: str, mask: str | None = None, **more: object) -> list[tuple]:
    item = ImageInput(image=image, mask=mask, **more)
    return [(Path(one.image).as_posix(), one.mask) for one in expand([item], folder)]


def test_images_come_in_natural_order_with_the_mask_of_their_name(tmp_path: Path) -> None:
    files(tmp_path, "s10.ome.tif", "s2.ome.tif", "m/s2_mask.tif", "m/s10_mask.tif", "notes.txt")
    assert found(tmp_path, "*.ome.tif", "m/{stem}_mask.tif") == [
        ("s2.ome.tif", "m/s2_mask.tif"),
        ("s10.ome.tif", "m/s10_mask.tif"),
    ]
    assert found(tmp_path, str(tmp_path / "s2*"))[0][0] == (tmp_path / "s2.ome.tif").as_posix()


def test_folders_are_searched_and_name_the_mask(tmp_path: Path) -> None:
    files(tmp_path, "a/registration/a.ome.tif", "b/registration/b.ome.tif")
    files(tmp_path, "a/segmentation/unmicst-a/cell.ome.tif", "b/segmentation/mesmer-b/cell.tif")
    pattern = "{folder}/../segmentation/*-{stem}/cell.*"
    (one, other) = found(tmp_path, "**/registration/*.tif", pattern)
    assert Path(one[1]).parts[-2:] == ("unmicst-a", "cell.ome.tif")
    assert Path(other[1]).parts[-2:] == ("mesmer-b", "cell.tif")


def test_regions_are_found_like_masks(tmp_path: Path) -> None:
    files(tmp_path, "a.tif", "a-tumour.tif")
    item = ImageInput(image="[a].tif", regions={"tumour": "{stem}-tumour.tif"})
    (one,) = expand([item], tmp_path)
    assert one.regions == {"tumour": "a-tumour.tif"}


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tmp_path: Path) -> None:
    files(tmp_path, "slide [1].tif", "slide 1.tif", "slide [1]_mask.tif")
    assert found(tmp_path, "slide [1].tif", "{stem}_mask.*") == [
        ("slide [1].tif", "slide [1]_mask.tif")
    ]


def test_a_folder_whose_name_looks_like_a_pattern_is_itself(tmp_path: Path) -> None:
    files(tmp_path, "sl [24]/in [1]/a.tif", "sl [24]/in [1]/a_mask.tif", "sl 2/in [1]/b.tif")
    for start in ("", f"{tmp_path}/"):
        (one,) = found(tmp_path, f"{start}sl [24]/*/?.tif", "{folder}/{stem}_mask.tif")
        assert one[0].endswith("sl [24]/in [1]/a.tif")
        assert Path(one[1]).parts[-3:] == ("sl [24]", "in [1]", "a_mask.tif")


def test_a_mask_s_own_pattern_fits_one_file(tmp_path: Path) -> None:
    files(tmp_path, "a.tif", "cells_7.tif")
    assert found(tmp_path, "a.tif", "cells*.tif") == [("a.tif", "cells_7.tif")]
    files(tmp_path, "cells_8.tif")
    with pytest.raises(UnreadableFile, match="Several files could be the mask"):
        found(tmp_path, "a.tif", "cells*.tif")
    with pytest.raises(UnreadableFile, match="There is no mask for 1 of 1 images"):
        found(tmp_path, "a.tif", "nuclei*.tif")


def test_paths_without_patterns_are_left_to_be_opened(tmp_path: Path) -> None:
    assert found(tmp_path, "missing.tif", "gone.tif") == [("missing.tif", "gone.tif")]


def test_nothing_that_fits_names_pattern_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"No image fits '\*\.ome\.tif' in .*" + tmp_path.name):
        found(tmp_path, "*.ome.tif")


def test_every_image_without_its_mask_is_named(tmp_path: Path) -> None:
    files(tmp_path, "a.tif", "b.tif", "c.tif", "m/b.tif")
    with pytest.raises(
        UnreadableFile, match=r"no mask for 2 of 3 images: a\.tif \(m/a\.tif\), c\.tif"
    ):
        found(tmp_path, "*.tif", "m/{stem}.tif")


def test_several_masks_are_refused(tmp_path: Path) -> None:
    files(tmp_path, "a.tif", "m/a_1.png", "m/a_2.png")
    with pytest.raises(UnreadableFile, match=r"Several files could be the mask of a\.tif: m"):
        found(tmp_path, "a.tif", "m/{stem}_*.png")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"mask": "cells.tif"}, r"all would have the mask cells\.tif.*\{stem\}"),
        ({"regions": {"tumour": "t.tif"}}, "all would have the region tumour t"),
        ({"name": "mine"}, "all would be called mine"),
    ],
)
def test_what_several_images_can_not_share_is_refused(
    more: dict[str, object], said: str, tmp_path: Path
) -> None:
    files(tmp_path, "a.tif", "b.tif")
    with pytest.raises(InvalidSettings, match=said):
        found(tmp_path, "?.tif", **more)


def test_two_images_of_one_name_are_told_by_their_files(tmp_path: Path) -> None:
    files(tmp_path, "x/image.tif", "y/image.ome.tif")
    with pytest.raises(
        InvalidSettings, match=r"Two images are called image: x.image\.tif, y.image"
    ):
        found(tmp_path, "*/image*.tif")


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("a.ome.tif", "a_mask.tif"),
        ("a.ome.tif", "a-masks.ome.tif"),
        ("a.tif", "a_cells.zarr"),
        ("a.tif", "a_cp_masks.tif"),
        ("img/a.tiff", "masks/a.tiff"),
        ("tif/a.ome.tif", "mask/a.tif"),
        ("a.tif", "masks/a.tif"),
        ("registration/a.ome.tif", "segmentation/unmicst-a/cell.ome.tif"),
    ],
)
def test_masks_are_found_where_they_usually_lie(image: str, mask: str, tmp_path: Path) -> None:
    files(tmp_path, image, mask, str(Path(mask).with_suffix(".csv")), "ab_mask.tif")
    (one,) = with_usual_masks([ImageInput(image=image)], tmp_path)
    assert one.mask is not None
    assert (tmp_path / one.mask).resolve() == tmp_path / mask


def test_an_ome_zarr_image_holds_its_own_mask(tmp_path: Path) -> None:
    (tmp_path / "a.ome.zarr" / "labels").mkdir(parents=True)
    (one,) = with_usual_masks([ImageInput(image="a.ome.zarr")], tmp_path)
    assert one.mask == "a.ome.zarr"


def test_a_pattern_may_fit_masks_too(tmp_path: Path) -> None:
    files(tmp_path, "a.tif", "a_mask.tif", "b.tif", "b_mask.tif")
    inputs = expand([ImageInput(image="*.tif")], tmp_path)
    assert [(one.image, one.mask) for one in with_usual_masks(inputs, tmp_path)] == [
        ("a.tif", "a_mask.tif"),
        ("b.tif", "b_mask.tif"),
    ]


def test_masks_that_are_not_found_or_not_clear_are_refused(tmp_path: Path) -> None:
    files(tmp_path, *(f"{name}.tif" for name in "abcdefg"), "a_mask.tif")
    inputs = [ImageInput(image=f"{name}.tif") for name in "abcdefg"]
    with pytest.raises(UnreadableFile, match=r"for 6 of 7 images: b\.tif, .*f\.tif and 1 more"):
        with_usual_masks(inputs, tmp_path)
    files(tmp_path, "a_cells.tif")
    with pytest.raises(UnreadableFile, match=r"Several .* of a\.tif: \S+, \S+\. Say .*--masks"):
        with_usual_masks(inputs[:1], tmp_path)
