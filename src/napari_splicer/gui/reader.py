"""Opening a project by its record: dragged onto napari, or named on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import napari
from qtpy.QtCore import QTimer

from napari_splicer.gui.project.record import RECORD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.viewer import Viewer

    from napari_splicer.gui.main_widget import SplicerWidget

NO_LAYERS = [(None,)]
"""What tells napari that reading went well, and that there are no layers to add."""


def get_reader(path: str | Sequence[str]) -> Callable[[object], list[tuple[None]]] | None:
    """Return what opens the record of a project; None for any other file."""
    if not isinstance(path, str) or Path(path).name != RECORD:
        return None
    return read


def read(path: object) -> list[tuple[None]]:
    """Have the current viewer open a project, as soon as it is done with this file."""
    viewer = napari.current_viewer()
    if viewer is not None:
        QTimer.singleShot(0, lambda: open_project(viewer, Path(str(path)).parent))
    return NO_LAYERS


def open_project(viewer: Viewer, folder: Path) -> None:
    """Open a project in a viewer, and the SpliCER dock if it is not open."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER")
    cast("SplicerWidget", widget).project.open(folder)
