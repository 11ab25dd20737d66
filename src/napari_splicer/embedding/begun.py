"""Whether cells that were described before a stop are those of a table: what is gone on with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.config import RunConfig, as_kept
from napari_splicer.embedding.table import record
from napari_splicer.images.fingerprint import rewritten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from anndata import AnnData

    from napari_splicer.images.fingerprint import Seen

OTHER = "of other cells, another model or other settings"

_SAME_ROWS = {"region": str, "instance_id": np.int64, "y": np.float64, "x": np.float64}
_SAME_SETTINGS = ("patches", "normalization", "seed", "precision")


def why_other(
    rows: pd.DataFrame,
    channels: pd.Index[str],
    noted: Mapping[str, Any],
    table: AnnData,
    now_seen: Sequence[Seen],
) -> str:
    """Return what keeps rows that were begun from being some of a table's; empty if nothing does.

    Parameters
    ----------
    rows : DataFrame (m)
        ``obs`` of what was begun.
    channels : Index
        Names of its variables.
    noted : mapping
        Its ``uns["splicer"]``.
    table : AnnData (n)
        What is to be made now, see :func:`napari_splicer.embedding.table.rows_without_values`.
    now_seen : sequence of Seen
        Its images and masks. Of one that was written anew, even where every cell has its place,
        one table would hold two.

    Raises
    ------
    KeyError, ValueError
        If what was begun lacks what every table has.
    """
    now = record(table)
    before = RunConfig.model_validate(as_kept(json.loads(noted["config"])))
    asked = RunConfig.model_validate_json(now["config"])
    same = channels.equals(table.var_names) and noted["bundle"] == now["bundle"]
    if not same or any(getattr(before, key) != getattr(asked, key) for key in _SAME_SETTINGS):
        return OTHER
    if others := rewritten(_seen_then(noted), now_seen):
        return f"of other pixels: {others}"
    place = table.obs_names.get_indexer(rows.index)
    if not (place >= 0).all() or not all(
        np.array_equal(rows[name].to_numpy(kind), table.obs[name].to_numpy(kind)[place])
        for name, kind in _SAME_ROWS.items()
    ):
        return OTHER
    if not _same_sizes(noted["pixel_sizes"], now["pixel_sizes"]):
        return "of images whose pixels had another size in µm"
    return ""


def _seen_then(noted: Mapping[str, Any]) -> dict[str, str]:
    """Return the fingerprints of images and masks; none in tables of older versions."""
    pixels = noted.get("pixels")
    if pixels is None:
        return {}
    pairs = zip(pixels["what"], pixels["fingerprint"], strict=True)
    return {str(what): str(fingerprint) for what, fingerprint in pairs}


def _same_sizes(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether every image has the size of its pixels, or none is known of it, as before."""
    return list(before["region"]) == list(now["region"]) and all(
        np.array_equal(before[side], now[side], equal_nan=True) for side in ("y_um", "x_um")
    )
