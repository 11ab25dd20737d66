from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from napari_splicer import pipeline
from napari_splicer.analysis import grouping, neighbours, space
from napari_splicer.analysis.clustering import cluster_cells
from napari_splicer.analysis.projection import project_cells
from napari_splicer.analysis.space import CellSpace
from napari_splicer.config import ClusteringSettings, ProjectionSettings, RunConfig
from napari_splicer.events import Cancel, Finished, Progress, Warned
from napari_splicer.shares import finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from anndata import AnnData

GROUPS = np.random.default_rng(1).permutation(np.repeat([0, 1, 2, 3], [1500, 800, 500, 200]))
LEIDEN = ClusteringSettings(name="groups", resolution=0.3, landmarks=1000)
KMEANS = ClusteringSettings(name="groups", method="kmeans", clusters=4, landmarks=1000)
MAP = ProjectionSettings(landmarks=1000)


@pytest.fixture
def many(table_of: Callable[[np.ndarray], AnnData], monkeypatch: pytest.MonkeyPatch) -> AnnData:
    """3,000 cells, where 2,000 are many already, read in pieces."""
    monkeypatch.setattr(space, "MANY", 2000)
    monkeypatch.setattr(space, "PIECE", 700)
    return table_of(GROUPS)


def test_the_landmarks_nearest_to_every_other_cell_are_found(many: AnnData) -> None:
    points = CellSpace(many, "combined", seed=0, landmarks=1000)
    assert points.sampled
    assert len(points.rows) == 1000
    near = finish(points.near(5))
    assert sorted([*points.rows, *near.rows]) == list(range(3000))
    x = np.concatenate([x for _, (_, x) in points.others()])
    np.testing.assert_array_equal(near.indices, np.argsort(cdist(x, points.x))[:, :5])
    np.testing.assert_allclose(near.distances, np.sort(cdist(x, points.x))[:, :5], rtol=1e-4)
    np.testing.assert_array_equal(finish(points.near(3)).indices, near.indices[:, :3])


@pytest.mark.parametrize("settings", [LEIDEN, KMEANS])
def test_other_cells_join_the_group_they_belong_to(
    many: AnnData, settings: ClusteringSettings
) -> None:
    found = cluster_cells(many, settings)
    assert adjusted_rand_score(GROUPS, found.codes) > 0.99
    np.testing.assert_array_equal(found.counts, np.bincount(found.codes))
    assert "1,000 of the 3,000 cells" in found.remarks[0]
    np.testing.assert_array_equal(found.codes, cluster_cells(many, settings).codes)


def test_up_to_that_many_landmarks_all_cells_are_compared(many: AnnData) -> None:
    points = CellSpace(many, "combined", seed=0, landmarks=3000)
    assert not points.sampled
    assert points.remarks == ()
    assert not CellSpace(many[:2000], "combined", seed=0, landmarks=1000).sampled


def test_a_table_on_the_disk_gives_the_same_groups_and_map(many: AnnData) -> None:
    lazy = many.copy()
    lazy.X = da.from_array(many.X, chunks=(512, -1))
    for name in ("X_splicer", "X_splicer_chunks"):
        lazy.obsm[name] = da.from_array(many.obsm[name], chunks=(512, -1))
    for settings in (LEIDEN, LEIDEN.model_copy(update={"source": "chunk:left"}), KMEANS):
        np.testing.assert_array_equal(
            cluster_cells(lazy, settings).codes, cluster_cells(many, settings).codes
        )
    np.testing.assert_array_equal(project_cells(lazy, MAP), project_cells(many, MAP))


def test_cells_without_values_are_unassigned_wherever_they_are(many: AnnData) -> None:
    lost = np.arange(0, 3000, 10)
    many.obsm["X_splicer"][lost] = np.nan
    settings = LEIDEN.model_copy(update={"source": "representation"})
    found = cluster_cells(many, settings)
    assert found.names[-1] == "unassigned"
    np.testing.assert_array_equal(np.flatnonzero(found.codes == len(found.names) - 1), lost)
    layout = project_cells(many, MAP.model_copy(update={"source": "representation"}))
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(layout).any(axis=1)), lost)


def test_other_cells_are_laid_out_among_those_of_their_group(many: AnnData) -> None:
    layout = project_cells(many, MAP)
    assert np.isfinite(layout).all()
    centres = np.array([np.median(layout[group == GROUPS], axis=0) for group in range(4)])
    assert (cdist(layout, centres).argmin(axis=1) == GROUPS).mean() > 0.99
    # not all on the spot of their neighbours: as far apart as those
    points = CellSpace(many, "combined", seed=0, landmarks=1000)
    is_landmark = np.isin(np.arange(3000), points.rows)
    for group in range(4):
        own, other = (layout[(group == GROUPS) & (is_landmark == kind)] for kind in (True, False))
        assert 0.6 < other.std(axis=0).mean() / own.std(axis=0).mean() < 1.5


def _config(**values: object) -> RunConfig:
    return RunConfig(clusterings=(LEIDEN,), projection=MAP).with_values(values)


def test_progress_grows_to_the_end_and_landmarks_are_spoken_of_once(many: AnnData) -> None:
    two = _config(clusterings=[LEIDEN, KMEANS.model_copy(update={"name": "other"})])
    events = list(pipeline.cluster(many, two))
    shares = [event.done for event in events if isinstance(event, Progress)]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    assert len(set(shares)) > 10
    assert len([event for event in events if isinstance(event, Warned)]) == 1


@pytest.mark.parametrize("step", ["Groups", "Map"])
def test_a_stop_is_heeded_within_a_step(
    many: AnnData, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(neighbours, "_QUERIES", 100)
    cancel, threads = Cancel(), threading.active_count()
    after, last = 0, None
    for last in pipeline.cluster(many, _config(), cancel=cancel):
        after += cancel.requested
        here = isinstance(last, Progress) and last.message.startswith(step)
        if here and (step == "Groups" or last.done > 65):  # in the middle of what umap does
            cancel.request()
    assert isinstance(last, Finished)
    assert last.cancelled
    assert after <= 2
    assert ("groups" in last.result.obs) == (step == "Map")
    assert "X_umap" not in last.result.obsm
    assert not [t for t in threading.enumerate() if t.name.startswith("napari-splicer")]
    assert threading.active_count() <= threads + 1  # tqdm's monitor stays for good


def test_after_a_stop_in_its_midst_the_map_can_be_made(many: AnnData) -> None:
    cancel = Cancel()
    for event in pipeline.cluster(many, _config(clusterings=[]), cancel=cancel):
        if isinstance(event, Progress) and event.done > 30:
            cancel.request()
    assert event.cancelled
    with ThreadPoolExecutor(1) as pool:  # it once waited for ever
        again = pool.submit(lambda: pipeline.run(pipeline.cluster(many, _config(clusterings=[]))))
        assert "X_umap" in again.result(timeout=120).obsm


def test_k_means_can_be_given_up_between_its_starts(many: AnnData) -> None:
    few = many[:2000].copy()  # which are not sampled
    points = CellSpace(few, "combined", seed=0, landmarks=1000)
    shares = grouping.group(points, KMEANS)
    told = []
    while True:
        try:
            told.append(next(shares))
        except StopIteration as end:
            groups, _ = end.value
            break
    assert len(set(told)) >= 10
    assert told == sorted(told)
    usual = KMeans(n_clusters=4, n_init=10, random_state=KMEANS.seed).fit(points.x)
    np.testing.assert_array_equal(groups[points.rows], usual.labels_)
