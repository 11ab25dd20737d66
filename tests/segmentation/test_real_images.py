"""Cells of real tissue, against masks that come with it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_splicer import pipeline
from napari_splicer.images.open import open_image, open_mask
from napari_splicer.segmentation import segment
from napari_splicer.segmentation.settings import SegmentationSettings

pytestmark = pytest.mark.real_data


def test_a_field_gives_about_the_cells_of_its_mask_however_it_is_cut(
    data_folder, monkeypatch
) -> None:
    name = "mibi_dcis_risom_dev/Point3117_pt1082_31677"
    image = open_image(data_folder / f"{name}.ome.tif")
    given = len(open_mask(data_folder / f"{name}_mask.tif").cells())
    whole = pipeline.run(pipeline.segment(image, SegmentationSettings()))
    assert len(whole.cells()) == pytest.approx(given, rel=0.2)
    monkeypatch.setattr(segment, "BLOCK", 300)
    parts = pipeline.run(pipeline.segment(image, SegmentationSettings()))
    table, other = (mask.cells().sort_values(["y", "x"]) for mask in (whole, parts))
    columns = ["y", "x", "area", "y0", "x1"]
    np.testing.assert_array_equal(table[columns], other[columns])
