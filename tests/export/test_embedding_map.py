from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr

from napari_splicer import pipeline, synthetic_tissue
from napari_splicer.analysis.tile_map import TileMap, principal_colours
from napari_splicer.config import RunConfig
from napari_splicer.embedding.table import note_representation
from napari_splicer.errors import InvalidSettings, NoCells
from napari_splicer.export import embedding_map
from napari_splicer.export.embedding_map import write_colour_map, write_embedding_map
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.open import open_image

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

    from napari_splicer.images.masks import MaskedImage

STRIDE = 30
FORMATS = [("ome-tiff", "map.ome.tif"), ("ome-zarr", "map.ome.zarr")]


@pytest.fixture(scope="module")
def fields() -> list[MaskedImage]:
    """Two images of which the second is wider than high; neither is a multiple of the step."""
    first, second = (synthetic_tissue(size=200, seed=seed, name=f"slide {seed}") for seed in (0, 1))
    cut = MultiplexImage.from_array(
        second.field.image.data[:, :130].compute(), name="slide 1", pixel_size=(0.5, 0.25)
    )
    return [first.field, replace(second.field, image=cut, cells=None)]


@pytest.fixture
def tiles(fields: list[MaskedImage]) -> AnnData:
    """Tiles whose representation says where they are: down, across, and a constant per image."""
    config = RunConfig().with_values({"patches.sites": "grid", "patches.stride": STRIDE})
    table: AnnData = pipeline.run(pipeline.embed(fields, None, config))
    region = table.obs["region"].cat.codes
    z = np.stack([table.obs["y"], table.obs["x"], region], axis=1).astype(np.float32)
    table.obsm.update(X_splicer=z, X_splicer_chunks=z)
    note_representation(table, 3, {"all": slice(0, 3)})
    return table[np.random.default_rng(0).permutation(len(table))].copy()


@pytest.mark.parametrize(("kind", "name"), FORMATS)
@pytest.mark.parametrize("lazy", [False, True])
def test_every_pixel_of_the_map_holds_the_numbers_of_its_tile(
    tiles: AnnData,
    fields: list[MaskedImage],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    kind: str,
    name: str,
    lazy: bool,
) -> None:
    monkeypatch.setattr(embedding_map, "_BAND", 2)
    monkeypatch.setattr(embedding_map, "_HELD", 1)
    if lazy:
        tiles.obsm["X_splicer"] = da.from_array(tiles.obsm["X_splicer"], chunks=(7, -1))
    field = fields[1]
    write_embedding_map(field, tiles, tmp_path / name, image_format=kind)
    drawn = open_image(tmp_path / name)
    assert drawn.channels == ("X_splicer_0", "X_splicer_1", "X_splicer_2")
    found = drawn.data.compute()
    rows, columns = TileMap.of(tiles, "slide 1").y, TileMap.of(tiles, "slide 1").x
    assert found.shape == (3, len(rows), len(columns))
    assert len(rows) < len(columns)
    np.testing.assert_array_equal(found[0], np.broadcast_to(rows[:, None], found[0].shape))
    np.testing.assert_array_equal(found[1], np.broadcast_to(columns, found[1].shape))
    assert (found[2] == 1).all()
    assert drawn.pixel_size == pytest.approx((0.5 * STRIDE, 0.25 * STRIDE))


def test_the_map_lies_where_the_tiles_do(
    tiles: AnnData, fields: list[MaskedImage], tmp_path: Path
) -> None:
    where = TileMap.of(tiles, "slide 1")
    y, x = 0.5 * where.y[0], 0.25 * where.x[0]
    write_embedding_map(fields[1], tiles, tmp_path / "map.zarr", image_format="ome-zarr")
    (level,) = zarr.open_group(tmp_path / "map.zarr").attrs["multiscales"][0]["datasets"]
    scale, translation = level["coordinateTransformations"]
    assert scale["scale"] == pytest.approx([1, 0.5 * STRIDE, 0.25 * STRIDE])
    assert translation["translation"] == pytest.approx([0, y, x])
    write_embedding_map(fields[1], tiles, tmp_path / "map.ome.tif")
    with tifffile.TiffFile(tmp_path / "map.ome.tif") as tiff:
        planes = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]["Plane"]
    assert [plane["PositionY"] for plane in planes] == pytest.approx([y] * 3)
    assert [plane["PositionX"] for plane in planes] == pytest.approx([x] * 3)


def test_a_tile_that_the_table_lacks_is_left_empty(
    tiles: AnnData, fields: list[MaskedImage], tmp_path: Path
) -> None:
    where = TileMap.of(tiles, "slide 0")
    fewer = tiles[np.arange(len(tiles)) != where.row[2, 1]].copy()
    write_embedding_map(fields[0], fewer, tmp_path / "map.ome.tif")
    found = tifffile.imread(tmp_path / "map.ome.tif")
    assert np.isnan(found[:, 2, 1]).all()
    assert np.isfinite(found).sum() == found.size - 3
    write_colour_map(fields[0], fewer, tmp_path / "colours.ome.tif")
    assert tifffile.imread(tmp_path / "colours.ome.tif")[2, 1].tolist() == [0, 0, 0]


@pytest.mark.parametrize(("kind", "name"), FORMATS)
def test_alike_tiles_have_like_colours_in_all_images(
    tiles: AnnData, fields: list[MaskedImage], tmp_path: Path, kind: str, name: str
) -> None:
    write_colour_map(fields[0], tiles, tmp_path / name, image_format=kind)
    drawn = open_image(tmp_path / name).data.compute()
    colours = principal_colours(tiles)
    where = TileMap.of(tiles, "slide 0")
    np.testing.assert_array_equal(drawn, colours[where.row].transpose(2, 0, 1))
    other = TileMap.of(tiles, "slide 1")
    # the third number tells the images apart, the first two where a tile lies: so do the colours
    distance = np.abs(colours[where.row[0, 0]].astype(int) - colours[where.row[0, 1]]).max()
    between = np.abs(colours[where.row[0, 0]].astype(int) - colours[other.row[0, 0]]).max()
    assert 0 < distance < between
    assert colours.max() == 255
    assert colours.min() == 0


def test_what_cannot_be_mapped_is_refused(
    tiles: AnnData, fields: list[MaskedImage], tmp_path: Path
) -> None:
    del tiles.obsm["X_splicer"]
    with pytest.raises(InvalidSettings, match="without a model"):
        write_embedding_map(fields[0], tiles, tmp_path / "map.ome.tif")


def test_an_image_without_tiles_is_named(
    tiles: AnnData, fields: list[MaskedImage], tmp_path: Path
) -> None:
    other = replace(fields[0], image=replace(fields[0].image, name="liver"))
    with pytest.raises(NoCells, match="liver"):
        write_colour_map(other, tiles, tmp_path / "map.ome.tif")
    assert list(tmp_path.iterdir()) == []
