"""Which words stand out from a colour."""

from __future__ import annotations

import numpy as np
from qtpy.QtGui import QColor

_AS_DARK_AS_LIGHT = 0.179  # luminance at which black and white stand out alike


def readable_on(colour: str) -> str:
    """Return black or white, whichever stands out more from a colour (contrast of WCAG 2.2).

    Examples
    --------
    >>> readable_on("#d8e219"), readable_on("#440154")
    ('#000000', '#ffffff')
    """
    parts = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in QColor(colour).getRgbF()[:3]
    ]
    luminance = float(np.dot((0.2126, 0.7152, 0.0722), parts))
    return "#000000" if luminance > _AS_DARK_AS_LIGHT else "#ffffff"
