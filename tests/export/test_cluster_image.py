from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_splicer.embedding.table import rows_without_values
from napari_splicer.errors import InvalidSettings, NoCells, WouldOverwrite
from napari_splicer.export.cluster_image import (
    CellPainter,
    GroupCodes,
    legend_path,
    write_cluster_image,
)
from napari_splicer.images import label_image
from napari_splicer.images.label_image import LabelImage, Legend, write_ome_tiff, write_ome_zarr
from napari_splicer.images.masks import MaskedImage
from napari_splicer.images.open import open_mask
from napari_splicer.patches.sites import grid_sites

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

FORMATS = [("ome-tiff", "image.ome.tif"), ("ome-zarr", "image.ome.zarr")]


@pytest.mark.parametrize(("kind", "name"), FORMATS)
def test_every_pixel_holds_the_group_of_its_cell(
    clustered: AnnData, clustered_fields: list[MaskedImage], tmp_path: Path, kind: str, name: str
) -> None:
    field = clustered_fields[1]
    shuffled = clustered[np.random.default_rng(0).permutation(clustered.n_obs)].copy()
    path = tmp_path / name
    remarks = write_cluster_image(field, shuffled, "kinds", path, image_format=kind)
    assert remarks == ()
    drawn = open_mask(path)
    assert drawn.shape == field.cells.shape
    assert drawn.data.dtype == np.uint8
    codes = drawn.data.compute()
    labels = field.cells.data.compute()
    assert (codes[labels == 0] == 0).all()
    here = clustered.obs[clustered.obs["region"] == "slide/1"]
    for cell, group in zip(here["instance_id"], here["kinds"].astype(int), strict=True):
        assert (codes[labels == cell] == group).all()


def test_the_legend_says_what_the_numbers_mean(
    clustered: AnnData, clustered_fields: list[MaskedImage], tmp_path: Path
) -> None:
    path = tmp_path / "image.ome.tif"
    write_cluster_image(clustered_fields[0], clustered, "fine.kinds", path)
    legend = pd.read_csv(legend_path(path))
    assert legend["code"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert legend["colour"].tolist() == list(clustered.uns["fine.kinds_colors"])
    first = clustered[clustered.obs["region"] == "slide/0"]
    assert legend["count"].tolist() == first.obs["fine.kinds"].value_counts(sort=False).tolist()


def test_cells_missing_on_either_side_are_counted(
    clustered: AnnData, clustered_fields: list[MaskedImage], tmp_path: Path
) -> None:
    table = clustered[3:].copy()
    table.obs.loc[table.obs_names[0], "instance_id"] = 10**12
    remarks = write_cluster_image(clustered_fields[0], table, "kinds", tmp_path / "a.ome.tif")
    assert "4 cells of the mask" in remarks[0]
    assert "1 cells of the table" in remarks[1]


def test_what_cannot_be_drawn_is_refused_before_writing(
    clustered: AnnData, clustered_fields: list[MaskedImage], tmp_path: Path
) -> None:
    field, path = clustered_fields[0], tmp_path / "a.ome.tif"
    with pytest.raises(InvalidSettings, match="no clustering 'area'"):
        write_cluster_image(field, clustered, "area", path)
    with pytest.raises(NoCells, match=r"no cell of the image slide/0.*It holds cells of: slide/1"):
        write_cluster_image(field, clustered[clustered.obs["region"] == "slide/1"], "kinds", path)
    with pytest.raises(NoCells, match="no cell mask"):
        write_cluster_image(MaskedImage(field.image), clustered, "kinds", path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stride", [None, 7])
def test_tiles_fill_the_image_with_the_group_of_the_nearest(
    clustered_fields: list[MaskedImage], tmp_path: Path, stride: int | None
) -> None:
    fields = [replace(field, cells=None) for field in clustered_fields]
    sites = grid_sites(fields, size=24, stride=stride)
    table = rows_without_values(fields, sites, [24, 24])
    groups = np.random.default_rng(0).integers(0, 3, table.n_obs)
    table.obs["kinds"] = pd.Categorical.from_codes(groups, ["a", "b", "c"])
    shuffled = table[np.random.default_rng(1).permutation(table.n_obs)].copy()
    path = tmp_path / "tiles.ome.tif"
    assert write_cluster_image(fields[1], shuffled, "kinds", path) == ()
    here = table.obs[table.obs["region"] == fields[1].name]
    pixels = np.indices(fields[1].image.shape).reshape(2, -1, 1)
    away = abs(pixels[0] - here["y"].to_numpy()) + abs(pixels[1] - here["x"].to_numpy())
    nearest = here["kinds"].cat.codes.to_numpy()[away.argmin(axis=1)] + 1
    first, second = np.partition(away, 1, axis=1)[:, :2].T
    plain = first < second  # not halfway between two tiles
    assert plain.mean() > 0.7
    drawn = open_mask(path).data.compute().ravel()
    np.testing.assert_array_equal(drawn[plain], nearest[plain])


@pytest.mark.parametrize(("kind", "name"), FORMATS)
def test_neither_image_nor_legend_is_overwritten_unasked(
    clustered: AnnData, clustered_fields: list[MaskedImage], tmp_path: Path, kind: str, name: str
) -> None:
    field, path = clustered_fields[0], tmp_path / name
    legend_path(path).write_text("mine")
    with pytest.raises(WouldOverwrite, match="legend"):
        write_cluster_image(field, clustered, "kinds", path, image_format=kind)
    assert legend_path(path).read_text() == "mine"
    assert not path.exists()
    for _ in range(2):
        write_cluster_image(field, clustered, "kinds", path, image_format=kind, overwrite=True)
    assert len(list(tmp_path.iterdir())) == 2


@settings(max_examples=50, deadline=None)
@given(
    labels=arrays(np.int64, (5, 6), elements=st.sampled_from([0, 1, 2, 7, 2**31, 2**62])),
    ids=st.lists(st.sampled_from([1, 2, 3, 7, 2**31, 2**62]), min_size=1, unique=True),
)
def test_any_ids_are_mapped(labels: np.ndarray, ids: list[int]) -> None:
    codes = {cell: 1 + i % 3 for i, cell in enumerate(sorted(ids))}
    groups = GroupCodes(
        np.array(sorted(ids)), np.array([*codes.values()], np.uint8), tuple("abc"), ("#000000",) * 3
    )
    painter = CellPainter(groups)
    mapped = painter(labels)
    assert mapped.dtype == np.uint8
    expected = np.vectorize(lambda cell: codes.get(cell, 0))(labels)
    np.testing.assert_array_equal(mapped, expected)
    np.testing.assert_array_equal(painter(labels.astype(np.uint64)), expected)
    missing = set(labels.ravel().tolist()) - {0, *ids}
    unseen = set(ids) - set(labels.ravel().tolist())
    told = "".join(painter.mismatch("m"))
    assert (f"{len(missing)} cells of the mask m" in told) == bool(missing)
    assert (f"{len(unseen)} cells of the table" in told) == bool(unseen)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> tuple[LabelImage, np.ndarray]:
    """An image with two smaller levels, whose boxes are recorded as they are read."""
    monkeypatch.setattr(label_image, "_OVERVIEW", 100)
    labels = np.random.default_rng(0).integers(0, 300, (1301, 1111), dtype=np.uint16)
    image = LabelImage(
        "groups",
        lambda y0, y1, x0, x1: labels[y0:y1, x0:x1],
        labels.shape,
        labels.dtype,
        (0.5, 0.25),
        [Legend(1, "T cells", "#E69F00"), Legend(2, "B", "#56B4E9")],
    )
    return image, labels


def test_a_pyramid_is_written_as_ome_tiff(
    large: tuple[LabelImage, np.ndarray], tmp_path: Path
) -> None:
    image, labels = large
    write_ome_tiff(tmp_path / "a.ome.tif", image)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
        assert tiff.is_ome
        page = tiff.pages[0]
        assert page.is_tiled
        assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        levels = tiff.series[0].levels
        assert [level.shape for level in levels] == [(1301, 1111), (326, 278), (82, 70)]
        for level, step in zip(levels, (1, 4, 16), strict=True):
            np.testing.assert_array_equal(level.asarray(), labels[::step, ::step])
        pixels = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]
        assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeX"]) == (0.5, 0.25)
        assert pixels["PhysicalSizeYUnit"] == "µm"
    assert len(open_mask(tmp_path / "a.ome.tif").levels) == 3


def test_a_pyramid_is_written_as_ome_zarr(
    large: tuple[LabelImage, np.ndarray], tmp_path: Path
) -> None:
    image, labels = large
    write_ome_zarr(tmp_path / "a.ome.zarr", image)
    group = zarr.open_group(tmp_path / "a.ome.zarr", mode="r")
    multiscale = group.attrs["multiscales"][0]
    assert multiscale["axes"][0] == {"name": "y", "type": "space", "unit": "micrometer"}
    for level, step in zip(multiscale["datasets"], (1, 4, 16), strict=True):
        np.testing.assert_array_equal(group[level["path"]][:], labels[::step, ::step])
        scale = level["coordinateTransformations"][0]["scale"]
        assert scale == [0.5 * step, 0.25 * step]
    assert group.attrs["image-label"]["colors"][0] == {
        "label-value": 1,
        "rgba": [230, 159, 0, 255],
    }
    assert group.attrs["image-label"]["properties"][1]["name"] == "B"
    back = open_mask(tmp_path / "a.ome.zarr")
    assert [level.shape for level in back.levels] == [(1301, 1111), (326, 278), (82, 70)]


def test_smaller_levels_are_painted_like_the_first(
    large: tuple[LabelImage, np.ndarray], tmp_path: Path
) -> None:
    image, labels = large
    small = np.dtype(np.uint8)
    painted = replace(image, painted=lambda block: (block % 7).astype(small), dtype=small)
    shares: list[float] = []
    write_ome_tiff(tmp_path / "a.ome.tif", painted, shares.append)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
        for level, step in zip(tiff.series[0].levels, (1, 4, 16), strict=True):
            np.testing.assert_array_equal(level.asarray(), labels[::step, ::step] % 7)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_an_unknown_pixel_size_stays_unknown(tmp_path: Path) -> None:
    labels = np.ones((40, 30), np.uint8)
    image = LabelImage("a", lambda a, b, c, d: labels[a:b, c:d], labels.shape, labels.dtype)
    write_ome_tiff(tmp_path / "a.ome.tif", image)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
        assert "PhysicalSize" not in tiff.ome_metadata
    write_ome_zarr(tmp_path / "a.ome.zarr", image)
    group = zarr.open_group(tmp_path / "a.ome.zarr", mode="r")
    assert group.attrs["multiscales"][0]["axes"] == [
        {"name": "y", "type": "space"},
        {"name": "x", "type": "space"},
    ]


def test_memory_holds_a_band_not_the_image(large: tuple[LabelImage, np.ndarray]) -> None:
    """Read a level of a slide whose pixels are made up as they are asked for."""
    boxes = []

    def read(y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
        boxes.append((y1 - y0) * (x1 - x0))
        return np.zeros((y1 - y0, x1 - x0), np.uint8)

    slide = LabelImage("slide", read, (40_000, 9_000), np.dtype(np.uint8))
    for factor in (16, 64):
        tiles = [tile.size for _, _, tile in slide.tiles(factor)]
        height, width = slide.level_shape(factor)
        assert sum(tiles) == height * width
    assert max(boxes) <= 2048 * 9_000
