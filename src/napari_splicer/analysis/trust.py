"""How sure groups are: how far they depend on chance, and follow what is no biology."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_splicer.analysis.clustering import clusterings, seeded
from napari_splicer.analysis.groups import earlier_model, groups_of, regrouped_by_hand
from napari_splicer.config import ClusteringSettings
from napari_splicer.embedding.spans import patch_spans
from napari_splicer.embedding.table import record
from napari_splicer.shares import finish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.shares import Shares

_FEWEST = 30  # cells of which stability can be told
_NOT_HOW = ("name", "examples")  # among settings; examples hold names and colours of types
_MEASURED = ("stability", "image", "border")


class Trust(NamedTuple):
    """What speaks for and against groups; each number None where it can't be told.

    Attributes
    ----------
    stability : float
        Mean adjusted Rand index between groups found from several seeds; 1: always the same.
    image, border : float
        Adjusted mutual information (Vinh, Epps and Bailey 2010) of the group of a cell with its
        image, and with its patch reaching over the image's border; 0: nothing in common, 1: all.
    cells : int
        On how many, drawn at random, this was found.
    untold : str
        Why there is no stability; empty where there is one.
    """

    stability: float | None
    image: float | None
    border: float | None
    cells: int
    untold: str = ""


def trust(
    table: AnnData,
    clustering: str,
    *,
    shapes: Mapping[str, tuple[int, int]] | None = None,
    seeds: Sequence[int] = (1, 2, 3),
    most: int = 10_000,
) -> Trust:
    """Measure how far groups depend on chance, on the image, and on lying at its border.

    Parameters
    ----------
    table : AnnData
    clustering : str
    shapes : mapping of str to (int, int), optional
        Height and width in pixels of every image; without it, or where the table does not say
        how large its patches are, nothing is said of the border.
    seeds : sequence of int
        Groups are found once with each.
    most : int
        Of more cells than this, as many are drawn at random.

    Raises
    ------
    InvalidSettings
        If the table has no such clustering.
    """
    return finish(trusting(table, clustering, shapes=shapes, seeds=seeds, most=most))


def trusting(
    table: AnnData,
    clustering: str,
    *,
    shapes: Mapping[str, tuple[int, int]] | None = None,
    seeds: Sequence[int] = (1, 2, 3),
    most: int = 10_000,
) -> Shares[Trust]:
    """Do what :func:`trust` does, and yield how much is done."""
    groups_of(table, clustering)
    if table.n_obs > most:
        rows = np.random.default_rng(0).choice(table.n_obs, most, replace=False)
        table = table[np.sort(rows)].copy()
    codes = np.asarray(groups_of(table, clustering).cat.codes)
    images = np.asarray(table.obs["region"].astype("category").cat.codes)
    at_border = _at_border(table, shapes or {})
    untold = _untold(table, clustering)
    stability = None
    if not untold:
        settings = ClusteringSettings.model_validate(clusterings(table)[clustering])
        stability = yield from seeded(table, settings, seeds)
    return Trust(
        stability,
        _shared(codes, images),
        None if at_border is None else _shared(codes, at_border),
        table.n_obs,
        untold,
    )


def note_trust(table: AnnData, clustering: str, found: Trust) -> None:
    """Note in a table what was found of the groups that it has under this name.

    It is noted for these groups, whatever they are called: a change of names or colours loses
    nothing, and groups that come back have theirs.
    """
    known = {key: value for key in _MEASURED if (value := getattr(found, key)) is not None}
    noted = known | {"cells": found.cells} | ({"untold": found.untold} if found.untold else {})
    record(table)["trust"] = {**_noted(table), _told_by(table, clustering): noted}


def trust_of(table: AnnData, clustering: str) -> Trust | None:
    """Return what a table notes of groups as they are now; None where nothing is known."""
    everything = _noted(table)
    noted = everything.get(_told_by(table, clustering)) if everything else None
    if not isinstance(noted, dict):
        return None
    try:
        stability, image, border = (_number(noted.get(key)) for key in _MEASURED)
        cells, untold = int(noted["cells"]), str(noted.get("untold", ""))
    except (KeyError, TypeError, ValueError):  # it is not as it was noted here
        return None
    return Trust(stability, image, border, cells, untold)


def keep_trust(table: AnnData, before: AnnData) -> None:
    """Note what was found out by an earlier table of the same cells, too."""
    noted = _noted(before)
    if noted:
        record(table)["trust"] = {**_noted(table), **noted}


def _noted(table: AnnData) -> dict[str, Any]:
    noted = record(table).get("trust")
    return noted if isinstance(noted, dict) else {}


def _number(noted: Any) -> float | None:
    return None if noted is None else float(noted)


def _told_by(table: AnnData, clustering: str) -> str:
    """Return what tells groups apart: which cells are together, and how they were found."""
    codes = np.asarray(groups_of(table, clustering).cat.codes)
    names = len(groups_of(table, clustering).cat.categories)
    first = np.full(names + 1, len(codes))
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # the last to be written stays; -1 is the end
    order = np.empty(names + 1, np.int32)
    order[np.argsort(first, kind="stable")] = np.arange(names + 1)
    made = clusterings(table).get(clustering, {})
    # Lists as numpy writes them, for what was noted by older versions to be found.
    words = {key: str(np.asarray(made[key])) for key in sorted(made) if key not in _NOT_HOW}
    how = [words, earlier_model(table, clustering), regrouped_by_hand(table, clustering)]
    digest = hashlib.blake2b(json.dumps(how).encode(), digest_size=8)
    digest.update(order[codes].data)
    return digest.hexdigest()


def _untold(table: AnnData, clustering: str) -> str:
    """Say why groups of other seeds can't be compared; empty where a seed is all they depend on."""
    settings = clusterings(table).get(clustering)
    if table.n_obs < _FEWEST:
        return f"there are fewer than {_FEWEST} cells"
    if not settings:
        return "how the groups were made is not known"
    if settings.get("method") == "taught":
        return "they were taught by examples"
    if regrouped_by_hand(table, clustering):
        return "they were edited by hand"
    return "they are of an earlier model" if earlier_model(table, clustering) else ""


def _shared(codes: NDArray[np.int8], others: NDArray[np.int8]) -> float | None:
    from sklearn.metrics import adjusted_mutual_info_score

    if len(np.unique(others)) < 2:
        return None
    return float(adjusted_mutual_info_score(codes, others))


def _at_border(table: AnnData, shapes: Mapping[str, tuple[int, int]]) -> NDArray[np.int8] | None:
    """Return whose patch reaches over the border, int8 (n,)."""
    images, spans = table.obs["region"].astype(str), patch_spans(table)
    if not set(images) <= set(shapes) & set(spans):
        return None
    height, width = np.array([shapes[name] for name in images]).T
    y, x = table.obs["y"].to_numpy(), table.obs["x"].to_numpy()
    nearest = np.minimum.reduce([y, x, height - 1 - y, width - 1 - x])
    return np.asarray(nearest < images.map(spans).to_numpy() / 2, np.int8)
