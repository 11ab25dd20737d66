from __future__ import annotations

from dataclasses import replace

import dask.array
import numpy as np
import pytest

from napari_splicer.gui.facts import examine, looked_through, looking_through, remarks, summary
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask
from napari_splicer.shares import finish


@pytest.fixture
def image() -> MultiplexImage:
    pixels = np.random.default_rng(0).random((4, 20, 30)).astype(np.float32)
    pixels[1] = 3
    pixels[2] = np.nan
    pixels[3, 0, 0] = np.nan
    return MultiplexImage.from_array(pixels, ["varied", "flat", "nothing", "holed"])


def test_channels_without_signal_are_found(image) -> None:
    constant, undefined = looked_through(image)
    assert constant == ("flat", "nothing")
    assert undefined == pytest.approx(1 / 600)  # of the channel that is "holed"


def test_integers_too() -> None:
    pixels = np.zeros((2, 8, 8), np.uint8)
    pixels[1, 3, 3] = 1
    image = MultiplexImage.from_array(pixels, ["dark", "dot"])
    assert looked_through(image) == (("dark",), 0)


def test_large_images_are_looked_through_some_rows_at_a_time(image) -> None:
    pixels = np.asarray(image.data).repeat(150, axis=1)
    large = MultiplexImage.from_array(
        dask.array.from_array(pixels, chunks=(1, 400, 30)), image.channels
    )
    shares = looking_through(large)
    assert [round(next(shares), 2) for _ in range(2)] == [0.8, 1.0]
    assert finish(shares) == looked_through(image)
    whole = np.full((1, 3000, 4), 2**63, np.uint64)
    whole[0, -1, -1] += 1  # which no float tells
    large = MultiplexImage.from_array(dask.array.from_array(whole, chunks=(1, 500, 4)), ["a"])
    assert looked_through(large) == ((), 0)


def test_pixels_without_a_number_are_said(image) -> None:
    assert (
        "Up to 0.2% of a channel's pixels hold no number"
        in remarks(image, examine(image, None))[-1]
    )
    whole = MultiplexImage.from_array(np.arange(24.0).reshape(1, 4, 6), ["a"])
    assert not [r for r in remarks(whole, examine(whole, None)) if "number" in r]


def test_cells_are_counted(image) -> None:
    labels = np.zeros((20, 30), np.uint16)
    labels[0:3, 5:8] = 7
    labels[10:13, 10:13] = 900
    facts = examine(image, LabelMask.from_array(labels))
    assert (facts.cells, facts.at_border, facts.problem) == (2, 1, "")


def test_cells_of_a_mask_of_another_size_are_not_counted(image) -> None:
    labels = np.zeros((20, 31), np.uint16)
    labels[0:3, 5:8] = 7
    labels[10:13, 10:13] = 900
    facts = examine(image, LabelMask.from_array(labels))
    assert facts.cells is None
    assert summary(image, facts) == "4 channels, 20 × 30 px"
    assert not [remark for remark in remarks(image, facts) if "touch" in remark]


def test_a_cell_in_pieces_far_apart_is_doubted(image) -> None:
    labels = np.zeros((20, 30), np.uint16)
    for number, corner in enumerate([(2, 4), (2, 12), (2, 20), (12, 4), (12, 12)], start=1):
        labels[corner[0] : corner[0] + 3, corner[1] : corner[1] + 3] = number
    facts = examine(image, LabelMask.from_array(labels))
    assert facts.scattered == ()
    labels[18, 1] = labels[1, 28] = 6
    facts = examine(image, LabelMask.from_array(labels))
    assert facts.scattered == ("6",)
    assert "Cell 6 lies in pieces far apart: is that a cell, or what" in remarks(image, facts)[-1]
    many = replace(facts, scattered=("6", "7", "8", "9"))
    assert "4 cells (6, 7, 8 …) lie in pieces" in remarks(image, many)[-1]


def test_an_empty_mask_is_a_problem_in_words(image) -> None:
    facts = examine(image, LabelMask.from_array(np.zeros((20, 30), np.uint8), name="nuclei"))
    assert facts.cells is None
    assert "nuclei holds no cells" in facts.problem


def test_without_mask_only_channels_are_judged(image) -> None:
    assert examine(image, None).constant == ("flat", "nothing")


def test_a_mask_with_one_number_for_all_cells_is_a_problem(image) -> None:
    labels = np.zeros((20, 30), np.uint8)
    labels[2:5, 2:5] = labels[9:12, 9:12] = 255
    problem = examine(image, LabelMask.from_array(labels, name="foreground")).problem
    assert "foreground" in problem
    assert "same number, 255" in problem


def test_an_image_without_any_signal_is_a_problem() -> None:
    dark = MultiplexImage.from_array(np.full((2, 20, 30), np.nan), ["a", "b"], name="dark field")
    assert "No channel of dark field" in examine(dark, None).problem
