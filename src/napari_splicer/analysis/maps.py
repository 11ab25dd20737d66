"""The maps that a table holds beside the one of ``X_umap``: each of what a person asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from napari_splicer.analysis.noted import as_noted, plain
from napari_splicer.analysis_settings import component_of
from napari_splicer.config import ProjectionSettings
from napari_splicer.embedding.table import MATRICES, record

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

MAIN = "X_umap"
_NOTED = "further_projections"
_LOOKED_AT = 1_000  # cells, by which the numbers of two tables are told apart


def main_sources(table: AnnData) -> tuple[str, ...]:
    """Return what ``X_umap`` is made of; nothing where there is none, or the table does not say."""
    settings = _settings(record(table).get("projection"))
    return () if settings is None or MAIN not in table.obsm else settings.sources


def further_maps(table: AnnData) -> dict[str, ProjectionSettings]:
    """Return how the maps beside ``X_umap`` were made, by their keys in ``obsm``."""
    noted = record(table).get(_NOTED)
    if not isinstance(noted, dict):
        return {}
    found = {key: _settings(noted[key]) for key in noted if key in table.obsm}
    return {key: settings for key, settings in found.items() if settings is not None}


def find_map(table: AnnData, settings: ProjectionSettings) -> str | None:
    """Return where in ``obsm`` the map of these sources lies, made as these settings say.

    That of ``X_umap`` is taken however it was made: it is the one that comes with the groups.
    """
    if set(main_sources(table)) == set(settings.sources):
        return MAIN
    return next((key for key, made in further_maps(table).items() if made == settings), None)


def add_map(table: AnnData, layout: NDArray[np.float32], settings: ProjectionSettings) -> str:
    """Keep a map beside ``X_umap``, in place of one of the same sources.

    Parameters
    ----------
    table : AnnData (n cells)
    layout : float32 (n, 2)
        As :func:`napari_splicer.analysis.projection.project_cells` returns it for this table.
    settings : ProjectionSettings

    Returns
    -------
    str
        Its key in ``obsm``: ``X_umap_immune`` for the chunk of the component immune. The settings
        are noted by it in ``uns["splicer"]["further_projections"]``.
    """
    known = further_maps(table)
    same = [key for key, made in known.items() if set(made.sources) == set(settings.sources)]
    key = same[0] if same else _free_key(table, settings)
    table.obsm[key] = layout
    noted = {each: as_noted(made) for each, made in known.items()}
    record(table)[_NOTED] = {**noted, key: as_noted(settings)}
    return key


def keep_maps(table: AnnData, before: AnnData) -> None:
    """Keep the maps, beside ``X_umap``, of an earlier table of the same cells and numbers, too."""
    for key, settings in further_maps(before).items():
        if find_map(table, settings) is None:
            add_map(table, before.obsm[key], settings)


def same_numbers(table: AnnData, other: AnnData) -> bool:
    """Return whether two tables hold the same cells, described by the same numbers.

    A copy does; one that another model made does not. Of matrices in memory, a thousand rows are
    compared: another model changes all.
    """
    if not table.obs_names.equals(other.obs_names) or not table.var_names.equals(other.var_names):
        return False
    pairs = [(table.X, other.X)]
    pairs += [(table.obsm.get(name), other.obsm.get(name)) for name in MATRICES]
    return all(_alike(one, another) for one, another in pairs)


def _alike(one: Any, other: Any) -> bool:
    if one is None or other is None or one is other:
        return one is other
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        name = getattr(one, "name", None)  # of what is read piece by piece
        return name is not None and name == getattr(other, "name", None)
    if one.shape != other.shape:
        return False
    rows = np.linspace(0, len(one) - 1, min(len(one), _LOOKED_AT)).astype(np.int64)
    return np.array_equal(one[rows], other[rows], equal_nan=True)


def _settings(noted: Any) -> ProjectionSettings | None:
    if not isinstance(noted, dict):
        return None
    try:
        return ProjectionSettings.model_validate(plain(noted))
    except ValidationError:  # of another version, or not written here
        return None


def _free_key(table: AnnData, settings: ProjectionSettings) -> str:
    """Return a key of letters, digits, ``_`` and ``-``; file systems take case for the same."""
    words = "_".join(component_of(source) or source for source in settings.sources)
    plainly = re.sub(r"[^A-Za-z0-9_]+", "-", words).strip("-") or "component"
    taken = {name.lower() for name in table.obsm}
    key, number = f"{MAIN}_{plainly}", 2
    while key.lower() in taken:
        key, number = f"{MAIN}_{plainly}_{number}", number + 1
    return key
