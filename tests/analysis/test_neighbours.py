from __future__ import annotations

import sys
import threading
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from napari_splicer import shares
from napari_splicer.analysis import neighbours
from napari_splicer.analysis.neighbours import fuzzy_graph, nearest
from napari_splicer.errors import NoCells
from napari_splicer.shares import finish


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)


def test_neighbours_are_the_nearest_cells(x: np.ndarray) -> None:
    found = finish(nearest(x, 7))
    distances = cdist(x, x)
    np.testing.assert_array_equal(found.indices, np.argsort(distances, axis=1)[:, :8])
    np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :8], atol=1e-5)
    assert found.remarks == ()


def test_a_cell_is_never_its_own_neighbour_even_among_equal_ones() -> None:
    found = finish(nearest(np.zeros((20, 3), np.float32), 5))
    np.testing.assert_array_equal(found.indices[:, 0], np.arange(20))
    assert not (found.indices[:, 1:] == np.arange(20)[:, None]).any()


@pytest.mark.slow
def test_descent_finds_what_comparing_all_pairs_finds(
    x: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    x[100:140] = x[100]  # more equal cells than neighbours
    exact = finish(nearest(x, 10))
    monkeypatch.setattr(neighbours, "_EXACT_UP_TO", 10)
    found = finish(nearest(x, 10, seed=1))
    np.testing.assert_array_equal(found.indices[:, 0], np.arange(300))
    assert not (found.indices[:, 1:] == np.arange(300)[:, None]).any()
    shared = [len(set(a) & set(b)) for a, b in zip(found.indices, exact.indices, strict=True)]
    apart = np.r_[0:100, 140:300]
    assert np.mean(np.array(shared)[apart]) > 10.5
    np.testing.assert_array_equal(found.indices, finish(nearest(x, 10, seed=1)).indices)


def test_a_descent_is_not_waited_for_where_it_is_given_up(
    x: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def descent(x: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        begun.set()
        assert go_on.wait(60)
        return np.arange(1, 1 + len(x))[:, None] % len(x), np.ones((len(x), 1), np.float32)

    monkeypatch.setattr(neighbours, "_EXACT_UP_TO", 10)
    monkeypatch.setattr(shares, "_LOOK", 0.01)
    monkeypatch.setattr(neighbours, "_descent", descent)
    given_up, gone_on = nearest(x, 1), nearest(x, 1)
    assert [next(given_up) for _ in range(3)] == [0.0] * 3
    assert begun.wait(60)
    given_up.close()  # while the descent is still under way
    assert [next(gone_on) for _ in range(3)] == [0.0] * 3
    go_on.set()
    assert finish(gone_on).indices[:, 1].tolist() == [*range(1, len(x)), 0]


def test_few_cells_get_as_many_neighbours_as_there_are(x: np.ndarray) -> None:
    found = finish(nearest(x[:4], 15))
    assert found.indices.shape == (4, 4)
    assert "3 others instead of 15" in found.remarks[0]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_cells_cannot_be_compared(x: np.ndarray, count: int) -> None:
    with pytest.raises(NoCells, match=f"{count} cell"):
        finish(nearest(x[:count], 15))


def test_the_graph_is_symmetric_and_strongest_for_the_nearest(x: np.ndarray) -> None:
    found = finish(nearest(x, 10))
    graph = fuzzy_graph(found)
    assert graph.shape == (300, 300)
    assert abs(graph - graph.T).max() == 0
    assert 0 < graph.data.min() <= graph.data.max() <= 1
    assert graph.diagonal().max() == 0
    np.testing.assert_allclose(graph.toarray()[np.arange(300), found.indices[:, 1]], 1, atol=1e-6)


class _Cuml(ModuleType):
    """Stands in for ``cuml.neighbors``, whose search has scikit-learn's calls; no GPU here."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__("cuml.neighbors")
        self.error, self.made = error, 0

    def NearestNeighbors(self, **options: object) -> NearestNeighbors:
        assert options.pop("output_type") == "numpy"
        self.made += 1
        if self.error is not None:
            raise self.error
        return NearestNeighbors(**options)


def _install(monkeypatch: pytest.MonkeyPatch, cuml: _Cuml) -> None:
    parent = ModuleType("cuml")
    parent.__spec__ = ModuleSpec("cuml", None)
    monkeypatch.setitem(sys.modules, "cuml", parent)
    monkeypatch.setitem(sys.modules, "cuml.neighbors", cuml)


@pytest.mark.parametrize("most", [10, 100_000])
def test_cuml_compares_where_it_works(
    x: np.ndarray, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = finish(nearest(x, 7))
    monkeypatch.setattr(neighbours, "_EXACT_UP_TO", most)
    cuml = _Cuml()
    _install(monkeypatch, cuml)
    found = finish(nearest(x, 7))
    assert cuml.made == 1
    assert "on the GPU" in found.remarks[0]
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.distances, expected.distances)


def test_without_a_gpu_cuml_is_left_alone_and_that_is_said(
    x: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = finish(nearest(x, 7))
    _install(monkeypatch, _Cuml(RuntimeError("no CUDA-capable device\nat cuda.cpp:1")))
    found = finish(nearest(x, 7))
    assert found.remarks == ("cuML is installed but could not be used (no CUDA-capable device).",)
    np.testing.assert_array_equal(found.indices, expected.indices)
