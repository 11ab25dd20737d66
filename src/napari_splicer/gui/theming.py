"""From a viewer's theme to the colours of painted widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.theme import get_theme
from qtpy.QtGui import QColor

from napari_splicer.gui.widgets.theme import Theme

if TYPE_CHECKING:
    from napari.viewer import Viewer


def theme_of(viewer: Viewer) -> Theme:
    """Return the colours that the viewer's docks have now."""
    theme = get_theme(viewer.theme)
    colours = {
        name: QColor(getattr(theme, key).as_hex(format="long")).name()
        for name, key in (("background", "background"), ("text", "text"), ("line", "primary"))
    }
    is_dark = QColor(colours["background"]).lightnessF() < 0.5
    return Theme(**colours, accent="#ffffff" if is_dark else "#000000", is_dark=is_dark)
