from __future__ import annotations

import math

import numpy as np
import pytest

from napari_splicer.analysis.probe import probe, probe_transfer, spatial_blocks
from napari_splicer.errors import InvalidSettings


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(0).choice(["T", "B", "M"], 300, p=[0.6, 0.3, 0.1])


@pytest.fixture
def told_apart(labels: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(1)
    centres = {"T": [4, 0, 0], "B": [0, 4, 0], "M": [0, 0, 4]}
    return np.array([centres[label] for label in labels]) + rng.normal(size=(300, 3))


@pytest.mark.parametrize("classifier", ["logistic", "knn"])
def test_what_the_features_hold_is_read(
    told_apart: np.ndarray, labels: np.ndarray, classifier: str
) -> None:
    result = probe(told_apart * [1, 1000, 1], labels, classifier=classifier)
    assert min(result.accuracy, result.balanced_accuracy, result.macro_f1) > 0.93
    assert result.auroc > 0.98


def test_noise_is_not_mistaken_for_signal(labels: np.ndarray) -> None:
    noise = np.random.default_rng(2).normal(size=(300, 10))
    result = probe(noise, labels)
    assert abs(result.auroc - 0.5) < 0.1
    assert result.balanced_accuracy < 0.45


def test_groups_keep_a_classifier_from_recognising_the_image(labels: np.ndarray) -> None:
    """The features tell only the image, and every image has its own mixture of types."""
    rng = np.random.default_rng(3)
    images = np.repeat(np.arange(6), 50)
    labels = np.where(rng.random(300) < images / 5 * 0.9 + 0.05, "T", "B")
    features = np.eye(6)[images] + rng.normal(scale=0.1, size=(300, 6))
    assert probe(features, labels).auroc > 0.75
    assert probe(features, labels, images).auroc < 0.6


def test_transfer_tests_only_on_the_other_cells(told_apart: np.ndarray, labels: np.ndarray) -> None:
    good = probe_transfer(told_apart[:200], labels[:200], told_apart[200:], labels[200:])
    assert good.macro_f1 > 0.9
    shifted = probe_transfer(told_apart[:200], labels[:200], -told_apart[200:], labels[200:])
    assert shifted.macro_f1 < 0.3


def test_classes_on_one_side_only_do_not_break_the_scores(told_apart: np.ndarray) -> None:
    train, test = np.array(["T", "B"] * 50), np.array(["T", "M"] * 50)
    result = probe_transfer(told_apart[:100], train, told_apart[100:200], test)
    assert 0 <= result.macro_f1 <= 1
    alone = probe_transfer(told_apart[:100], train, told_apart[100:200], ["T"] * 100)
    assert math.isnan(alone.auroc)


def test_too_little_to_learn_from_is_said(told_apart: np.ndarray, labels: np.ndarray) -> None:
    with pytest.raises(InvalidSettings, match="two classes"):
        probe(told_apart, np.full(300, "T"))
    with pytest.raises(InvalidSettings, match="'rare'"):
        probe(told_apart, np.r_[labels[:-1], ["rare"]])
    with pytest.raises(InvalidSettings, match="one group"):
        probe(told_apart, labels, np.zeros(300))
    with pytest.raises(InvalidSettings, match="same label"):
        probe_transfer(told_apart, np.full(300, "T"), told_apart, labels)


def test_a_fold_that_sees_one_class_only_still_counts() -> None:
    labels = np.repeat(["T", "B"], 10)
    result = probe(np.eye(20), labels, groups=labels)
    assert result.accuracy == 0


def test_blocks_are_equal_and_compact() -> None:
    xy = np.random.default_rng(0).random((1000, 2)) * [4000, 500]
    blocks = spatial_blocks(xy, 4)
    assert set(np.bincount(blocks)) == {62, 63}
    assert len(set(blocks)) == 16
    for block in range(16):
        assert (np.ptp(xy[blocks == block], axis=0) < [1400, 180]).all()
