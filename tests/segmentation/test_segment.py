from __future__ import annotations

import json

import numpy as np
import pytest

from napari_splicer import pipeline
from napari_splicer.errors import (
    InvalidSettings,
    NoCells,
    UnreadableFile,
    UnusableChannel,
    WouldOverwrite,
)
from napari_splicer.events import Cancel, Finished, Progress, Started
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.open import open_mask
from napari_splicer.segmentation import objects, segment
from napari_splicer.segmentation.preview import preview
from napari_splicer.segmentation.settings import SegmentationSettings

SMALL_NUCLEI = SegmentationSettings(diameter=6.0, expansion=1.5)


def pixels(mask) -> np.ndarray:
    return mask.read(0, mask.shape[0], 0, mask.shape[1])


def made(image, settings=SMALL_NUCLEI, **options):
    return pipeline.run(pipeline.segment(image, settings, **options))


def same_cells(a, b) -> bool:
    """Tell whether two label images divide their pixels in the same way."""
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    return all(len(np.unique(side)) == pairs.shape[1] for side in pairs)


def overlap(a, b) -> np.ndarray:
    """Return the share of each cell of ``a`` that one cell of ``b`` covers, and vice versa."""
    both = np.bincount(
        a.ravel().astype(np.int64) * (b.max() + 1) + b.ravel(),
        minlength=(int(a.max()) + 1) * (int(b.max()) + 1),
    ).reshape(int(a.max()) + 1, -1)
    union = both.sum(1, keepdims=True) + both.sum(0) - both
    return (both / union)[1:, 1:]


def test_the_cells_of_the_tissue_are_found(tissue) -> None:
    mask, truth = pixels(made(tissue.image)), pixels(tissue.cells)
    matched = (overlap(mask, truth) > 0.5).sum()
    assert 2 * matched / (mask.max() + len(tissue.cells.cells())) > 0.9
    assert mask.dtype == np.uint32


@pytest.mark.parametrize("block", [64, 100])
def test_the_mask_does_not_depend_on_the_blocks(tissue, monkeypatch, block: int) -> None:
    whole = pixels(made(tissue.image))
    monkeypatch.setattr(segment, "BLOCK", block)
    parts = pixels(made(tissue.image, threads=3))
    assert same_cells(parts, whole)
    ids = np.unique(parts)
    np.testing.assert_array_equal(ids, np.arange(len(ids)))


def test_too_narrow_a_margin_would_show(tissue, monkeypatch) -> None:
    whole = pixels(made(tissue.image))
    monkeypatch.setattr(segment, "BLOCK", 64)
    monkeypatch.setattr(objects, "_MARGIN", 0.5)
    assert not same_cells(pixels(made(tissue.image)), whole)


def test_threads_change_nothing(tissue, monkeypatch) -> None:
    monkeypatch.setattr(segment, "BLOCK", 64)
    one, three = (pixels(made(tissue.image, threads=n)) for n in (1, 3))
    np.testing.assert_array_equal(one, three)


def test_a_mask_on_the_disk_is_the_one_in_memory_and_says_how_it_was_made(tissue, tmp_path) -> None:
    path = tmp_path / "masks" / "cells.ome.zarr"
    mask = made(tissue.image, path=path)
    assert mask.source == str(path)
    np.testing.assert_array_equal(pixels(mask), pixels(made(tissue.image)))
    np.testing.assert_array_equal(pixels(open_mask(path)), pixels(mask))
    assert [file.name for file in path.parent.iterdir()] == ["cells.ome.zarr"]
    how = json.loads((path / ".zattrs").read_text())["napari-splicer"]["segmentation"]
    assert how == {**SMALL_NUCLEI.model_dump(), "channels": ["DNA"]}


def test_progress_counts_blocks_and_cells(tissue, monkeypatch) -> None:
    monkeypatch.setattr(segment, "BLOCK", 160)
    events = list(pipeline.segment(tissue.image, SMALL_NUCLEI))
    assert isinstance(events[0], Started)
    assert events[0].total == 4
    steps = [event for event in events if isinstance(event, Progress)]
    assert [step.done for step in steps] == [1, 2, 3, 4]
    last = events[-1]
    assert isinstance(last, Finished)
    count = len(last.result.cells())
    assert steps[-1].message == f"{count:,} cells"
    assert last.message == f"{count:,} cells were found by DNA."


def test_stopping_leaves_nothing_on_the_disk(tissue, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(segment, "BLOCK", 100)
    cancel = Cancel()
    seen = []
    path = tmp_path / "cells.ome.zarr"
    for event in pipeline.segment(tissue.image, SMALL_NUCLEI, path=path, cancel=cancel, threads=1):
        seen.append(event)
        if isinstance(event, Progress):
            cancel.request()
    assert seen[-1] == Finished("segment", cancelled=True, message="No mask was made.")
    assert len([event for event in seen if isinstance(event, Progress)]) < 16
    assert list(tmp_path.iterdir()) == []


def test_an_event_that_nobody_waits_for_leaves_nothing_either(tissue, tmp_path) -> None:
    events = pipeline.segment(tissue.image, SMALL_NUCLEI, path=tmp_path / "cells.ome.zarr")
    next(event for event in events if isinstance(event, Progress))
    events.close()
    assert list(tmp_path.iterdir()) == []


def test_a_mask_that_is_there_is_replaced_only_if_told(tissue, tmp_path) -> None:
    path = tmp_path / "cells.ome.zarr"
    made(tissue.image, path=path)
    with pytest.raises(WouldOverwrite, match=r"cells\.ome\.zarr"):
        made(tissue.image, path=path)
    larger = SMALL_NUCLEI.model_copy(update={"expansion": 3.0})
    mask = made(tissue.image, larger, path=path, overwrite=True)
    np.testing.assert_array_equal(pixels(mask), pixels(made(tissue.image, larger)))


def test_several_channels_are_added_up(tissue) -> None:
    rng = np.random.default_rng(0)
    dna = tissue.image.read(0, 320, 0, 320, ["DNA"])[0].astype(np.float32)
    halves = np.stack([dna * (rng.uniform(size=dna.shape) < 0.5) for _ in range(2)])
    image = MultiplexImage.from_array(halves, ["Ir191", "Ir193"], pixel_size=0.5)
    truth = pixels(tissue.cells)
    both = SMALL_NUCLEI.model_copy(update={"channels": ("Ir191", "Ir193")})
    right = [
        (overlap(pixels(made(image, settings)), truth) > 0.5).sum()
        for settings in (SMALL_NUCLEI, both)
    ]
    assert right[1] > right[0]


def test_undefined_pixels_are_dark(tissue) -> None:
    dna = tissue.image.read(0, 320, 0, 320, ["DNA"]).astype(np.float32)
    dna[:, 200:] = np.nan
    image = MultiplexImage.from_array(dna, ["DNA"], pixel_size=0.5)
    mask = pixels(made(image))
    assert mask[:190].any()
    assert not mask[210:].any()


def test_lengths_are_pixels_where_the_pixel_size_is_unknown(tissue) -> None:
    dna = tissue.image.read(0, 320, 0, 320, ["DNA"])
    in_pixels = SegmentationSettings(diameter=12.0, expansion=3.0)
    unknown = MultiplexImage.from_array(dna, ["DNA"])
    known = MultiplexImage.from_array(dna, ["DNA"], pixel_size=0.5)
    np.testing.assert_array_equal(pixels(made(unknown, in_pixels)), pixels(made(known)))
    with pytest.raises(InvalidSettings, match="not known how many pixels wide"):
        made(unknown, SegmentationSettings())
    with pytest.raises(InvalidSettings, match="2 pixels wide would be 2 pixels"):
        made(unknown, SegmentationSettings(diameter=2))
    with pytest.raises(InvalidSettings, match="200 µm wide would be 400 pixels"):
        made(known, SegmentationSettings(diameter=200))


def test_what_is_not_given_is_what_is_usual(tissue) -> None:
    usual = SegmentationSettings(diameter=8.0, expansion=2.0)
    expected = pixels(made(tissue.image, usual))
    np.testing.assert_array_equal(pixels(made(tissue.image, SegmentationSettings())), expected)


def test_an_image_without_nuclei_is_told_so(tmp_path) -> None:
    flat = MultiplexImage.from_array(np.full((1, 64, 64), 7, np.uint16), ["DNA"], pixel_size=1)
    with pytest.raises(UnusableChannel, match="DNA of image shows no nuclei"):
        made(flat)
    speck = np.zeros((1, 256, 256), np.uint16)
    speck[0, 100, 100] = 9
    path = tmp_path / "cells.ome.zarr"
    with pytest.raises(NoCells, match="No nucleus was found in image by DNA"):
        made(MultiplexImage.from_array(speck, ["DNA"], pixel_size=1), path=path)
    assert not path.exists()


def test_a_file_that_breaks_on_the_way_is_named_and_nothing_is_left(tmp_path, monkeypatch) -> None:
    import zarr

    from napari_splicer.images.open import open_image

    monkeypatch.setattr(segment, "BLOCK", 512)
    rng = np.random.default_rng(0)
    source = tmp_path / "image.zarr"
    stored = zarr.create_array(
        source, shape=(1, 3072, 600), chunks=(1, 256, 600), dtype="uint16", zarr_format=2
    )
    stored[:] = rng.integers(0, 99, stored.shape, dtype=np.uint16)
    (source / "0.2.0").write_bytes(b"broken")  # in no window that is looked at first
    image = open_image(source, channels=["DNA"], pixel_size=0.5)
    with pytest.raises(UnreadableFile, match=r"image\.zarr"):
        made(image, SegmentationSettings(), path=tmp_path / "cells.ome.zarr")
    assert [file.name for file in tmp_path.iterdir()] == ["image.zarr"]


def test_a_preview_is_a_piece_of_the_mask(tissue) -> None:
    whole = pixels(made(tissue.image))
    box = (60, 200, 90, 290)
    shown = preview(tissue.image, SMALL_NUCLEI, box)
    assert shown.box == box
    assert shown.channels == ("DNA",)
    piece = whole[60:200, 90:290]
    assert same_cells(shown.labels, piece)
    assert 40 < shown.cells < len(np.unique(piece))
    fewer = preview(tissue.image, SMALL_NUCLEI.model_copy(update={"sensitivity": 0.6}), box)
    assert (fewer.labels > 0).sum() < (piece > 0).sum()
