"""Patches equal what a plain loop cuts out, wherever chunks, borders and fields lie."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import torch
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_splicer.errors import InvalidComponent, MissingChannels
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.patches import blocks
from napari_splicer.patches.reader import PatchBatch, PatchReader
from napari_splicer.patches.sites import Sites, cell_sites, grid_sites

CHANNELS = ("A", "B", "C")


def make_field(shape, chunks=64, dtype=np.uint16, seed=0, name="field", count=40, log=None):
    """Return a field of random pixels, cells of 3 × 3 pixels and a mask of the upper half."""
    rng = np.random.default_rng(seed)
    data = rng.integers(0, 250, (len(CHANNELS), *shape)).astype(dtype)
    labels = np.zeros(shape, np.uint32)
    for number, (y, x) in enumerate(rng.integers(0, shape, (count, 2)), start=1):
        labels[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = 3_000_000_000 + number
    upper = np.zeros(shape, np.uint8)
    upper[: shape[0] // 2] = 1

    def logged(block, block_info=None):
        if log is not None and block_info:
            log.append((name, *block_info[0]["chunk-location"]))
        return block

    chunks = (chunks, chunks) if isinstance(chunks, int) else chunks
    lazy = da.from_array(data, chunks=(1, *chunks)).map_blocks(logged, dtype=dtype)
    image = MultiplexImage.from_array(lazy, CHANNELS, name=name, axes="CYX")
    cells = LabelMask.from_array(da.from_array(labels, chunks=chunks), name="cells")
    regions = {"upper": LabelMask.from_array(upper, name="upper")}
    return MaskedImage(image, cells, regions)


def in_zarr(field, chunk, *, shards):
    """Return the same field with its pixels in a Zarr array, several chunks to a shard or none."""
    data = field.image.data.compute()
    stored = zarr.create_array(
        zarr.storage.MemoryStore(),
        shape=data.shape,
        dtype=data.dtype,
        chunks=(1, *chunk),
        shards=(2, 2 * chunk[0], 3 * chunk[1]) if shards else None,
    )
    stored[:] = data
    image = MultiplexImage.from_array(stored, CHANNELS, name=field.image.name, axes="CYX")
    return MaskedImage(image, field.cells, field.regions)


def read_all(reader) -> PatchBatch:
    """Join all batches, in the order of the sites."""
    batches = list(reader)
    assert [len(batch) for batch in batches[:-1]] == [reader.batch] * (len(batches) - 1)
    assert len(batches) == len(reader)
    order = torch.cat([batch.index_B for batch in batches]).argsort()

    def join(name):
        values = [getattr(batch, name) for batch in batches]
        assert len({value.dtype for value in values}) == 1
        numbers = [v.to(torch.float64) if name == "x_BCHW" else v for v in values]
        return torch.cat(numbers)[order]

    return PatchBatch(**{name: join(name) for name in vars(batches[0])})


def cut(padded_PYX, y, x, side):
    """Cut a window out of planes that are padded by ``side`` mirrored pixels."""
    top, left = (int(np.floor(centre - side / 2 + 1)) + side for centre in (y, x))
    return padded_PYX[:, top : top + side, left : left + side]


def check_against_loop(fields, sites, side, channels=CHANNELS, batch=7):
    reader = PatchReader(
        fields, sites, channels=channels, regions=("upper",), side=side, size=side, batch=batch
    )
    got = read_all(reader)
    padded = []
    for field in fields:
        pixels, labels, upper = da.compute(
            field.image.data, field.cells.data, field.regions["upper"].data
        )
        wanted = pixels[[CHANNELS.index(name) for name in channels]]
        planes = np.concatenate([wanted, labels[None], upper[None] != 0]).astype(np.float64)
        padded.append(np.pad(planes, ((0, 0), (side, side), (side, side)), mode="symmetric"))
    for row in range(len(sites)):
        expected = cut(padded[sites.field[row]], sites.y[row], sites.x[row], side)
        np.testing.assert_array_equal(got.x_BCHW[row], expected[:-2])
        np.testing.assert_array_equal(got.labels_BHW[row], expected[-2])
        np.testing.assert_array_equal(got.regions_BRHW[row, 0], expected[-1])
    np.testing.assert_array_equal(got.id_B, sites.id)
    np.testing.assert_array_equal(got.field_B, sites.field)
    np.testing.assert_array_equal(got.index_B, np.arange(len(sites)))


@pytest.fixture
def small_blocks(monkeypatch):
    """Let blocks be as small as the windows, so that small images have many."""
    monkeypatch.setattr(blocks, "LEAST_SIDE", 8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int16, np.float32])
def test_patches_equal_a_plain_loop(dtype, small_blocks):
    fields = [make_field((150, 200), 32, dtype, 0, "a"), make_field((90, 61), 32, dtype, 1, "b")]
    check_against_loop(fields, cell_sites(fields), side=17)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 100), st.integers(1, 100)),
    chunk=st.tuples(st.integers(5, 60), st.integers(5, 60)),
    dtype=st.sampled_from([np.uint8, np.uint16, np.int16, np.uint32, np.float32]),
    stored=st.sampled_from(["dask", "zarr", "shards"]),
    side=st.integers(1, 40),
    band=st.integers(1, 100),
    seed=st.integers(0, 999),
)
def test_any_geometry(shape, chunk, dtype, stored, side, band, seed):
    field = make_field(shape, chunk, dtype, seed=seed, count=8)
    if stored != "dask":
        field = in_zarr(field, chunk, shards=stored == "shards")
    height, width = shape
    rng = np.random.default_rng(seed)
    y, x = rng.uniform(0, height - 1, 8), rng.uniform(0, width - 1, 8)
    sites = Sites(np.zeros(8, np.int64), np.arange(1, 9), y, x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "LEAST_SIDE", 4)
        patch.setattr(blocks, "BAND_WIDTH", band)
        check_against_loop([field], sites, side)


def test_blocks_too_large_for_memory_are_cut(monkeypatch, small_blocks):
    monkeypatch.setattr(blocks, "MOST_BYTES", 3 * 2 * 40 * 40)
    field = make_field((150, 200), 150)
    rows, columns = blocks.block_edges(field.image, 3, 17)
    assert np.diff(rows).max() * np.diff(columns).max() <= 40 * 40
    assert min(np.diff(rows).min(), np.diff(columns).min()) >= 17
    check_against_loop([field], cell_sites([field]), side=17)


def test_each_chunk_is_decoded_once(small_blocks):
    log = []
    field = make_field((256, 320), 64, count=400, log=log)
    sites = cell_sites([field])
    log.clear()
    read_all(PatchReader([field], sites, channels=CHANNELS, side=32, size=32, batch=64))
    assert len(log) == len(set(log)) == 3 * 4 * 5


def test_each_stored_chunk_is_fetched_once(small_blocks, monkeypatch):
    """As files are read: straight from the store, without dask."""
    field = in_zarr(make_field((256, 320), 64, count=400), (64, 64), shards=False)
    assert field.image.planes is not None
    fetched, get = [], zarr.storage.MemoryStore.get

    def counting(store, key, *args, **kwargs):
        fetched.append(key)
        return get(store, key, *args, **kwargs)

    monkeypatch.setattr(zarr.storage.MemoryStore, "get", counting)
    sites = cell_sites([field])
    read_all(PatchReader([field], sites, channels=CHANNELS, side=32, size=32, batch=64))
    assert len(fetched) == len(set(fetched)) == 3 * 4 * 5


def test_chunks_without_patches_are_not_read(small_blocks):
    log = []
    field = make_field((256, 320), 64, log=log)
    sites = Sites(np.zeros(1, np.int64), np.ones(1, np.int64), np.array([30.0]), np.array([300.0]))
    read_all(PatchReader([field], sites, channels=("B",), side=32, size=32))
    assert set(log) == {("field", 1, 0, 4)}


def test_channels_come_in_the_order_asked_for():
    field = make_field((80, 80))
    check_against_loop([field], cell_sites([field]), side=9, channels=("C", "A"))


def test_images_of_different_types_share_one(small_blocks):
    fields = [make_field((60, 60), 32, np.uint8), make_field((60, 60), 32, np.uint16, 1)]
    reader = PatchReader(fields, cell_sites(fields), channels=("A",), side=8, size=8, batch=1000)
    (batch,) = reader
    assert batch.x_BCHW.dtype == reader.dtype == torch.uint16


def test_an_image_without_cells_has_no_labels():
    field = make_field((60, 60))
    bare = MaskedImage(field.image)
    sites = Sites(np.zeros(1, np.int64), np.ones(1, np.int64), np.array([30.0]), np.array([30.0]))
    (batch,) = PatchReader([bare], sites, channels=("A",), side=8, size=8)
    assert not batch.labels_BHW.any()
    assert batch.regions_BRHW.shape == (1, 0, 8, 8)


def test_resampled_patches_keep_intensity_and_masks():
    """A patch of twice the pixels halves to the means of 2 × 2 blocks of a piecewise flat image."""
    flat = np.kron(np.arange(64.0, dtype=np.float32).reshape(8, 8), np.ones((8, 8), np.float32))
    image = MultiplexImage.from_array(flat[None], ["A"], axes="CYX")
    labels = flat.astype(np.uint32)
    field = MaskedImage(image, LabelMask.from_array(labels))
    sites = Sites(np.zeros(1, np.int64), np.ones(1, np.int64), np.array([31.5]), np.array([31.5]))
    reader = PatchReader([field], sites, channels=("A",), side=64, size=32)
    (batch,) = reader
    assert batch.x_BCHW.dtype == reader.dtype == torch.float32
    expected = flat[::2, ::2]
    np.testing.assert_array_equal(batch.labels_BHW[0], expected)
    inside = np.zeros((32, 32), bool)
    inside[1::4, 1::4] = inside[2::4, 2::4] = True
    np.testing.assert_allclose(batch.x_BCHW[0, 0].numpy()[inside], expected[inside], rtol=1e-5)


def test_fields_of_different_pixel_size_share_a_batch():
    fields = [make_field((90, 90), seed=0), make_field((90, 90), seed=1)]
    sites = cell_sites(fields)
    batch = read_all(PatchReader(fields, sites, channels=("A",), side=(16, 24), size=16, batch=9))
    plain = read_all(PatchReader(fields[:1], cell_sites(fields[:1]), channels=("A",), side=16,
                                 size=16))  # fmt: skip
    assert batch.x_BCHW.shape == (len(sites), 1, 16, 16)
    torch.testing.assert_close(batch.x_BCHW[: len(plain)], plain.x_BCHW)


def test_what_a_field_lacks_is_named():
    field = make_field((60, 60))
    sites = cell_sites([field])
    with pytest.raises(MissingChannels, match="CD3"):
        list(PatchReader([field], sites, channels=("CD3",)))
    with pytest.raises(InvalidComponent, match="tumour"):
        list(PatchReader([field], sites, channels=("A",), regions=("tumour",)))


def test_a_tile_has_no_cell_of_its_own_even_if_one_has_its_number():
    labels = np.kron(np.arange(1, 10).reshape(3, 3), np.ones((20, 20), int)).astype(np.uint8)
    image = MultiplexImage.from_array(np.ones((2, 60, 60)), ["A", "B"], axes="CYX")
    field = MaskedImage(image, LabelMask.from_array(labels))
    sites = grid_sites([field], size=20)
    (batch,) = PatchReader([field], sites, channels=("A",), side=20, size=20)
    assert batch.labels_BHW[:, 0, 0].tolist() == sites.id.tolist() == list(range(1, 10))
    assert not (batch.labels_BHW == batch.id_B[:, None, None]).any()


@pytest.mark.real_data
def test_patches_of_a_real_field_lie_on_their_cells(data_folder):
    from napari_splicer.images.open import open_image, open_mask

    stem = str(data_folder / "mibi_dcis_risom_dev" / "Point3110_pt1078_31655")
    field = MaskedImage(
        open_image(stem + ".ome.tif"),
        open_mask(stem + "_mask.tif"),
        {"nuclei": open_mask(stem + "_nuclei.tif")},
    )
    sites = cell_sites([field])
    reader = PatchReader(
        [field], sites, channels=("HH3", "CD45"), regions=("nuclei",), side=32, size=32
    )
    batch = read_all(reader)
    own = batch.labels_BHW == batch.id_B[:, None, None]
    assert own[:, 14:18, 14:18].any(dim=(1, 2)).float().mean() > 0.98
    inside = batch.x_BCHW[:, 0][batch.regions_BRHW[:, 0]].mean()
    outside = batch.x_BCHW[:, 0][~batch.regions_BRHW[:, 0]].mean()
    assert inside > 3 * outside, "histones are in nuclei"


def test_all_sites_in_their_order_are_not_copied():
    field = make_field((64, 64))
    reader = PatchReader([field], cell_sites([field]), channels=CHANNELS)
    every = np.arange(len(reader.sites))
    assert reader.at(every) is reader
    assert len(reader.at(every[1:]).sites) == len(every) - 1
    turned = reader.at(every[::-1])
    np.testing.assert_array_equal(turned.sites.id, reader.sites.id[::-1])
