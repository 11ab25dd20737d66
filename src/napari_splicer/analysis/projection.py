"""The map of the cells: two dimensions in which similar cells lie close."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.analysis.features import features, principal_components
from napari_splicer.analysis.neighbours import NUMBA_LOCK, fuzzy_graph, nearest
from napari_splicer.embedding.table import record

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.config import ProjectionSettings

_FEWEST_FOR_UMAP = 10
_EPOCHS = 200  # enough from a layout that is right in the large already
_SPREAD = 1.0


def project_cells(table: AnnData, settings: ProjectionSettings) -> NDArray[np.float32]:
    """Lay the cells out in two dimensions; the table is not changed.

    UMAP (McInnes, Healy, Melville 2018, arXiv:1802.03426) from a layout by principal components
    (Kobak and Linderman 2021, doi:10.1038/s41587-020-00809-z), so that distances between groups
    mean something and the same seed gives the same map. Fewer than ten cells are laid out by
    principal components alone.

    Returns
    -------
    float32 (n, 2)
        NaN for cells without any finite value.

    Raises
    ------
    InvalidSettings, UnusableChannel
        As :func:`napari_splicer.analysis.features.features`.
    """
    x = features(table, settings.source)
    known = np.isfinite(x).all(axis=1)
    layout = np.full((len(x), 2), np.nan, np.float32)
    layout[known] = _project(x[known], settings)
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
    record(table)["projection"] = settings.model_dump()


def has_projection(table: AnnData, settings: ProjectionSettings) -> bool:
    """Return whether the table holds the map that these settings give."""
    return "X_umap" in table.obsm and record(table).get("projection") == settings.model_dump()


def _project(x: NDArray[np.float32], settings: ProjectionSettings) -> NDArray[np.float32]:
    x = principal_components(x, seed=settings.seed)
    start = np.zeros((len(x), 2), np.float32)
    first_two = principal_components(x, 2, seed=settings.seed)
    start[:, : first_two.shape[1]] = first_two
    if len(x) < _FEWEST_FOR_UMAP:
        return start
    graph = fuzzy_graph(nearest(x, settings.neighbours, seed=settings.seed))
    with NUMBA_LOCK:
        from umap.umap_ import find_ab_params, simplicial_set_embedding

        a, b = find_ab_params(_SPREAD, settings.min_dist)
        layout, _ = simplicial_set_embedding(
            x,
            graph.tocoo(),
            n_components=2,
            initial_alpha=1.0,
            a=a,
            b=b,
            gamma=1.0,
            negative_sample_rate=5,
            n_epochs=_EPOCHS,
            init=_spread_out(start, settings.seed),
            random_state=np.random.RandomState(settings.seed),  # umap takes no other
            metric="euclidean",
            metric_kwds={},
            densmap=False,
            densmap_kwds={},
            output_dens=False,
        )
    return np.asarray(layout, np.float32)


def _spread_out(start: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Scale a layout to ±10, where UMAP's forces act, and part cells on the same spot."""
    scaled = start * (10 / max(float(np.abs(start).max()), 1e-12))
    noise = np.random.default_rng(seed).normal(scale=1e-4, size=start.shape)
    return (scaled + noise).astype(np.float32)
