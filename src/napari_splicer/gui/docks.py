"""Opening the Explorer where it belongs, under the image beside the SpliCER dock; the sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow

from napari_splicer.gui.layers import link_for
from napari_splicer.gui.view import look_at, shows_all

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.explorer_widget import ExplorerWidget


_LOW = 900  # px; napari's docks on the left and the Explorer below them would not fit such a screen

_SHARE = 0.45  # of a low window's height
_SETTLED = 100  # ms, after which a dock that was opened has its size


def open_explorer(viewer: Viewer) -> ExplorerWidget:
    """Open the *SpliCER Explorer* dock, or bring it to the front; return its widget.

    An image that is in sight as a whole stays so, though there is less room for it.
    """
    layers = link_for(viewer).image_layers
    whole = bool(layers) and shows_all(viewer, layers)
    dock, widget = viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER Explorer")
    widget = cast("ExplorerWidget", widget)
    widget.find_place()
    dock.show()
    dock.raise_()
    if whole:
        settled = QTimer(widget, singleShot=True, interval=_SETTLED)
        settled.timeout.connect(lambda: look_at(viewer, layers))
        settled.timeout.connect(settled.deleteLater)
        settled.start()
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
