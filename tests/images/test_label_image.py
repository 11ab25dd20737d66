"""Label images that are filled bit by bit."""

from __future__ import annotations

import numpy as np
import pytest

from napari_splicer.images import label_image
from napari_splicer.images.label_image import LabelStore
from napari_splicer.images.masks import LabelMask
from napari_splicer.images.open import open_mask


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_store_filled_in_any_order_has_a_pyramid(tmp_path, monkeypatch, on_disk: bool) -> None:
    monkeypatch.setattr(label_image, "_OVERVIEW", 200)
    labels = np.random.default_rng(0).integers(0, 2**32, (700, 1100), dtype=np.uint32)
    path = tmp_path / "cells.ome.zarr" if on_disk else None
    store = LabelStore(path, "cells", labels.shape, (0.5, 0.5))
    for x in (600, 0):
        for y in (0, 300):
            store.finest[y : y + 400, x : x + 600] = labels[y : y + 400, x : x + 600]
    levels = store.finish({"by": "hand"})
    mask = LabelMask.from_array(levels, name="cells") if path is None else open_mask(path)
    assert [level.shape for level in mask.levels] == [(700, 1100), (175, 275), (44, 69)]
    np.testing.assert_array_equal(mask.read(0, 700, 0, 1100), labels)
    np.testing.assert_array_equal(mask.levels[2].compute(), labels[::16, ::16])
