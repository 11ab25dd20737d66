"""Tensors in a file without a name come back as they were written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_splicer.errors import CannotWrite
from napari_splicer.patches.canvas import as_bits
from napari_splicer.patches.patch_file import PatchFile, disk_folder

resource = pytest.importorskip("resource", reason="limits the size of files on POSIX systems")

LIKE = {
    "pixels": torch.empty((10, 3, 7, 7), dtype=torch.uint16, device="meta"),
    "labels": torch.empty((10, 7, 7), dtype=torch.int32, device="meta"),
    "floats": torch.empty((10, 5), dtype=torch.float32, device="meta"),
    "nothing": torch.empty((10, 0, 7, 7), dtype=torch.bool, device="meta"),
    "masks": torch.empty((10, 2, 7, 7), dtype=torch.bool, device="meta"),
}


def test_rows_come_back_as_they_were_written(tmp_path):
    generator = torch.Generator().manual_seed(0)
    values = {
        name: torch.randint(0, 2, like.shape, generator=generator).to(like.dtype)
        if like.dtype == torch.bool
        else torch.randint(0, 65_000, like.shape, generator=generator).to(like.dtype)
        for name, like in LIKE.items()
    }
    with PatchFile(LIKE, tmp_path) as file:
        for rows in torch.randperm(10, generator=generator).split(4):
            for name, value in values.items():
                file.write(name, rows, as_bits(value)[rows].view(value.dtype))
        kept = file.mapped()
    kept.expect(torch.tensor([3, 9]))
    for name, got in kept.tensors.items():
        assert got.dtype == values[name].dtype
        assert got.data_ptr() % 8 == 0
        assert torch.equal(got.to(torch.float64), values[name].to(torch.float64)), name
    assert list(tmp_path.iterdir()) == [], "nothing would be left if the program were killed"


def write_ones(folder):
    with PatchFile(LIKE, folder) as file:
        for row in torch.arange(10).split(1):
            file.write("pixels", row, torch.ones(1, 3, 7, 7))
            file.write("floats", row, torch.ones(1, 5))
        file.mapped()


def test_a_full_disk_is_said(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(CannotWrite, match=r"can't be kept .* Free some space, .*cache_gb"):
            write_ones(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_yet_has_a_disk(tmp_path):
    assert disk_folder(tmp_path / "run" / "checkpoint") == tmp_path
    with pytest.raises(CannotWrite, match="No such file"):
        PatchFile(LIKE, tmp_path / "run")


def test_a_drive_that_is_not_there_is_told(monkeypatch):
    # Where there are no drives, something of every path is there.
    monkeypatch.setattr("napari_splicer.patches.patch_file.Path.is_dir", lambda _: False)
    with pytest.raises(CannotWrite, match="no such drive or folder"):
        disk_folder(Path("Z:/run"))
