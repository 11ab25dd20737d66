"""Masks from the command line."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from napari_splicer.cli.app import call
from napari_splicer.images.open import open_mask
from napari_splicer.images.patterns import with_usual_masks
from napari_splicer.settings import ImageInput

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def slides(tissue_files: Path, tmp_path: Path) -> Path:
    """A folder with two images and no masks."""
    for name in ("a", "b"):
        shutil.copy(tissue_files / "tissue.ome.tif", tmp_path / f"{name}.ome.tif")
    return tmp_path


def test_masks_are_written_where_they_are_looked_for(
    slides: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["segment", str(slides / "*.ome.tif"), "--diameter", "6"]) == 0
    told = capsys.readouterr()
    assert "cells were found by DNA" in told.err
    for name in ("a", "b"):
        path = slides / f"{name}_cells.ome.zarr"
        assert f"mask: {path}" in told.out
        assert 60 < len(open_mask(path).cells()) < 120
        (found,) = with_usual_masks([ImageInput(image=str(slides / f"{name}.ome.tif"))], slides)
        assert found.mask == str(path)


def test_a_mask_that_is_there_is_kept(slides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["segment", str(slides / "a.ome.tif"), "--folder", str(slides / "masks")]
    assert call(words) == 0
    assert call(words) == 6
    assert "--overwrite" in capsys.readouterr().err
    assert call([*words, "--overwrite", "--expansion", "0", "--channel", "DNA", "CD3"]) == 0
    attributes = (slides / "masks" / "a_cells.ome.zarr" / ".zattrs").read_text(encoding="utf-8")
    how = json.loads(attributes)["napari-splicer"]["segmentation"]
    assert how["expansion"] == 0
    assert how["channels"] == ["DNA", "CD3"]


def test_masks_made_before_are_no_images(slides: Path) -> None:
    import zarr

    image = zarr.open_array(slides / "c.ome.zarr", mode="w", shape=(1, 64, 64), zarr_format=2)
    image[:] = 1
    assert call(["segment", str(slides / "a.ome.tif")]) == 0
    shutil.copytree(slides / "a_cells.ome.zarr", slides / "c_cells.ome.zarr")
    assert call(["segment", str(slides / "c*.ome.zarr"), "--channel", "Channel 1"]) == 6


def test_an_image_that_can_not_be_segmented_does_not_keep_the_others_from_it(
    slides: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (slides / "a.ome.tif").write_bytes(b"no image")
    (slides / "a0.ome.tif").write_bytes(b"no image either")
    assert call(["segment", str(slides / "*.ome.tif"), "--diameter", "6"]) == 3
    told = capsys.readouterr()
    assert f"mask: {slides / 'b_cells.ome.zarr'}" in told.out
    words = " ".join(told.err.split())
    assert "2 of 3 images have no mask" in words
    assert "a.ome.tif:" in words
    assert "a0.ome.tif:" in words


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "No image is named"),
        (["a.ome.tif", "--diameter", "0"], 2, "diameter must be more than 0"),
        (["a.ome.tif", "--channel", "DAPI"], 4, "no channel DAPI"),
        (["lost.tif"], 3, "There is no file"),
        (["a.ome.tif", "--pixel-size", "4"], 2, "2 pixels wide"),
    ],
)
def test_mistakes_are_told(
    slides: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert call(["segment", *[str(slides / w) if w.endswith("tif") else w for w in words]]) == code
    assert said in capsys.readouterr().err
    assert len(list(slides.iterdir())) == 2
