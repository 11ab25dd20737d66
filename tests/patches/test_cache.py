"""The cache gives back what the reader cut, within its budget."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_splicer.config import AugmentationSettings
from napari_splicer.errors import InvalidSettings
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.patches.augmentation import center_crop, padded_size
from napari_splicer.patches.cache import PatchCache, capacity
from napari_splicer.patches.patch_file import RESERVE
from napari_splicer.patches.reader import PatchReader
from napari_splicer.patches.sites import cell_sites


@pytest.fixture
def field(field_of):
    rng = np.random.default_rng(0)
    labels = np.kron(np.arange(100).reshape(10, 10), np.ones((12, 12))).astype(np.uint32)
    labels[labels > 0] += 4_000_000_000
    plain = field_of(rng.integers(0, 60_000, (3, 120, 120)).astype(np.uint16), labels)
    upper = np.zeros((120, 120), np.uint8)
    upper[:60] = 1
    return MaskedImage(plain.image, plain.cells, {"upper": LabelMask.from_array(upper)})


def reader_of(field, side=20, size=20, batch=16, regions=("upper",)):
    return PatchReader(
        [field],
        cell_sites([field]),
        channels=("c0", "c2"),
        regions=regions,
        side=side,
        size=size,
        batch=batch,
    )


def assert_same(got, expected):
    for name, value in vars(expected).items():
        kept = getattr(got, name)
        assert kept.dtype == value.dtype, name
        np.testing.assert_array_equal(kept, value, err_msg=name)


@pytest.fixture
def no_disk(monkeypatch):
    """Let all disks be full."""
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=0))


MEMORY, FILE = 1.0, 1e-6


@pytest.mark.parametrize("budget", [MEMORY, FILE])
@pytest.mark.parametrize("side", [20, 27])
def test_patches_come_back_as_they_were_cut(field, side, budget, tmp_path):
    reader = reader_of(field, side=side, batch=1000)
    (expected,) = reader
    cache = PatchCache.draw(reader_of(field, side=side), budget, folder=tmp_path)
    assert len(cache) == 99
    assert_same(cache.take(expected.index_B), expected)
    assert_same(cache.take(torch.tensor([7, 7, 3])), cache.take(torch.tensor([7, 7, 3]), "cpu"))


def test_filling_tells_how_far_it_is(field):
    cache = PatchCache(reader_of(field), 1.0)
    assert list(cache.fill()) == [16, 32, 48, 64, 80, 96, 99]


def test_what_memory_does_not_hold_lies_in_a_file_and_is_said(field, tmp_path):
    reader, place = reader_of(field), tmp_path / "run"
    assert PatchCache(reader, MEMORY, folder=place).message is None
    assert capacity(reader, FILE, place) == 99
    cache = PatchCache.draw(reader, FILE, folder=place)
    assert "take 0.000359 GB, more than the 1e-06 GB of memory" in cache.message
    assert f"in a temporary file on the disk of {tmp_path}" in cache.message
    assert list(tmp_path.iterdir()) == []
    cache.close()


def test_a_file_leaves_room_on_the_disk_for_others(field, tmp_path, monkeypatch):
    reader, taken = reader_of(field), 99 * (20 * 20 * (2 * 2 + 4 + 1) + 24)
    for free, patches in ((RESERVE + taken, 99), (RESERVE + taken - 1, 40)):
        usage = SimpleNamespace(free=free)
        monkeypatch.setattr(shutil, "disk_usage", lambda place, usage=usage: usage)
        assert capacity(reader, 40.5 * taken / 99 / 1e9, tmp_path) == patches


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_closed_cache_gives_its_file_back(field, tmp_path):
    def held():
        maps = Path("/proc/self/maps").read_text()
        files = [str(f.readlink()) for f in Path("/proc/self/fd").iterdir() if f.is_symlink()]
        return maps.count(str(tmp_path)) + sum(file.startswith(str(tmp_path)) for file in files)

    cache = PatchCache.draw(reader_of(field), FILE, folder=tmp_path)
    assert held()
    cache.close()
    assert held() == 0


@pytest.mark.usefixtures("no_disk")
def test_what_does_not_fit_is_left_out_and_said(field):
    reader = reader_of(field)
    patch = 20 * 20 * (2 * 2 + 4 + 1) + 24
    cache = PatchCache.draw(reader, 40.5 * patch / 1e9, seed=1)
    assert len(cache) == 40
    assert "40 of 99 patches" in cache.message
    assert "the disk has no room" in cache.message
    kept = cache.take(torch.arange(40))
    sites = reader.sites.take(kept.index_B.numpy())
    assert len(set(kept.index_B.tolist())) == 40
    np.testing.assert_array_equal(kept.id_B, sites.id)
    middle = kept.labels_BHW[:, 10, 10]
    assert torch.equal(middle, kept.id_B), "patches lie on the cells they name"

    again = PatchCache.draw(reader, 40.5 * patch / 1e9, seed=1).take(torch.arange(40))
    other = PatchCache.draw(reader, 40.5 * patch / 1e9, seed=2).take(torch.arange(40))
    assert torch.equal(kept.index_B, again.index_B)
    assert not torch.equal(kept.index_B, other.index_B)


def test_as_many_as_are_asked_for_are_kept_and_said(field, tmp_path):
    reader = reader_of(field)
    cache = PatchCache.draw(reader, MEMORY, most=40)
    assert len(cache) == 40
    assert "40 of 99 patches" in cache.message
    assert "no more are looked at" in cache.message
    assert "temporary file" not in cache.message
    filed = PatchCache.draw(reader, FILE, folder=tmp_path, most=40)
    assert "40 of 99 patches" in filed.message
    assert "temporary file" in filed.message
    assert_same(filed.take(torch.arange(40)), cache.take(torch.arange(40)))
    assert PatchCache(reader, MEMORY, most=99).message is None
    filed.close()


@pytest.mark.usefixtures("no_disk")
def test_too_little_memory_is_refused_before_it_is_taken(field):
    with pytest.raises(InvalidSettings, match="cache_gb"):
        PatchCache(reader_of(field), 1e-6)


@pytest.mark.parametrize("budget", [MEMORY, FILE])
def test_wide_labels_are_kept_whole(field, budget):
    labels = np.asarray(field.cells.data).astype(np.uint64) + 2**40
    wide = MaskedImage(field.image, LabelMask.from_array(labels), field.regions)
    cache = PatchCache.draw(reader_of(wide), budget)
    assert int(cache.take(torch.arange(4)).labels_BHW.min()) >= 2**40


@pytest.mark.parametrize("size", [16, 21])
def test_the_middle_of_a_padded_patch_is_the_patch(field, size):
    """What is trained on lies where what is embedded lies."""
    padded = padded_size(AugmentationSettings(), size)
    cache = PatchCache.draw(reader_of(field, padded, padded), 1.0)
    (plain,) = reader_of(field, size, size, batch=1000)
    assert_same(center_crop(cache.take(plain.index_B), size), plain)
