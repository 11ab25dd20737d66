"""Runs that make a mask, without a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_splicer.errors import NoCells
from napari_splicer.gui import commands
from napari_splicer.gui.naming import rename_channels
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.segmenting import free_path, in_full, segment
from napari_splicer.images.image import MultiplexImage
from napari_splicer.segmentation.settings import SegmentationSettings

if TYPE_CHECKING:
    from napari_splicer.gui.session import Session


@pytest.fixture
def bare(session) -> Session:
    """A session whose image has no mask; no files go anywhere but the test's folder."""
    session.cells = None
    session.facts = None
    session.segmentation = SegmentationSettings(diameter=12.0)
    return session


def play(session, run) -> list:
    """Do with a run what a worker does; return the masks that were handed out."""
    masks: list = []
    session.mask_made.connect(masks.append)
    commands.begin(session, run)
    for event in run.events():
        commands.apply(session, run, [event])
    return masks


def test_a_mask_is_made_kept_and_handed_to_the_viewer(bare, tmp_path) -> None:
    run = segment(bare)
    (mask,) = play(bare, run)
    assert mask.source == str(run.folder)
    assert run.folder == tmp_path / "run" / "masks" / "synthetic-tissue-cells.ome.zarr"
    assert mask.shape == bare.image.shape
    assert bare.job is None
    assert bare.notice.text.startswith(f"{len(mask.cells())} cells were found by DNA.")
    assert str(run.folder) in bare.notice.text
    assert segment(bare).folder.name == "synthetic-tissue-cells_2.ome.zarr"


def test_while_a_mask_is_made_the_first_step_runs(bare) -> None:
    run = segment(bare)
    commands.begin(bare, run)
    readiness = resolve(bare.snapshot())
    assert readiness.steps["image"].status == "running"
    assert readiness.steps["model"].status == "blocked"
    assert "mask appears" in readiness.advice


def test_a_mask_of_an_image_that_was_left_is_only_kept(bare) -> None:
    run = segment(bare)
    renamed = [f"marker {i}" for i in range(len(bare.image.channels))]
    rename_channels(bare, bare.image.with_channels(renamed))
    assert len(play(bare, run)) == 1
    bare.segmentation = SegmentationSettings(channels=("marker 0",))
    run = segment(bare)
    bare.image = MultiplexImage.from_array(bare.image.data.compute(), name="another")
    assert play(bare, run) == []
    assert run.folder.exists()
    assert str(run.folder) in bare.notice.text


def test_stopping_says_that_no_mask_was_made(bare) -> None:
    run = segment(bare)
    commands.begin(bare, run)
    commands.request_cancel(bare, run)
    assert play(bare, run) == []
    assert bare.notice.text == "Stopped. No mask was made."
    assert not run.folder.exists()


def test_what_goes_wrong_is_told(bare) -> None:
    bare.segmentation = SegmentationSettings(channels=("GZMB",), sensitivity=0.1, diameter=40)
    run = segment(bare)
    with pytest.raises(NoCells, match="by GZMB") as failed:
        play(bare, run)
    commands.fail(bare, run, failed.value)
    assert "another nuclear channel" in bare.notice.text
    assert bare.job is None


def test_lengths_are_shown_in_the_units_of_the_image() -> None:
    plane = np.zeros((1, 8, 8), np.uint8)
    known, unknown = (
        MultiplexImage.from_array(plane, ["DNA"], pixel_size=size) for size in (0.5, None)
    )
    usual = SegmentationSettings()
    assert (in_full(usual, known).diameter, in_full(usual, known).expansion) == (8, 2)
    assert (in_full(usual, unknown).diameter, in_full(usual, unknown).expansion) == (16, 4)
    own = SegmentationSettings(diameter=10, expansion=0)
    assert in_full(own, unknown) == own


def test_a_name_that_is_taken_is_numbered(tmp_path) -> None:
    assert free_path(tmp_path / "none", "a-cells").name == "a-cells.ome.zarr"
    (tmp_path / "a-cells.ome.zarr").mkdir()
    assert free_path(tmp_path, "a-cells").name == "a-cells_2.ome.zarr"
