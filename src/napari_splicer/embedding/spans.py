"""How much of its image the patch of every row of a table spans, as the table itself notes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.config import RunConfig
from napari_splicer.patches.sites import patch_side

if TYPE_CHECKING:
    from anndata import AnnData


def patch_spans(table: AnnData) -> dict[str, int]:
    """Return the side of a patch in pixels of the image, by image.

    Parameters
    ----------
    table : AnnData
        Empty where it does not say how it was made.
    """
    noted = table.uns.get("splicer", {})
    if "config" not in noted or "pixel_sizes" not in noted:
        return {}
    patches = RunConfig.model_validate_json(noted["config"]).patches
    sizes = noted["pixel_sizes"]
    spans = {}
    for image, y, x in zip(sizes["region"], sizes["y_um"], sizes["x_um"], strict=True):
        known = (float(y), float(x)) if np.isfinite([y, x]).all() else None
        spans[str(image)] = patch_side(patches, known, image=str(image))
    return spans
