"""Opening the Explorer where it belongs, under the image beside the SpliCER dock; the sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.explorer_widget import ExplorerWidget


_LOW = 900  # px; napari's docks on the left and the Explorer below them would not fit such a screen

_SHARE = 0.45  # of a low window's height


def open_explorer(viewer: Viewer) -> ExplorerWidget:
    """Open the *SpliCER Explorer* dock, or bring it to the front; return its widget."""
    dock, widget = viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER Explorer")
    widget = cast("ExplorerWidget", widget)
    widget.find_place()
    dock.show()
    dock.raise_()
    return widget


def open_sample(viewer: Viewer) -> None:
    """Open the synthetic tissue, as *File > Open Sample* does."""
    viewer.open_sample("napari-splicer", "synthetic-tissue")


def move_below(widget: QWidget) -> bool:
    """Move the dock that holds ``widget`` under the image; return whether it is in a dock.

    napari itself opens every plugin's dock on the right.
    """
    dock = widget.parentWidget()
    while dock is not None and not isinstance(dock, QDockWidget):
        dock = dock.parentWidget()
    window = None if dock is None else dock.parentWidget()
    if not isinstance(window, QMainWindow):
        return False
    # The SpliCER dock on the right keeps its full height.
    window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
    if window.screen().availableGeometry().height() < _LOW:
        window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
    area = Qt.DockWidgetArea.BottomDockWidgetArea
    if window.dockWidgetArea(dock) != area:
        window.addDockWidget(area, dock)
        if window.height() < _LOW:
            height = round(_SHARE * window.height())
            window.resizeDocks([dock], [height], Qt.Orientation.Vertical)
    return True
