from __future__ import annotations

import pytest

from napari_splicer.images.units import pixel_size_um


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.5, "µm", 0.5),
        (0.5, "μm", 0.5),
        (0.5, r"\u00B5m", 0.5),
        (0.5, "Micrometre", 0.5),
        ("500", "nm", 0.5),
        (5000, "Å", 0.5),
        (0.00005, "cm", 0.5),
        (1, "reference frame", None),
        (1, None, None),
        (None, "µm", None),
        ("wide", "µm", None),
        (0, "µm", None),
        (-1, "µm", None),
        (float("nan"), "µm", None),
        (float("inf"), "µm", None),
    ],
)
def test_lengths_in_micrometres(value, unit, expected):
    size = pixel_size_um(value, 2.0, unit, "µm")
    assert size == (None if expected is None else (expected, 2.0))
