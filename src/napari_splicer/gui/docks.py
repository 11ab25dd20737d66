"""Opening the Explorer where it belongs: under the image, beside the SpliCER dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMainWindow

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QWidget


def open_explorer(viewer: Viewer) -> QWidget:
    """Open the *SpliCER Explorer* dock, or bring it to the front; return its widget."""
    dock, widget = viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER Explorer")
    window = dock.parent()
    if isinstance(window, QMainWindow):
        # The SpliCER dock on the right keeps its full height.
        window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        area = Qt.DockWidgetArea.BottomDockWidgetArea
        if window.dockWidgetArea(dock) != area:
            window.addDockWidget(area, dock)
    dock.show()
    dock.raise_()
    return widget
