"""The map of the cells: two dimensions in which similar cells lie close."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.analysis.features import principal_components
from napari_splicer.analysis.neighbours import NUMBA_LOCK, fuzzy_graph
from napari_splicer.analysis.noted import as_noted, plain
from napari_splicer.analysis.space import CellSpace
from napari_splicer.embedding.table import record
from napari_splicer.shares import finish, part, watched

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.analysis.space import Near
    from napari_splicer.config import ProjectionSettings
    from napari_splicer.shares import Report, Shares

_FEWEST_FOR_UMAP = 10
_EPOCHS = 200  # enough from a layout that is right in the large already
_EPOCHS_BETWEEN = 30  # of cells among others that stay where they are
_PIECE = 20_000  # cells that are fitted in at once
_SPREAD, _STEP, _REPULSION, _NEGATIVES = 1.0, 1.0, 1.0, 5  # umap's defaults


def project_cells(table: AnnData, settings: ProjectionSettings) -> NDArray[np.float32]:
    """Lay the cells out in two dimensions; the table is not changed.

    UMAP (McInnes, Healy, Melville 2018, arXiv:1802.03426) from a layout by principal components
    (Kobak and Linderman 2021, doi:10.1038/s41587-020-00809-z), so that distances between groups
    mean something and the same seed gives the same map. Fewer than ten cells are laid out by
    principal components alone. Of more than :data:`napari_splicer.analysis.space.MANY` cells, some
    are laid out so, and the others are then fitted in between, as UMAP's ``transform`` does.

    Returns
    -------
    float32 (n, 2)
        NaN for cells without any finite value.

    Raises
    ------
    InvalidSettings, UnusableChannel
        As :func:`napari_splicer.analysis.features.features`.
    """
    space = CellSpace(table, settings.sources, seed=settings.seed, landmarks=settings.landmarks)
    return finish(projecting(space, settings))


def projecting(space: CellSpace, settings: ProjectionSettings) -> Shares[NDArray[np.float32]]:
    """Lay cells out as :func:`project_cells` does, in a space that others may use as well."""
    layout = np.full((space.count, 2), np.nan, np.float32)
    laid_out = _laid_out(space, settings)
    own = yield from part(laid_out, 0, 0.5 if space.sampled else 1)
    layout[space.rows] = own
    if space.sampled:
        near = yield from part(space.near(settings.neighbours), 0.5, 0.8)
        layout[near.rows] = yield from part(_fitted_in(near, own, settings), 0.8, 1)
    return layout


def add_projection(
    table: AnnData, layout: NDArray[np.float32], settings: ProjectionSettings
) -> None:
    """Write a map to ``obsm["X_umap"]`` and its settings to ``uns["splicer"]["projection"]``.

    Parameters
    ----------
    table : AnnData (n cells)
    layout : float32 (n, 2)
        As :func:`project_cells` returns it for this table.
    settings : ProjectionSettings
    """
    table.obsm["X_umap"] = layout
    record(table)["projection"] = as_noted(settings)


def has_projection(table: AnnData, settings: ProjectionSettings) -> bool:
    """Return whether the table holds the map that these settings give."""
    noted = plain(record(table).get("projection", {}))
    return "X_umap" in table.obsm and noted == settings.model_dump(mode="json")


def _laid_out(space: CellSpace, settings: ProjectionSettings) -> Shares[NDArray[np.float32]]:
    """Lay the landmarks out."""
    x = space.x
    start = np.zeros((len(x), 2), np.float32)
    first_two = principal_components(x, 2, seed=settings.seed)
    start[:, : first_two.shape[1]] = first_two
    if len(x) < _FEWEST_FOR_UMAP:
        return start
    neighbours = yield from part(space.neighbours(settings.neighbours, seed=settings.seed), 0, 0.4)
    graph = fuzzy_graph(neighbours)
    start = _spread_out(start, settings.seed)

    def by_umap(report: Report) -> NDArray[np.float32]:
        with NUMBA_LOCK:
            from umap.umap_ import simplicial_set_embedding

            a, b = _curve(settings)
            layout, _ = simplicial_set_embedding(
                x,
                graph.tocoo(),
                n_components=2,
                initial_alpha=_STEP,
                a=a,
                b=b,
                gamma=_REPULSION,
                negative_sample_rate=_NEGATIVES,
                n_epochs=_EPOCHS,
                init=start,
                random_state=np.random.RandomState(settings.seed),  # umap takes no other
                metric="euclidean",
                metric_kwds={},
                densmap=False,
                densmap_kwds={},
                output_dens=False,
                tqdm_kwds={
                    "disable": False,
                    "file": StringIO(),
                    "leave": False,
                    "miniters": _Epochs(report, _EPOCHS),
                },
            )
        return np.asarray(layout, np.float32)

    layout = yield from part(watched(by_umap), 0.4, 1)
    return layout


class _Epochs(int):
    """How often umap's progress bar is drawn: asked after every epoch, it says never, and reports.

    Nowhere else can umap be stopped: what draws the bar holds a lock that is not given back when
    drawing fails, and every bar of this process would then wait for it.
    """

    def __new__(cls, report: Report, epochs: int) -> _Epochs:
        """Report shares of so many epochs."""
        every = super().__new__(cls, 1)
        every._report, every._epochs = report, epochs
        return every

    _report: Report
    _epochs: int

    def __le__(self, done: int) -> bool:
        """Take the number of epochs that are done: Python asks here for ``done >= self``."""
        self._report(done / self._epochs)
        return False


def _fitted_in(
    near: Near, landmarks: NDArray[np.float32], settings: ProjectionSettings
) -> Shares[NDArray[np.float32]]:
    """Place cells among landmarks that stay: where those near to them are, then by UMAP's forces.

    ``UMAP.transform`` of umap-learn, with neighbours that were found already. ``landmarks`` float32
    (m, 2); returns float32 (r, 2).
    """
    layout = np.empty((len(near.rows), 2), np.float32)
    for start in range(0, len(layout), _PIECE):
        rows = slice(start, start + _PIECE)
        layout[rows] = _piece_fitted_in(
            near.indices[rows], near.distances[rows], landmarks, settings
        )
        yield min(start + _PIECE, len(layout)) / len(layout)
    return layout


def _piece_fitted_in(
    indices: NDArray[np.int64],
    distances: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    settings: ProjectionSettings,
) -> NDArray[np.float32]:
    from scipy.sparse import coo_array

    with NUMBA_LOCK:
        from umap.layouts import optimize_layout_euclidean
        from umap.umap_ import (
            compute_membership_strengths,
            make_epochs_per_sample,
            smooth_knn_dist,
        )

        sigmas, rhos = smooth_knn_dist(distances, float(indices.shape[1]), local_connectivity=0.0)
        row, column, weight, _ = compute_membership_strengths(
            indices.astype(np.int32), distances, sigmas, rhos, bipartite=True
        )
        weights = coo_array((weight, (row, column)), (len(indices), len(landmarks))).tocsr()
        total = np.asarray(weights.sum(axis=1)).reshape(-1, 1)
        layout = np.asarray(weights @ landmarks / total, np.float32)
        strong = weight >= weight.max() / _EPOCHS_BETWEEN
        row, column, weight = row[strong], column[strong], weight[strong]
        a, b = _curve(settings)
        fitted = optimize_layout_euclidean(
            layout,
            landmarks.copy(),
            row,
            column,
            _EPOCHS_BETWEEN,
            len(landmarks),
            make_epochs_per_sample(weight, _EPOCHS_BETWEEN),
            a,
            b,
            np.random.default_rng(settings.seed).integers(-(2**31), 2**31 - 1, 3),
            _REPULSION,
            _STEP / 4,
            _NEGATIVES,
        )
    return np.asarray(fitted, np.float32)


def _curve(settings: ProjectionSettings) -> tuple[float, float]:
    """Return a and b of UMAP's curve from distance in the map to likeness."""
    from umap.umap_ import find_ab_params

    a, b = find_ab_params(_SPREAD, settings.min_dist)
    return float(a), float(b)


def _spread_out(start: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Scale a layout to ±10, where UMAP's forces act, and part cells on the same spot."""
    scaled = start * (10 / max(float(np.abs(start).max()), 1e-12))
    noise = np.random.default_rng(seed).normal(scale=1e-4, size=start.shape)
    return (scaled + noise).astype(np.float32)
