"""Where the map draws the cells: by UMAP or principal components of one source, or any two numbers.

No Qt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.analysis.maps import MAIN, find_map, main_sources
from napari_splicer.config import ProjectionSettings
from napari_splicer.gui.map_choice import COMPONENTS, MAP
from napari_splicer.gui.naming import offered_sources, source_words
from napari_splicer.gui.numbers import values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.gui.map_choice import MapKind
    from napari_splicer.gui.session import Session
    from napari_splicer.shares import Shares


@dataclass(frozen=True, eq=False)
class Places:
    """Where the cells are drawn.

    Parameters
    ----------
    points : float (n, 2)
        x and y; NaN for cells that have no place.
    labels : (str, str)
        Of the axes; empty where they mean nothing by themselves.
    title : str
        What the places are made of; empty where the labels say it.
    """

    points: NDArray[np.float64]
    labels: tuple[str, str] = ("", "")
    title: str = ""


def usual_sources(session: Session, table: AnnData, kind: MapKind) -> tuple[str, ...]:
    """Return what a map of a table is of unless a person has chosen."""
    if "X_splicer" not in table.obsm:
        return ("intensity",)
    if kind == COMPONENTS:
        return ("representation",)
    wanted = main_sources(table) or session.settings.projection.sources
    offered = offered_sources(table)
    return wanted if {*wanted} <= {*offered} else offered[:1]


def map_settings(session: Session, sources: Sequence[str]) -> ProjectionSettings:
    """Return how a map of some sources is made."""
    projection = session.settings.projection
    return ProjectionSettings.model_validate(projection.model_dump() | {"source": tuple(sources)})


def map_key(session: Session, table: AnnData, sources: Sequence[str]) -> str | None:
    """Return where in ``obsm`` a table holds the map of some sources; None where it does not."""
    if MAIN in table.obsm and {*sources} == {*usual_sources(session, table, MAP)}:
        return MAIN
    return find_map(table, map_settings(session, sources))


def nowhere(cells: int) -> Places:
    """Return places of cells that have none yet."""
    return Places(np.full((cells, 2), np.nan))


def on_the_map(table: AnnData, key: str, sources: Sequence[str]) -> Places:
    """Return the places that a map of the table gives the cells, by its key in ``obsm``."""
    points = np.asarray(table.obsm[key], np.float64)[:, :2]
    return Places(points, title=f"UMAP of {source_words(sources)}")


def laying_out(table: AnnData, settings: ProjectionSettings) -> Shares[NDArray[np.float32]]:
    """Make a map of a table's cells; yields how much of it is done."""
    from napari_splicer.analysis.projection import projecting
    from napari_splicer.analysis.space import CellSpace

    yield 0.0
    seed, landmarks = settings.seed, settings.landmarks
    space = CellSpace(table, settings.sources, seed=seed, landmarks=landmarks)
    layout = yield from projecting(space, settings)
    return layout


def along_components(table: AnnData, sources: Sequence[str]) -> Shares[Places]:
    """Find the cells' places along the first two principal components; yields the share done."""
    from napari_splicer.analysis.space import finding_components

    scores = yield from finding_components(table, sources, 2)
    points = np.zeros((len(scores), 2))
    points[:, : scores.shape[1]] = scores
    points[~np.isfinite(scores).all(axis=1)] = np.nan
    return Places(points, ("PC 1", "PC 2"), f"PCA of {source_words(sources)}")


def against(session: Session, x: str, y: str) -> Places:
    """Return the cells' places by two markers, measures or columns of the session's table."""
    table, values, labels = session.table, [], []
    for name in (x, y):
        is_marker = table is not None and name in table.var_names
        found = values_of(session, name)
        values.append(_bent(found) if is_marker else found)
        labels.append(f"{name} (arcsinh)" if is_marker else name)
    return Places(np.stack(values, axis=1), (labels[0], labels[1]))


def _bent(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a marker's intensities on the scale that cells are compared on."""
    from napari_splicer.analysis.features import bent

    return np.asarray(bent(values[:, None].astype(np.float32))[:, 0], np.float64)
