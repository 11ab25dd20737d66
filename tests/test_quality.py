"""Quality measures on embeddings whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_splicer.quality import (
    chunk_marker_r2,
    chunk_similarity,
    linear_cka,
    linear_reading,
    rankme,
    rankme_per_chunk,
    shuffled_alignment,
)

CHUNKS = {"a": slice(0, 4), "b": slice(4, 8)}


@pytest.fixture
def random():
    return np.random.default_rng(0)


def test_rankme_counts_the_directions_used(random):
    orthogonal = np.linalg.qr(random.normal(size=(200, 8)))[0]
    assert rankme(orthogonal) == pytest.approx(8, abs=1e-3)
    assert rankme(orthogonal * [1, 1, 1, 0, 0, 0, 0, 0]) == pytest.approx(3, abs=1e-3)
    assert rankme(np.zeros((50, 8))) == pytest.approx(1, abs=1e-3)
    assert rankme(np.ones((50, 8))) == pytest.approx(1, abs=1e-3)


def test_rankme_is_the_entropy_of_the_singular_values(random):
    z = np.linalg.qr(random.normal(size=(100, 2)))[0] * [3, 1]
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert rankme(z) == pytest.approx(math.exp(entropy), abs=1e-4)


@given(
    arrays.arrays(np.float32, (12, 4), elements=st.floats(-1e3, 1e3, width=32)),
    st.floats(0.1, 10),
)
def test_rankme_has_its_bounds_and_no_scale(z, factor):
    assert 1 - 1e-4 <= rankme(z) <= 4 + 1e-4
    if np.abs(z).max() > 1:
        assert rankme(factor * z.astype(np.float64)) == pytest.approx(rankme(z), rel=1e-4)


def test_a_collapsed_chunk_shows(random):
    e = np.concatenate([random.normal(size=(300, 4)), np.ones((300, 4))], axis=1)
    ranks = rankme_per_chunk(e, CHUNKS)
    assert ranks["a"] > 3.9
    assert ranks["b"] < 1.1


def test_cka_sees_through_rotation_and_scale(random):
    x = random.normal(size=(500, 6))
    rotation = np.linalg.qr(random.normal(size=(6, 6)))[0]
    assert linear_cka(x, 3 * x @ rotation + 5) == pytest.approx(1)
    assert linear_cka(x, random.normal(size=(500, 6))) < 0.05
    assert math.isnan(linear_cka(x, np.ones((500, 2))))


def test_repeated_chunks_show(random):
    a = random.normal(size=(400, 4))
    table = chunk_similarity(np.concatenate([a, -2 * a], axis=1), CHUNKS)
    np.testing.assert_allclose(table, np.ones((2, 2)))
    e = random.normal(size=(400, 8))
    table = chunk_similarity(e, CHUNKS)
    np.testing.assert_allclose(table, table.T)
    assert table[0, 1] < 0.1


def test_r2_tells_which_chunk_knows_which_marker(random):
    e = random.normal(size=(400, 8))
    markers = np.stack(
        [e[:, :4] @ [1, 2, 3, 4], e[:, 5] + 0.1 * random.normal(size=400), np.full(400, 7.0)], 1
    )
    table = chunk_marker_r2(e, CHUNKS, markers)
    assert table.shape == (2, 3)
    assert table[0, 0] > 0.99
    assert table[1, 1] > 0.95
    assert abs(table[0, 1]) < 0.1
    assert abs(table[1, 0]) < 0.1
    assert np.isnan(table[:, 2]).all()


def test_r2_is_cross_validated_and_grouped(random):
    image = np.repeat(np.arange(6), 20)
    level = random.normal(size=(6, 8))
    e = level[image] + 0.01 * random.normal(size=(120, 8))
    marker = np.array([1.0, -1, 1, -1, 1, -1])[image][:, None]  # of the image, not of the cell
    assert chunk_marker_r2(e, CHUNKS, marker)[0, 0] > 0.5
    assert chunk_marker_r2(e, CHUNKS, marker, groups=image)[0, 0] < 0.1
    noise = random.normal(size=(120, 1))
    assert chunk_marker_r2(random.normal(size=(120, 8)), CHUNKS, noise)[0, 0] < 0.1
    one_image = chunk_marker_r2(e, CHUNKS, marker, groups=np.zeros(120))
    np.testing.assert_allclose(one_image, chunk_marker_r2(e, CHUNKS, marker))


def test_alignment_beats_shuffling_only_where_there_is_something(random):
    e = random.normal(size=(200, 6))
    assert shuffled_alignment(e, e + 0.1 * random.normal(size=e.shape)) > 0.99
    assert shuffled_alignment(e, random.normal(size=e.shape)) == pytest.approx(0.5, abs=0.05)
    assert shuffled_alignment(e, np.ones_like(e)) == 0.5


def test_what_is_predicted_but_lies_elsewhere_is_read_out(random):
    e = random.normal(size=(200, 6))
    turned = e @ np.linalg.qr(random.normal(size=(6, 6)))[0] + 0.1 * random.normal(size=e.shape)
    assert shuffled_alignment(linear_reading(e, turned), turned) > 0.95
    assert shuffled_alignment(linear_reading(e, turned), turned[::-1]) == pytest.approx(
        0.5, abs=0.05
    )
    noise = random.normal(size=e.shape)
    assert shuffled_alignment(linear_reading(e, noise), noise) == pytest.approx(0.5, abs=0.1)
    assert linear_reading(e[:, :1], turned[:, :1]).shape == (200, 1)
