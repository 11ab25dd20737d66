"""Lengths in µm, whatever unit a file tells them in."""

from __future__ import annotations

import math

_MICROMETRES = {
    "m": 1e6,
    "meter": 1e6,
    "dm": 1e5,
    "cm": 1e4,
    "centimeter": 1e4,
    "mm": 1e3,
    "millimeter": 1e3,
    "µm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "pm": 1e-6,
    "picometer": 1e-6,
    "å": 1e-4,
    "angstrom": 1e-4,
    "in": 25_400.0,
    "inch": 25_400.0,
}


def pixel_size_um(
    y: float | str | None, x: float | str | None, unit_y: str | None, unit_x: str | None
) -> tuple[float, float] | None:
    """Return a pixel's height and width in µm, or None where they are missing or no lengths.

    Examples
    --------
    >>> pixel_size_um("500", 0.5, "nm", "µm")
    (0.5, 0.5)
    >>> pixel_size_um(1, 1, "pixel", "pixel") is None
    True
    """
    sizes = (_micrometres(y, unit_y), _micrometres(x, unit_x))
    return None if sizes[0] is None or sizes[1] is None else (sizes[0], sizes[1])


def _micrometres(value: float | str | None, unit: str | None) -> float | None:
    # The Greek letter mu and the escaped form that ImageJ writes stand for the micro sign, too.
    key = (unit or "").replace("\\u00B5", "µ").replace("μ", "µ").replace("metre", "meter")
    factor = _MICROMETRES.get(key.strip().lower())
    try:
        length = float(value or 0)
    except ValueError:
        return None
    if factor is None or not math.isfinite(length) or length <= 0:
        return None
    # Twelve digits, so that 500 nm are 0.5 µm and not 0.5000000000000001.
    return float(f"{length * factor:.12g}")
