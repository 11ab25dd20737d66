from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_splicer.config import ImageInput
from napari_splicer.errors import InvalidSettings, UnreadableFile
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.images.on_disk import FieldOnDisk
from napari_splicer.images.open import open_image, open_input

PIXELS = np.random.default_rng(0).integers(0, 9, (4, 20, 30)).astype(np.uint16)
LABELS = np.arange(600).reshape(20, 30).astype(np.uint32)
PANEL = "name,keep\nDNA,1\nblank,0\nCD3,1\nCD8,1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "roi.ome.tif", PIXELS, metadata={"axes": "CYX"})
    tifffile.imwrite(tmp_path / "cells.tif", LABELS)
    tifffile.imwrite(tmp_path / "tumour.tif", (LABELS > 99).astype(np.uint8))
    (tmp_path / "channels").mkdir()
    for name, plane in zip("abcd", PIXELS, strict=True):
        tifffile.imwrite(tmp_path / "channels" / f"{name}.tif", plane)
    (tmp_path / "panel.csv").write_text(PANEL, encoding="utf-8")
    return tmp_path


def write_plain_zarr(path: Path) -> None:
    array = zarr.create_array(path, shape=PIXELS.shape, dtype=PIXELS.dtype, zarr_format=2)
    array[:] = PIXELS


def elsewhere(field: MaskedImage) -> MaskedImage:
    """Return what another process opens."""
    files = FieldOnDisk.of(field)
    sent = pickle.loads(pickle.dumps(files))
    assert sent == files
    assert hash(sent) == hash(files)
    assert all(Path(path).is_absolute() and Path(path).exists() for path in sent.paths)
    return sent.open()


def assert_same(one: MaskedImage, other: MaskedImage) -> None:
    assert (one.name, one.image.channels) == (other.name, other.image.channels)
    assert one.image.pixel_size == other.image.pixel_size
    np.testing.assert_array_equal(one.image.read(0, 20, 0, 30), other.image.read(0, 20, 0, 30))
    for mine, its in zip(masks(one), masks(other), strict=True):
        assert mine.name == its.name
        np.testing.assert_array_equal(mine.read(0, 20, 0, 30), its.read(0, 20, 0, 30))
    assert list(one.regions) == list(other.regions)


def masks(field: MaskedImage) -> list[LabelMask]:
    assert field.cells is not None
    return [field.cells, *field.regions.values()]


@pytest.mark.parametrize("image", ["roi.ome.tif", "channels"])
def test_another_process_opens_the_same(
    image: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    settings = ImageInput(
        image=image,
        mask="cells.tif",
        regions={"nests": "tumour.tif"},
        pixel_size=0.5,
        name="patient 1",
    )
    field = open_input(settings)
    assert_same(elsewhere(field), field)
    fewer = replace(field, image=field.image.select([field.image.channels[i] for i in (3, 1)]))
    assert_same(elsewhere(fewer), fewer)


def test_names_and_channels_of_a_panel_are_kept(folder: Path) -> None:
    settings = ImageInput(image="roi.ome.tif", mask="cells.tif", panel="panel.csv")
    field = open_input(settings, folder)
    assert field.image.channels == ("DNA", "CD3", "CD8")
    assert_same(elsewhere(field), field)


def test_what_lies_in_no_file_is_refused(folder: Path) -> None:
    on_disk = open_image(folder / "roi.ome.tif")
    in_memory = MultiplexImage.from_array(PIXELS, name="layer")
    with pytest.raises(InvalidSettings, match="image layer lies in no file"):
        FieldOnDisk.of(MaskedImage(in_memory))
    painted = LabelMask.from_array(LABELS, name="painted")
    with pytest.raises(InvalidSettings, match="mask painted of roi lies in no file"):
        FieldOnDisk.of(MaskedImage(on_disk, painted))


def test_channels_that_can_not_be_told_are_refused(folder: Path) -> None:
    image = replace(open_image(folder / "channels", panel=folder / "panel.csv"), places=None)
    with pytest.raises(InvalidSettings, match=r"channels has channels of .* under other names"):
        FieldOnDisk.of(MaskedImage(image))


@pytest.mark.parametrize("names", ["wxyz", "bacd"])
def test_channels_of_a_folder_are_told_by_their_places_not_by_new_names(
    folder: Path, names: str
) -> None:
    rows = "".join(f"{name},{int(name != 'y')}\n" for name in names)
    (folder / "panel.csv").write_text(f"name,keep\n{rows}", encoding="utf-8")
    opened = open_input(ImageInput(image="channels", mask="cells.tif"), folder)
    image = opened.image.with_channels(list(names))
    panelled = ImageInput(image="channels", mask="cells.tif", panel="panel.csv")
    for field in (
        replace(opened, image=image),
        replace(opened, image=image.select(list(names)[2:0:-1])),
        open_input(panelled, folder),
    ):
        assert_same(elsewhere(field), field)


@pytest.mark.parametrize("image", ["roi.ome.tif", "channels", "roi.zarr"])
def test_what_is_written_anew_under_the_same_name_is_not_taken_for_what_was_there(
    image: str, folder: Path
) -> None:
    write_plain_zarr(folder / "roi.zarr")
    before = FieldOnDisk.of(open_input(ImageInput(image=image, mask="cells.tif"), folder))
    assert FieldOnDisk.of(open_input(ImageInput(image=image, mask="cells.tif"), folder)) == before
    written = next((folder / image).glob("[.az]*")) if image != "roi.ome.tif" else folder / image
    for file in (written, folder / "cells.tif"):
        time = file.stat().st_mtime_ns
        os.utime(file, ns=(time, time + 10**9))
        assert FieldOnDisk.of(open_input(ImageInput(image=image, mask="cells.tif"), folder)) != (
            before
        )
        os.utime(file, ns=(time, time))


def test_another_image_under_the_same_path_is_told(folder: Path) -> None:
    files = FieldOnDisk.of(MaskedImage(open_image(folder / "roi.ome.tif")))
    tifffile.imwrite(folder / "roi.ome.tif", PIXELS[:, :10], metadata={"axes": "CYX"})
    with pytest.raises(UnreadableFile, match=r"roi\.ome\.tif holds another image"):
        files.open()


def test_a_mask_that_is_told_its_cells_does_not_search_for_them(folder: Path) -> None:
    mask = LabelMask.from_array(LABELS)
    some = mask.cells().iloc[[2, 5]]
    assert mask.with_cells(some).cells() is some
    assert len(mask.cells()) == 599
