"""How settings stand among the notes of a table, which files keep as numbers, words and arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_splicer.config import Settings


def as_noted(settings: Settings) -> dict[str, Any]:
    """Return settings as AnnData can write them: without what is unset.

    Examples
    --------
    >>> from napari_splicer.config import ClusteringSettings
    >>> as_noted(ClusteringSettings(source=("chunk:immune", "intensity")))["source"]
    array(['chunk:immune', 'intensity'], dtype='<U12')
    """
    data = settings.model_dump(exclude_none=True)
    return {key: np.array(v) if isinstance(v, tuple) else v for key, v in data.items()}


def plain(noted: Mapping[str, Any]) -> dict[str, Any]:
    """Return notes as settings can be made of them: numpy's numbers and arrays as Python's own.

    Examples
    --------
    >>> plain({"source": np.array(["chunk:immune", "intensity"]), "seed": np.int64(0)})
    {'source': ['chunk:immune', 'intensity'], 'seed': 0}
    """
    numpys = (np.ndarray, np.generic)
    return {key: v.tolist() if isinstance(v, numpys) else v for key, v in noted.items()}
