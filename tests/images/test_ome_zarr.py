from __future__ import annotations

import numpy as np
import pytest
import zarr

from napari_splicer.errors import InvalidMask, UnreadableFile, UnsupportedImage
from napari_splicer.images.open import open_image, open_mask

PIXELS = np.random.default_rng(0).integers(0, 60_000, (3, 60, 80), dtype=np.uint16)
LABELS = np.kron(np.arange(1, 13).reshape(3, 4), np.ones((20, 20), int)).astype(np.uint32)
NAMES = ["DAPI", "CD3", "PanCK"]


def write(path, version, levels, axes="cyx", unit="micrometer", scale=0.5, channels=NAMES):
    """Write an OME-Zarr image of version 0.4 (Zarr 2) or 0.5 (Zarr 3)."""
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    datasets = []
    for i, level in enumerate(levels):
        chunks = (1,) * (level.ndim - 2) + (32, 32)
        group.create_array(f"s{i}", data=level, chunks=chunks)
        steps = [1.0] * (level.ndim - 2) + [scale * 2**i] * 2
        datasets.append(
            {"path": f"s{i}", "coordinateTransformations": [{"type": "scale", "scale": steps}]}
        )
    kinds = {"c": "channel", "t": "time"}
    described = [{"name": axis, "type": kinds.get(axis, "space")} for axis in axes]
    for axis in described[-2:]:
        axis |= {"unit": unit} if unit else {}
    metadata = {"multiscales": [{"axes": described, "datasets": datasets}]}
    if channels:
        metadata["omero"] = {"channels": [{"label": name} for name in channels]}
    if version == "0.4":
        metadata["multiscales"][0]["version"] = "0.4"
        group.attrs.update(metadata)
    else:
        group.attrs["ome"] = {"version": "0.5", **metadata}
    return group


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_image_with_levels_names_and_pixel_size(tmp_path, version):
    path = tmp_path / "slide.ome.zarr"
    write(path, version, [PIXELS, PIXELS[:, ::2, ::2]])
    image = open_image(path)
    assert (image.name, image.source) == ("slide", str(path))
    assert image.channels == tuple(NAMES)
    assert image.pixel_size == (0.5, 0.5)
    assert [level.shape for level in image.levels] == [(3, 60, 80), (3, 30, 40)]
    assert image.data.chunksize == (1, 32, 32)
    np.testing.assert_array_equal(image.read(0, 60, 0, 80), PIXELS)
    assert image.remarks == ()


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_five_axes_with_single_time_and_plane(tmp_path, version):
    write(tmp_path / "a.zarr", version, [PIXELS[None, :, None]], axes="tczyx")
    image = open_image(tmp_path / "a.zarr")
    np.testing.assert_array_equal(image.read(0, 60, 0, 80), PIXELS)
    assert len([remark for remark in image.remarks if "was taken" in remark]) == 2


def test_a_volume_is_refused(tmp_path):
    write(tmp_path / "a.zarr", "0.5", [PIXELS], axes="zyx", channels=None)
    with pytest.raises(UnsupportedImage, match="3 Z planes"):
        open_image(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    ("unit", "expected"), [("nanometer", 0.0005), ("millimeter", 500.0), (None, None)]
)
def test_units_are_converted_and_missing_ones_not_guessed(tmp_path, unit, expected):
    write(tmp_path / "a.zarr", "0.4", [PIXELS], unit=unit)
    assert open_image(tmp_path / "a.zarr").pixel_size == (expected and (expected, expected))


def test_a_scale_common_to_all_levels_counts(tmp_path):
    group = write(tmp_path / "a.zarr", "0.4", [PIXELS])
    multiscales = group.attrs["multiscales"]
    multiscales[0]["coordinateTransformations"] = [{"type": "scale", "scale": [1, 3, 3]}]
    group.attrs["multiscales"] = multiscales
    assert open_image(tmp_path / "a.zarr").pixel_size == (1.5, 1.5)


def test_axes_before_version_0_4(tmp_path):
    group = write(tmp_path / "a.zarr", "0.4", [PIXELS], channels=None)
    for axes in (["c", "y", "x"], None):
        multiscale = {"datasets": [{"path": "s0"}]} | ({"axes": axes} if axes else {})
        group.attrs["multiscales"] = [multiscale]
        if axes:
            assert open_image(tmp_path / "a.zarr").data.shape == PIXELS.shape
        else:
            with pytest.raises(UnsupportedImage, match="3 Z planes"):
                open_image(tmp_path / "a.zarr")


def test_an_image_one_folder_down_is_found(tmp_path):
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    write(tmp_path / "a.zarr" / "0", "0.4", [PIXELS])
    assert open_image(tmp_path / "a.zarr").channels == tuple(NAMES)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_plain_arrays(tmp_path, zarr_format):
    zarr.create_array(tmp_path / "a.zarr", data=PIXELS, chunks=(1, 30, 40), zarr_format=zarr_format)
    image = open_image(tmp_path / "a.zarr")
    np.testing.assert_array_equal(image.read(0, 60, 0, 80), PIXELS)
    assert image.data.chunksize == (1, 30, 40)


def test_sharded_arrays_keep_their_inner_chunks(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=PIXELS, chunks=(1, 30, 40), shards=(3, 60, 80))
    image = open_image(tmp_path / "a.zarr")
    assert image.data.chunksize == (1, 30, 40)
    np.testing.assert_array_equal(image.read(10, 60, 30, 80), PIXELS[:, 10:, 30:])


def test_a_group_without_image_lists_what_is_in_it(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_group("tables")
    with pytest.raises(UnreadableFile, match=r"no OME-Zarr image.*one image in it: tables"):
        open_image(tmp_path / "a.zarr")


def test_damaged_metadata_are_named(tmp_path):
    write(tmp_path / "a.zarr", "0.5", [PIXELS])
    for content in ("{not json", '{"zarr_format": 3, "node_type": "group", "attributes": 5}'):
        (tmp_path / "a.zarr" / "zarr.json").write_text(content)
        with pytest.raises(UnreadableFile, match=r"a\.zarr"):
            open_image(tmp_path / "a.zarr")


def test_a_level_that_is_not_there_is_told(tmp_path):
    group = write(tmp_path / "a.zarr", "0.5", [PIXELS])
    ome = group.attrs["ome"]
    ome["multiscales"][0]["datasets"].append({"path": "s9"})
    group.attrs["ome"] = ome
    with pytest.raises(UnreadableFile, match=r"a\.zarr cannot be read as Zarr.*s9"):
        open_image(tmp_path / "a.zarr")


def test_a_damaged_chunk_is_named_when_it_is_read(tmp_path):
    write(tmp_path / "a.zarr", "0.5", [PIXELS])
    (tmp_path / "a.zarr" / "s0" / "c" / "0" / "0" / "0").write_bytes(b"junk")
    image = open_image(tmp_path / "a.zarr")
    assert image.read(40, 50, 40, 50).shape == (3, 10, 10)
    with pytest.raises(UnreadableFile, match=r"A part of .*a\.zarr cannot be read"):
        image.read(0, 10, 0, 10)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_are_found_within_their_image(tmp_path, version):
    path = tmp_path / "slide.zarr"
    group = write(path, version, [PIXELS])
    labels = group.create_group("labels")
    metadata = {"labels": ["cells"]}
    labels.attrs.update(metadata if version == "0.4" else {"ome": metadata})
    write(path / "labels" / "cells", version, [LABELS, LABELS[::2, ::2]], "yx", channels=None)
    assert open_image(path).data.shape == PIXELS.shape
    for place in (path, path / "labels" / "cells"):
        mask = open_mask(place)
        assert len(mask.levels) == 2
        assert mask.cells()["id"].tolist() == list(range(1, 13))


def test_an_image_without_labels_is_no_mask(tmp_path):
    write(tmp_path / "slide.zarr", "0.5", [PIXELS])
    with pytest.raises(InvalidMask, match="slide cannot be a mask: it has 3 channels"):
        open_mask(tmp_path / "slide.zarr")
