"""Swatches: a colour as an icon, and the dialog that asks for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QColorDialog

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

SWATCH = 14  # px


def swatch(colour: str) -> QIcon:
    """Return a square of a colour."""
    pixmap = QPixmap(SWATCH, SWATCH)
    pixmap.fill(QColor(colour))
    icon = QIcon(pixmap)
    # Or the style tints it in a row that is selected, and greys it in one that is disabled.
    for mode in (QIcon.Mode.Selected, QIcon.Mode.Disabled):
        icon.addPixmap(pixmap, mode)
    return icon


def ask_for_colour(parent: QWidget, name: str, old: str, take: Callable[[str], None]) -> None:
    """Open a dialog, which waits for nothing; ``take`` gets the colour that is chosen, if one is.

    Parameters
    ----------
    parent : QWidget
    name : str
        Of what is to be coloured.
    old : str
        Its colour now, ``"#rrggbb"``.
    take : callable
    """
    dialog = QColorDialog(QColor(old), parent)
    dialog.setWindowTitle(f"Colour of {name}")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.colorSelected.connect(lambda colour: take(colour.name()))
    dialog.show()
