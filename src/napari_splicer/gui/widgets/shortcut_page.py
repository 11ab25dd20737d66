"""ShortcutPage: all shortcuts of the two docks, in a window beside them."""

from __future__ import annotations

from html import escape
from itertools import groupby

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QDialog, QLabel, QScrollArea, QToolButton, QVBoxLayout, QWidget

from napari_splicer.gui.shortcuts import HELP, SHORTCUTS

_SIZE = QSize(600, 700)
_INTRO = "Keys act on what has the focus: click into the SpliCER dock or the Explorer first."


class ShortcutPage(QDialog):
    """Lists :data:`SHORTCUTS` by where they act; nothing waits for it to be closed.

    Parameters
    ----------
    parent : QWidget
        The dock that it belongs to.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keyboard and mouse in SpliCER")
        self.text = QLabel(_page())
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.text.setMargin(10)
        area = QScrollArea()
        area.setWidget(self.text)
        area.setWidgetResizable(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)
        self.resize(_SIZE)


class ShortcutButton(QToolButton):
    """A question mark that opens the page."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText("?")
        self.setAutoRaise(True)
        tip = f"Keyboard shortcuts, and what the mouse does ({HELP.native})"
        self.setToolTip(tip)
        self.setAccessibleName(tip)
        self.clicked.connect(lambda: show_shortcuts(self))


def show_shortcuts(dock: QWidget) -> ShortcutPage:
    """Open the page, or bring the one that is open to the front."""
    window = dock.window()
    page = window.findChild(ShortcutPage) or ShortcutPage(window)
    page.show()
    page.raise_()
    page.activateWindow()
    return page


def _page() -> str:
    parts = [f"<p>{_INTRO}</p>"]
    for where, shortcuts in groupby(SHORTCUTS, key=lambda each: each.where):
        rows = "".join(
            f"<tr><td width='210'>{escape(each.native)}</td><td>{escape(each.does)}</td></tr>"
            for each in shortcuts
        )
        parts.append(f"<h4>{escape(where)}</h4><table cellspacing='4'>{rows}</table>")
    return "".join(parts)
