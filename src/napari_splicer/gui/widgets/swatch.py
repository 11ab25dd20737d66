"""Swatches: a colour as an icon, and the dialog that asks for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QColorDialog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


def ask_for_colour(
    parent: QWidget,
    name: str,
    old: str,
    names: Callable[[], Sequence[str]],
    take: Callable[[int, str], None],
) -> None:
    """Open a dialog, which waits for nothing; ``take`` gets the colour that is chosen, if one is.

    By then things may have other places, or be gone: then nothing is coloured.

    Parameters
    ----------
    parent : QWidget
    name : str
        Of what is to be coloured.
    old : str
        Its colour now, ``"#rrggbb"``.
    names : callable
        Says what things there are when a colour is chosen.
    take : callable
        Gets the place of ``name`` among them, and the colour.
    """

    def chosen(colour: QColor) -> None:
        there = list(names())
        if name in there:
            take(there.index(name), colour.name())

    dialog = QColorDialog(QColor(old), parent)
    dialog.setWindowTitle(f"Colour of {name}")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.colorSelected.connect(chosen)
    dialog.show()
