"""Tiles normalised as a whole: the same patches as normalised one by one."""

from __future__ import annotations

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
import torch

from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.patches import blocks, tile_normalizer
from napari_splicer.patches.normalization import Normalization, Normalizer
from napari_splicer.patches.reader import NormalizedBatch, PatchBatch, PatchReader
from napari_splicer.patches.sites import cell_sites
from napari_splicer.patches.tile_normalizer import TileNormalizer, normalized_by_tile

CHANNELS = ("A", "B", "C")
ONE = Normalization(CHANNELS, (10.0, 0.0, 30.0), (200.0, 90.0, 250.0), 5.0)
OTHER = Normalization(CHANNELS, (0.0, 5.0, 7.0), (100.0, 50.0, 20.0), 0.0)


def make_field(shape, chunks, dtype=np.uint16, seed=0, name="field", count=40) -> MaskedImage:
    """Return a field of random pixels with cells of a pixel."""
    rng = np.random.default_rng(seed)
    data = rng.integers(0, 250, (len(CHANNELS), *shape)).astype(dtype)
    labels = np.zeros(shape, np.uint32)
    labels.flat[rng.choice(labels.size, count, replace=False)] = 1 + rng.permutation(count)
    chunks = chunks if isinstance(chunks, tuple) else (chunks, chunks)
    image = MultiplexImage.from_array(
        da.from_array(data, chunks=(1, *chunks)), CHANNELS, name=name, axes="CYX"
    )
    return MaskedImage(image, LabelMask.from_array(labels, name="cells"), {})


def read_all(reader) -> PatchBatch:
    """Join all batches, in the order of the sites."""
    batches = list(reader)
    order = torch.cat([batch.index_B for batch in batches]).argsort()
    return PatchBatch(
        **{
            name: torch.cat([getattr(batch, name) for batch in batches])[order]
            for name in vars(batches[0])
        }
    )


def reader_of(fields, side=9, **values) -> PatchReader:
    return PatchReader(
        fields, cell_sites(fields), channels=CHANNELS, side=side, size=side, batch=7, **values
    )


@pytest.fixture
def small_blocks(monkeypatch):
    """Let blocks be as small as the windows, so that small images have many."""
    monkeypatch.setattr(blocks, "LEAST_SIDE", 8)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize(("shape", "chunks"), [((70, 90), 16), ((40, 31), (33, 12)), ((5, 60), 20)])
def test_patches_equal_those_normalised_one_by_one(
    shape, chunks, dtype, precision, small_blocks
) -> None:
    fields = [make_field(shape, chunks, dtype, seed=1, name="one")]
    normalizer, plain = Normalizer((ONE,)), reader_of(fields)
    by_tile = replace(plain, tile_normalizer=TileNormalizer(normalizer, precision))
    expected, got = read_all(plain), read_all(by_tile)
    wanted_BCHW = normalizer.apply(expected.x_BCHW, expected.field_B).to(precision)
    assert torch.equal(got.x_BCHW, wanted_BCHW)
    for name in ("labels_BHW", "id_B", "index_B", "field_B"):
        assert torch.equal(getattr(got, name), getattr(expected, name))


def test_batches_lie_as_convolutions_want_them_and_say_what_they_are() -> None:
    fields = [make_field((70, 90), 16)]
    by_tile = TileNormalizer(Normalizer((ONE,)), torch.float32)
    for batch in reader_of(fields, tile_normalizer=by_tile):
        assert isinstance(batch, NormalizedBatch)
        assert isinstance(batch.to("cpu"), NormalizedBatch)
        assert batch.x_BCHW.is_contiguous(memory_format=torch.channels_last)


def test_every_image_has_its_own_scale(small_blocks) -> None:
    fields = [make_field((40, 50), 16, seed=seed, name=f"{seed}") for seed in (1, 2)]
    normalizer, plain = Normalizer((ONE, OTHER)), reader_of(fields)
    expected = read_all(plain)
    got = read_all(replace(plain, tile_normalizer=TileNormalizer(normalizer, torch.float32)))
    wanted_BCHW = normalizer.apply(expected.x_BCHW, expected.field_B)
    assert torch.equal(got.x_BCHW, wanted_BCHW)


@pytest.mark.parametrize(
    ("count", "side", "size", "most", "by_tile"),
    [
        (400, 16, 16, 2**28, True),
        (10, 16, 16, 2**28, False),  # few windows overlap
        (400, 16, 8, 2**28, False),  # resampled as stored
        (400, 16, 16, 2**14, False),  # tiles too large for memory
    ],
)
def test_it_is_done_where_it_pays(count, side, size, most, by_tile, monkeypatch) -> None:
    monkeypatch.setattr(tile_normalizer, "MOST_BYTES", most)
    fields = [make_field((200, 200), 64, count=count)]
    reader = replace(reader_of(fields, side), size=size)
    chosen = normalized_by_tile(reader, Normalizer((ONE,)), torch.float32)
    assert (chosen.tile_normalizer is not None) == by_tile


def test_a_few_cells_that_lie_together_count_where_they_lie() -> None:
    fields = [make_field((2000, 2000), 500, count=3000)]
    reader = reader_of(fields, 32)
    here = np.flatnonzero((reader.sites.y < 300) & (reader.sites.x < 300))
    scale = (Normalizer((ONE,)), torch.float32)
    assert normalized_by_tile(reader, *scale) is reader
    near = replace(reader, side=64, size=64).at(here)
    assert normalized_by_tile(near, *scale).tile_normalizer is not None
